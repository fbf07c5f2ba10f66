/**
 * Agents for `node:http`, `node:https`, undici and the built-in `fetch`, whose connections are made as {@link connect} makes them: the
 * addresses of a name race each other, and a filter decides which addresses may be connected to. docs/agents.md shows how to use them.
 *
 * Pooling, queues, limits, timeouts and TLS are the runtime's. Bun's `node:http` and Deno's use only a part of an agent: docs/agents.md says
 * which.
 *
 * @packageDocumentation
 */

import type * as http from "node:http";
import type * as https from "node:https";
import type { BlockList } from "node:net";
import type { Duplex } from "node:stream";
import type { ConnectionOptions } from "node:tls";

/**
 * What an agent or a connector adds to the options of the runtime. It is checked when the agent is made. Among the options of a request
 * each of these throws InvalidAccessError, because requests share the agent's sockets.
 */
export interface AgentConnectOptions {
  /**
   * Filters addresses. It is called right before each attempt to connect, also for literals, with the exact address of the attempt. The
   * attempt starts only if it returns true, so a name cannot lead to an address inside your network (DNS rebinding), and neither can a
   * redirect. It must not return a promise. If none is allowed, the request fails with the `code` `"ERR_ADDRESS_BLOCKED"`. With a filter,
   * paths of Unix sockets are refused with that code, and requests to a proxy throw InvalidAccessError. Default: all addresses are allowed.
   */
  allowAddress?: ((address: string) => boolean) | undefined;
  /** Addresses that are refused, as `allowAddress` refuses them. With both, an address must pass both. Default: none. */
  blockList?: Pick<BlockList, "check"> | undefined;
  /**
   * A resolver instead of the system's: it gives the addresses of a name, in the order of preference. It is not called for literals. It is no
   * function like `dns.lookup()`, which takes a callback. Default: the system's resolver, which never occupies the threads of the file
   * system.
   */
  lookup?: ((host: string) => Promise<readonly string[]> | readonly string[]) | undefined;
  /**
   * How long the look-up, all attempts and TLS may take together, in milliseconds; 0: no limit. When it has passed, the request fails with
   * `"ETIMEDOUT"`. Default: no limit for an agent, 10,000 for a connector.
   */
  connectTimeout?: number | undefined;
  /** The time between the starts of two attempts, in milliseconds. Less than 10 counts as 10. Default: 250. */
  attemptDelay?: number | undefined;
  /** Uses only these addresses. It goes before a request's `family`. Default: both. */
  dnsQueryType?: "ipv4" | "ipv6" | undefined;
  /** The time between unanswered keep-alive probes, in milliseconds: whole seconds from 1,000 to 32,767,000. Default: 1,000. */
  keepAliveInterval?: number | undefined;
  /** After so many unanswered keep-alive probes the connection is lost: 1 to 127. Default: 10. */
  keepAliveCount?: number | undefined;
  /** How long sent bytes may stay unacknowledged, in milliseconds (TCP_USER_TIMEOUT). Only on Linux. Default: the system's. */
  userTimeout?: number | undefined;
  /** DSCP in the upper six bits of IP's byte for it. Default: 0. */
  typeOfService?: number | undefined;
  /** SO_SNDBUF, in bytes. Default: the system's. */
  sendBufferSize?: number | undefined;
  /** SO_RCVBUF, in bytes. Default: the system's. */
  receiveBufferSize?: number | undefined;
}

/** Options of an {@link Agent}: those of `http.Agent`, and its own. */
export type AgentOptions = Omit<http.AgentOptions, keyof AgentConnectOptions> & AgentConnectOptions;

/** Options of an {@link HttpsAgent}: those of `https.Agent`, and its own. */
export type HttpsAgentOptions = Omit<https.AgentOptions, keyof AgentConnectOptions> & AgentConnectOptions;

/**
 * Options of {@link connector}: those of undici's `buildConnector()` and of `tls.connect()`, and its own. `timeout` is another name for
 * `connectTimeout`, as in undici.
 */
