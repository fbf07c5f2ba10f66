// The scenarios. Each is a kind of server (servers/, loadgen serve) and the load on it (loadgen LOAD).

/**
 * @typedef {object} Metric
 * @property {"cpu" | "script" | "p50" | "memory" | "delay"} of the figure of each measurement
 * @property {string} label its name in the table
 * @property {string} unit
 * @property {number} scale factor from the measurement's own unit to `unit`
 */

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} title
 * @property {string} server the kind of server
 * @property {number} [size] how many bytes the server sends at a time
 * @property {Record<string, string>} [special] the kind of server for an API that has more than one way
 * @property {string[]} [apis] the APIs that take part; absent: all
 * @property {string[]} load
 * @property {string} counted the unit of the load
 * @property {boolean} [bulk] true: rates are in bytes
 * @property {boolean} [fresh] true: every round starts a new server
 * @property {boolean} [free] true: server and load may run on any core
 * @property {Metric[]} metrics
 */

/** @type {(counted: string) => Metric} */
const cpuPer = (counted) => ({ of: "cpu", label: `CPU per ${counted}`, unit: "µs", scale: 1e6 });
/** @type {Metric} */
const cpuPerMegabyte = { of: "cpu", label: "CPU per MB", unit: "µs", scale: 1e12 };
/** @type {(counted: string) => Metric} */
const scriptPer = (counted) => ({ of: "script", label: `JavaScript thread's CPU per ${counted}`, unit: "µs", scale: 1e6 });
/** @type {Metric} */
const scriptPerMegabyte = { of: "script", label: "JavaScript thread's CPU per MB", unit: "µs", scale: 1e12 };
/** @type {Metric} */
const delay = { of: "delay", label: "event-loop delay, p99", unit: "ms", scale: 1e-6 };
/** @type {Metric} */
const median = { of: "p50", label: "p50", unit: "µs", scale: 1e-3 };

/** What a stream of bytes runs over. By these names the servers and the load generator know it too. */
const families = { tcp: "TCP", unix: "Unix socket" };

/**
 * A client that sleeps charges its own wake-ups to whichever server is slower, because the server's write wakes it. So it exaggerates every
 * difference. A client that spins charges nothing. Both are shown.
 *
 * @type {(family: keyof typeof families, connections: number) => Scenario[]}
 */
const echo = (family, connections) =>
  [true, false].map((spins) => ({
    name: `${family}-echo-${connections}-${spins ? "spin" : "sleep"}`,
    title: `${families[family]} echo, ${connections.toLocaleString("en")} connections, 64 B, client ${spins ? "spins" : "sleeps"}`,
    server: `${family}-echo`,
    load: [`${family}-echo`, "--connections", String(connections), "--size", "64", "--spin", spins ? "1" : "0"],
    counted: "message",
    metrics: [cpuPer("message")],
  }));

/** @type {(family: keyof typeof families, connections: number) => Scenario} */
const receive = (family, connections) => ({
  name: `${family}-receive-${connections}`,
  title: `${families[family]} receive, bulk, ${connections} connection${connections === 1 ? "" : "s"}`,
  server: `${family}-discard`,
  load: [`${family}-upload`, "--connections", String(connections)],
  counted: "byte",
  bulk: true,
  metrics: [cpuPerMegabyte],
});

/**
 * Receiving into the program's own memory. Bun's handlers get one buffer again and again, and the raw server has one. Node's `data` events
 * cannot do that; its `onread` has a row of its own.
 *
 * @type {(connections: number) => Scenario[]}
 */
const receiveInto = (connections) => {
  const row = {
    load: ["tcp-upload", "--connections", String(connections)],
    counted: "byte",
    bulk: true,
    metrics: [cpuPerMegabyte],
  };
  const bulk = `TCP receive, bulk, ${connections} connection${connections === 1 ? "" : "s"}`;
  return [
    {
      ...row,
      name: `tcp-receive-byob-${connections}`,
      title: `${bulk}, BYOB reads of readable`,
      server: "tcp-discard",
      special: { package: "tcp-discard-byob" },
    },
    {
      ...row,
      name: `tcp-receive-exactly-${connections}`,
      title: `${bulk}, readExactly() of 1 MiB`,
      server: "tcp-discard",
      special: { package: "tcp-discard-exactly" },
    },
    {
      ...row,
      name: `tcp-receive-onread-${connections}`,
      title: `${bulk}, BYOB reads against node:net's onread`,
      server: "tcp-discard-onread",
      special: { package: "tcp-discard-byob" },
      apis: ["package", "node"],
    },
  ];
};

