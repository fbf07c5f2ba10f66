/**
 * Help for the tests of programs that use the package. These functions know the sockets of one package instance: the one that the test
 * has loaded. jest and vitest load one for each test file, and each worker thread has one of its own. So a test never sees the sockets of
 * another file, and calls these functions in the file whose sockets it means.
 *
 * @packageDocumentation
 */

import type {
  TCPOptions,
  TCPServerOptions,
  TCPServerSocket,
  TCPSocket,
  UDPSocket,
  UnixServerSocket,
  UnixSocket,
} from "./index.js";

/** A socket of any kind, or a server. */
export type AnySocket = TCPSocket | TCPServerSocket | UDPSocket | UnixSocket | UnixServerSocket;

/** Options of socketPair(). */
export interface SocketPairOptions {
  /** Options of the client, as of the TCPSocket constructor. Default: none. */
  client?: TCPOptions | undefined;
  /**
   * Options of the server that accepts the other end, as of the TCPServerSocket constructor. Default: none, but `localAddress` is
   * `"127.0.0.1"`.
   */
  server?: TCPServerOptions | undefined;
}

/**
 * The sockets and servers that are not `"closed"`, in the order in which they were opened: also those that connect or close. A connect() that
 * has not settled has no socket yet.
 *
 * @example
 * import { UDPSocket } from "tcp-udp-sockets";
 * import { closeAll, openSockets } from "tcp-udp-sockets/testing";
 *
 * const socket = new UDPSocket();
 * console.log(openSockets().length, openSockets()[0] === socket); // 1 true
 * await closeAll();
 * console.log(openSockets().length); // 0
 */
export declare function openSockets(): AnySocket[];

/**
 * Closes all sockets and servers, and ends each connect() that has not settled. It is meant for `afterEach(closeAll)`.
 *
 * Connections are reset, so no peer is waited for; those that were connecting fire `error` (`"ECONNABORTED"`), as close() does. UDP sockets and
 * servers are closed. A connect() rejects with a NetworkError (`"ECONNABORTED"`). Sockets that handlers open meanwhile are closed, too.
 * So stop what opens sockets again and again, such as a program that connects anew after each loss.
 *
 * @returns Fulfilled once everything is closed: ports are free, what UDP sockets had buffered is sent, and the events have fired. It never
 *   rejects. A second call while one runs is fulfilled then, too.
 */
export declare function closeAll(): Promise<void>;

/**
 * Makes two TCPSockets that are connected to each other over loopback. Both are `"open"`, and no server is left behind. With TLS in the
 * options of both ends, the handshake is done.
 *
 * @returns The client's end, and the end that a server has accepted. It rejects with what the constructors throw, with the exception of an
 *   `error`, or with InvalidAccessError if one end alone does TLS. Then both ends are closed.
 *
 * @example
 * import { once } from "tcp-udp-sockets";
 * import { closeAll, socketPair } from "tcp-udp-sockets/testing";
 *
 * const [client, accepted] = await socketPair();
 * client.send("Hello World");
 * const { data } = await once(accepted, "message");
 * console.log(new TextDecoder().decode(data)); // Hello World
 * await closeAll();
 */
export declare function socketPair(options?: SocketPairOptions): Promise<[client: TCPSocket, accepted: TCPSocket]>;
