// tcp-udp-sockets/agent, as users of node:http, node:https and undici write it.

import * as http from "node:http";
import * as https from "node:https";
import { BlockList } from "node:net";
import { Agent, HttpsAgent, connector } from "tcp-udp-sockets/agent";
import type { AgentOptions, Connector, ConnectorOptions } from "tcp-udp-sockets/agent";
import { equal } from "./equal.js";

const options: AgentOptions = {
  keepAlive: true,
  maxSockets: 4,
  scheduling: "fifo",
  allowAddress: (address) => address !== "::1",
  blockList: new BlockList(),
  lookup: async (host) => [host],
  connectTimeout: 5000,
  attemptDelay: undefined,
  dnsQueryType: "ipv6",
};
const agent: http.Agent = new Agent(options);
http.get("http://localhost/", { agent });
const secure: https.Agent = new HttpsAgent({ ...options, ca: "", servername: "a.test", rejectUnauthorized: true });
https.get("https://localhost/", { agent: secure });
new Agent().createConnection({ port: 80 }, (error, stream) => {
  equal<typeof error, Error | null>(true);
  stream.end();
});

const forUndici: ConnectorOptions = { ca: "", allowH2: true, maxCachedSessions: 10, timeout: 1000, blockList: new BlockList() };
const connect: Connector = connector(forUndici);
equal<ReturnType<typeof connector>, Connector>(true);
// The type of undici's option `connect`, as buildConnector declares it.
type UndiciCallback = (...values: [null, import("node:net").Socket] | [Error, null]) => void;
type UndiciTarget = {
  hostname: string;
  host?: string;
  protocol: string;
  port: string;
  servername?: string;
  localAddress?: string | null;
  httpSocket?: import("node:net").Socket;
};
export const accepted: (target: UndiciTarget, callback: UndiciCallback) => void = connect;

// @ts-expect-error A filter answers at once.
new Agent({ allowAddress: async () => true });
// @ts-expect-error A lookup of ours takes no callback.
new Agent({ lookup: (host: string, given: object, callback: () => void) => callback() });
// @ts-expect-error
new HttpsAgent({ dnsQueryType: "both" });
// @ts-expect-error
connector({ connectTimeout: "1s" });