/** @type {(family: keyof typeof families) => Scenario} */
const send = (family) => ({
  name: `${family}-send`,
  title: `${families[family]} send, bulk, 64 KiB chunks`,
  server: `${family}-send`,
  size: 65536,
  load: [`${family}-download`, "--connections", "1"],
  counted: "byte",
  bulk: true,
  metrics: [cpuPerMegabyte],
});

/** @type {(family: keyof typeof families) => Scenario} */
const connect = (family) => ({
  name: `${family}-connect`,
  title: `${families[family]} accept + 1 byte + close`,
  server: `${family}-once`,
  load: [`${family}-connect`, "--connections", "16"],
  counted: "connection",
  metrics: [cpuPer("connection")],
});

/** @type {(size: number) => Scenario[]} */
const udp = (size) => {
  const shown = `${size.toLocaleString("en")} B`;
  return [
    {
      name: `udp-echo-${size}`,
      title: `UDP echo, 64 in flight, ${shown}`,
      server: "udp-echo",
      load: ["udp-echo", "--depth", "64", "--size", String(size)],
      counted: "datagram",
      metrics: [cpuPer("datagram")],
    },
    {
      name: `udp-receive-${size}`,
      title: `UDP receive, flood, ${shown}`,
      server: "udp-discard",
      load: ["udp-flood", "--size", String(size)],
      counted: "datagram",
      metrics: [cpuPer("datagram")],
    },
    // The same in loops, against the events of the other APIs.
    ...[["loop", "for await over the socket"], ["readable", "for await over readable"]].map(([way, title]) => ({
      name: `udp-receive-${way}-${size}`,
      title: `UDP receive, flood, ${shown}, ${title}`,
      server: "udp-discard",
      special: { package: `udp-discard-${way}` },
      load: ["udp-flood", "--size", String(size)],
      counted: "datagram",
      metrics: [cpuPer("datagram")],
    })),
    {
      name: `udp-send-${size}`,
      title: `UDP send to one destination, ${shown}`,
      server: "udp-send",
      size,
      load: ["udp-sink", "--size", String(size)],
      counted: "datagram",
      metrics: [cpuPer("datagram")],
    },
    {
      name: `udp-send-many-${size}`,
      title: `UDP send to one destination, ${shown}, Bun's sendMany()`,
      server: "udp-send",
      special: { bun: "udp-send-many" },
      apis: ["package", "bun"],
      size,
      load: ["udp-sink", "--size", String(size)],
      counted: "datagram",
      metrics: [cpuPer("datagram")],
    },
  ];
};

/** The APIs of scenarios without a raw server. */
const engines = ["package", "node", "bun", "deno"];

/** @type {(connections: number) => Scenario} */
const tlsReceive = (connections) => ({
  name: `tls-receive-${connections}`,
  title: `TLS receive, bulk, ${connections} connection${connections === 1 ? "" : "s"}`,
  server: "tls-discard",
  load: ["tls-upload", "--connections", String(connections)],
  counted: "byte",
  bulk: true,
  metrics: [cpuPerMegabyte, scriptPerMegabyte],
});

/** @type {Scenario[]} */
const tls = [
  tlsReceive(1),
  tlsReceive(8),
  {
    name: "tls-send",
    title: "TLS send, bulk, 64 KiB chunks",
    server: "tls-send",
    size: 65536,
    load: ["tls-download", "--connections", "1"],
    counted: "byte",
    bulk: true,
    metrics: [cpuPerMegabyte, scriptPerMegabyte],
  },
  {
    name: "tls-echo",
    title: "TLS echo, 32 connections, 64 B",
    server: "tls-echo",
    load: ["tls-echo", "--connections", "32", "--size", "64"],
    counted: "message",
    metrics: [cpuPer("message"), scriptPer("message")],
  },
  {
    name: "tls-handshakes",
    title: "TLS handshake in full + 1 byte + close",
    server: "tls-once",
    load: ["tls-handshakes", "--connections", "16"],
    counted: "handshake",
    metrics: [cpuPer("handshake"), scriptPer("handshake")],
  },
  {
    // It shows how much time is left for the application, so no process is tied to a core.
    name: "tls-delay",
    title: "TLS receive, bulk, 8 connections, any core",
    server: "tls-discard",
    apis: engines,
    load: ["tls-upload", "--connections", "8"],
    counted: "byte",
    bulk: true,
    free: true,
    fresh: true,
    metrics: [delay],
  },
];