export interface ConnectorOptions extends Omit<ConnectionOptions, keyof AgentConnectOptions | "port" | "host" | "socket">, AgentConnectOptions {
  /** Offers HTTP/2 by ALPN. undici then needs its own option `allowH2`, too. Default: false. */
  allowH2?: boolean | undefined;
  /** Whether the system probes idle connections. Default: true. */
  keepAlive?: boolean | undefined;
  /** The time before the first probe, in milliseconds. Default: 60,000. */
  keepAliveInitialDelay?: number | undefined;
  /** The local address of the connections. Default: the system's choice. */
  localAddress?: string | undefined;
  /** How many TLS sessions are kept for resumption. Default: 100. */
  maxCachedSessions?: number | undefined;
  /** The path of a Unix socket to connect to, whatever the URL says. Default: none. */
  socketPath?: string | undefined;
}

/** What undici asks a connector to connect to. */
export interface ConnectorTarget {
  /** The host of the URL. */
  hostname: string;
  /** The host of the request's Host header. */
  host?: string | undefined;
  /** `"http:"` or `"https:"`. */
  protocol: string;
  /** The port of the URL; empty: that of the protocol. */
  port: string;
  /** The name for TLS. Default: that of the Host header. */
  servername?: string | undefined;
  /** The local address. Default: the connector's. */
  localAddress?: string | null | undefined;
  /** A connection to a proxy, over which TLS is to go. With a filter of addresses it is refused. */
  httpSocket?: any;
}

/** A function for the option `connect` of undici's `Client`, `Pool` and `Agent`. */
export type Connector = (
  target: ConnectorTarget,
  callback: (...result: [error: null, socket: any] | [error: Error, socket: null]) => void,
) => void;

/**
 * An `http.Agent` for `http.request()`, and for libraries that take an agent, such as axios, got and node-fetch.
 *
 * If no address can be connected to, the request emits the exception of {@link connect}: its `code` is what Node's users expect
 * (`"ECONNREFUSED"`, `"ENOTFOUND"`, `"ETIMEDOUT"`, `"ERR_ADDRESS_BLOCKED"`), and its `cause` is an AggregateError with one error for each
 * address that was tried.
 *
 * @example
 * import http from "node:http";
 * import { once } from "node:events";
 * import { Agent } from "tcp-udp-sockets/agent";
 *
 * const agent = new Agent({ keepAlive: true, allowAddress: (address) => !address.startsWith("127.") });
 * const request = http.get("http://127.0.0.1:8080/", { agent });
 * const [error] = await once(request, "error");
 * console.log(error.code); // ERR_ADDRESS_BLOCKED
 */
export declare class Agent extends http.Agent {
  /**
   * Makes an agent.
   *
   * @throws InvalidAccessError for a value that cannot be used, for a misspelt `allowAddress`, and for `proxyEnv` together with an
   *   option of its own: the connections of such an agent are the runtime's. TypeError for a value of the wrong type.
   */
  constructor(options?: AgentOptions);
  /**
   * Starts to connect, and returns a stream with the members of a `net.Socket`. `http.request()` calls it.
   *
   * @param callback is called when the connection is established, or has failed.
   */
  createConnection(options: object, callback?: (error: Error | null, stream: Duplex) => void): Duplex;
}

/**
 * An `https.Agent`. TLS is the runtime's `node:tls` with all of its options, and sessions are resumed as with `https.Agent`.
 */
export declare class HttpsAgent extends https.Agent {
  /**
   * Makes an agent.
   *
   * @throws InvalidAccessError, TypeError: as the constructor of {@link Agent}.
   */
  constructor(options?: HttpsAgentOptions);
  /**
   * Starts to connect, and returns a `tls.TLSSocket`. `https.request()` calls it.
   *
   * @param callback is called when TLS is established, or connecting has failed.
   */
  createConnection(options: object, callback?: (error: Error | null, stream: Duplex) => void): Duplex;
}

/**
 * Makes the option `connect` for undici's `Client`, `Pool` and `Agent`. The built-in `fetch` takes such an `Agent` of npm's undici as
 * `dispatcher`. It does not see the connections that undici's `ProxyAgent` and `EnvHttpProxyAgent` make.
 *
 * @param options Options for all connections.
 * @throws InvalidAccessError, TypeError: as the constructor of {@link Agent}.
 */
export declare function connector(options?: ConnectorOptions): Connector;