/** @type {Scenario[]} */
export const scenarios = [
  ...echo("tcp", 32),
  ...echo("tcp", 256),
  ...echo("tcp", 1000),
  {
    name: "tcp-echo-pipelined",
    title: "TCP echo, one connection, 32 in flight, 64 B, client spins",
    server: "tcp-echo",
    load: ["tcp-echo", "--connections", "1", "--depth", "32", "--size", "64", "--spin", "1"],
    counted: "message",
    metrics: [cpuPer("message")],
  },
  {
    name: "tcp-echo-large",
    title: "TCP echo, 8 connections × 4 × 64 KiB",
    server: "tcp-echo",
    load: ["tcp-echo", "--connections", "8", "--depth", "4", "--size", "65536"],
    counted: "message",
    metrics: [cpuPer("message")],
  },
  {
    name: "tcp-round-trip",
    title: "TCP round trip, one connection, busy-waiting client",
    server: "tcp-echo",
    load: ["tcp-round-trip", "--size", "64"],
    counted: "message",
    metrics: [median, cpuPer("message")],
  },
  receive("tcp", 1),
  receive("tcp", 8),
  ...receiveInto(1),
  ...receiveInto(8),
  send("tcp"),
  // The same three with web streams, for comparison with those above.
  {
    name: "streams-receive",
    title: "TCP receive, bulk, 1 connection, web streams (for await)",
    server: "tcp-discard-streams",
    apis: ["package", "node"],
    load: ["tcp-upload", "--connections", "1"],
    counted: "byte",
    bulk: true,
    metrics: [cpuPerMegabyte],
  },
  {
    name: "streams-send",
    title: "TCP send, bulk, 64 KiB chunks, web streams (pipeTo)",
    server: "tcp-send-streams",
    apis: ["package", "node"],
    size: 65536,
    load: ["tcp-download", "--connections", "1"],
    counted: "byte",
    bulk: true,
    metrics: [cpuPerMegabyte],
  },
  {
    name: "streams-echo",
    title: "TCP echo, 32 connections, 64 B, web streams (pipeTo)",
    server: "tcp-echo-streams",
    apis: ["package", "node"],
    load: ["tcp-echo", "--connections", "32", "--size", "64"],
    counted: "message",
    metrics: [cpuPer("message")],
  },
  // Lines: by a loop (`reader`, node:readline), and by events (`message` and a split, the 'line' events of node:readline).
  ...["tcp-lines", "tcp-lines-events"].map((name) => ({
    name,
    title: `TCP lines of 80 B, 1 connection${name === "tcp-lines" ? ", for await" : ", events"}`,
    server: name,
    apis: ["package", "node"],
    load: ["tcp-lines", "--connections", "1", "--size", "80"],
    counted: "byte",
    bulk: true,
    metrics: [/** @type {Metric} */ ({ of: "cpu", label: "CPU per line", unit: "ns", scale: 80e9 })],
  })),
  ...["tcp-small", "tcp-small-corked"].map((name) => ({
    name,
    title: `TCP send, 1,000 × 64 B per tick${name === "tcp-small" ? "" : ", node:net corked"}`,
    server: "tcp-small",
    ...(name === "tcp-small"
      ? { apis: engines }
      : { apis: ["package", "node"], special: { node: "tcp-small-corked" } }),
    size: 64,
    load: ["tcp-download", "--connections", "1"],
    counted: "byte",
    bulk: true,
    metrics: [/** @type {Metric} */ ({ of: "cpu", label: "CPU per send", unit: "µs", scale: 64e6 })],
  })),
  connect("tcp"),
  ...echo("unix", 32),
  receive("unix", 1),
  receive("unix", 8),
  send("unix"),
  connect("unix"),
  ...[1, 8].map((connections) => ({
    name: `relay-bulk-${connections}`,
    title: `TCP proxy, bulk, ${connections} connection${connections === 1 ? "" : "s"}: relay() against pipe()`,
    server: "relay-discard",
    apis: ["package", "node"],
    load: ["tcp-upload", "--connections", String(connections)],
    counted: "byte",
    bulk: true,
    metrics: [cpuPerMegabyte],
  })),
  {
    name: "relay-echo",
    title: "TCP proxy to an echo server, 32 connections, 64 B: relay() against pipe()",
    server: "relay-echo",
    apis: ["package", "node"],
    load: ["tcp-echo", "--connections", "32", "--size", "64"],
    counted: "message",
    metrics: [cpuPer("message")],
  },
  ...[udp(64), udp(1200)].flat(),
  {
    name: "tcp-idle",
    title: "Idle connections, 10,000",
    server: "tcp-echo",
    apis: engines,
    load: ["tcp-idle", "--connections", "10000"],
    counted: "connection",
    fresh: true,
    metrics: [{ of: "memory", label: "memory each", unit: "KiB", scale: 1 / 1024 }],
  },
  {
    name: "tcp-sparse",
    title: "Sparse traffic, 1,000 messages/s on one connection",
    server: "tcp-echo",
    load: ["tcp-sparse", "--size", "64"],
    counted: "message",
    metrics: [cpuPer("message"), median],
  },
  ...tls,
];
