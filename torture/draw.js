"use strict";

// Draws a play from a seed: the kind of its connections, their options, and the list of operations. A play is plain data, so that it can be
// written to a file, cut down, and played again.

const { generator } = require("../__test__/helpers/random");

/** Kinds of connections between two ends. */
const CONNECTIONS = ["tcp", "connect", "tls", "starttls", "unix", "framing", "net", "net-server", "node-tls", "node-tls-server"];
/** The kinds whose other end is Node's own net or tls. */
const FOREIGN = ["net", "net-server", "node-tls", "node-tls-server"];
/** Two connections that are joined. The kinds of the two. */
const RELAYS = { relay: ["tcp", "tcp"], "relay-tls": ["tls", "tls"], "relay-mixed": ["tcp", "tls"], "relay-unix": ["unix", "tcp"] };
const KINDS = [...CONNECTIONS, ...Object.keys(RELAYS), "udp", "udp-connected", "server", "server-tls", "server-unix", "agent"];

/** Points that panic (src/net/hooks.rs), with how many passes there may be before. Those of the JavaScript thread, tasks and threads. */
const POINTS = [
  "step", "stepped", "describe", "ready", "flush", "begin", "next", "watch", "end", "closing", "deadline", "timer task",
  "send", "sendScratch", "sendBlob", "readyState", "bufferedAmount", "close", "reset", "halfclose", "suspend", "resume",
];
const TLS_POINTS = ["tls write", "tls read", "tls wait", "tls to turn", "tls to task", "tls reports", "tls hello", "wake batcher"];
/** The points that a kind passes. @param {string} kind */
function pointsOf(kind) {
  return [
    ...POINTS,
    ...(/tls|mixed/.test(kind) ? [...TLS_POINTS, ...TLS_POINTS] : []),
    ...(kind.startsWith("relay") ? Array(6).fill("relay") : []),
    ...(kind === "connect" ? ["look-up", "look-up delivered", "openLookup", "openTcp"] : []),
  ];
}

/** @typedef {(bound: number) => number} Random */

/** @template T @param {Random} random @param {readonly T[]} values @returns {T} */
const pick = (random, values) => values[random(values.length)];

/** A length: mostly small, sometimes over what the system's buffers hold. @param {Random} random */
function size(random) {
  return pick(random, [0, 1, 1, 2, 7, 100, 100, 1000, 3000, 8192, 16_384, 40_000, 70_000, 200_000, 700_000]);
}

/** What each operation is drawn with. @type {Record<string, (random: Random) => object>} */
const ARGUMENTS = {
  send: (random) => ({
    as: pick(random, ["string", "string", "view", "view", "buffer", "words", "shared", "blob"]),
    size: size(random),
    from: random(1 << 19),
    rewrite: random(3) === 0,
  }),
  burst: (random) => ({ count: 2 + random(60), size: pick(random, [1, 10, 100, 1000, 4000]), from: random(1 << 19) }),
  nonsense: (random) => ({ value: pick(random, [1, null, {}, [1, 2]]) }),
  listen: (random) => ({ type: pick(random, ["message", "message", "halfclose"]), how: pick(random, ["add", "once", "once", "signal", "attribute"]) }),
  unlisten: (random) => ({ type: pick(random, ["message", "halfclose"]) }),
  once: (random) => ({ type: pick(random, ["message", "message", "drain", "halfclose", "close", "error", "open"]), aborted: random(3) === 0 }),
  setOptions: (random) => ({
    options: pick(random, [
      { highWaterMark: pick(random, [0, 1, 1000, 65536, 1_000_000]) },
      { noDelay: false }, { noDelay: true }, { keepAliveDelay: 1000 }, { keepAliveDelay: 0 }, { idleTimeout: 0 },
      { sendBufferSize: 16_384 }, { receiveBufferSize: 32_768 }, { sendBufferSize: 300_000, receiveBufferSize: 300_000 },
    ]),
  }),
  timers: (random) => ({ options: pick(random, [{ idleTimeout: 1 + random(40) }, { closeTimeout: 1 + random(40) }]) }),
  ref: (random) => ({ on: random(2) === 0 }),
  subscribe: (random) => ({ name: pick(random, ["tcp.client.socket", "tcp.server.socket", "error", "close"]) }),
  readable: (random) => ({
    how: pick(random, ["default", "byob", "byob", "iterate", "tee", "pipe", "cancel"]),
    size: pick(random, [10, 500, 5000, 65536, 300_000]),
    every: pick(random, [0, 0, 1]),
  }),
  write: (random) => ({ size: 1 + size(random), from: random(1 << 19) }),
  endWriter: () => ({ how: "close" }),
  read: (random) => ({
    how: pick(random, ["read", "read", "readExactly", "readUntil", "readLine"]),
    size: pick(random, [0, 1, 3, 1000, 70_000, 300_000]),
    timeout: pick(random, [0, 0, 0, 1, 20]),
  }),
  unread: (random) => ({ share: pick(random, [0.01, 0.5, 1]) }),
  startTls: (random) => ({ isHasty: random(6) === 0 }),
};

/** How often each operation is drawn, beside the others. `rough` ones may lose bytes. */
const COMMON = {
  send: 26, burst: 8, nonsense: 1, listen: 12, unlisten: 5, once: 5, suspend: 4, resume: 6, setOptions: 3, inspect: 3, ref: 2, collect: 2, subscribe: 1,
};
const ENDINGS = { halfclose: 3, close: 2, dispose: 1 };
const ROUGH = { reset: 3, abort: 2, timers: 1, close: 2, endWriter: 1 };
const STYLES = {
  events: {},
  streams: { readable: 5, write: 20, endWriter: 2, send: -15 },
  echo: { echo: 10, write: 4 },
  reader: { read: 25, unread: 6, release: 5 },
};

/** @param {Random} random @param {Record<string, number>} weights */
function drawName(random, weights) {
  const entries = Object.entries(weights).filter(([, weight]) => weight > 0);
  let at = random(entries.reduce((total, [, weight]) => total + weight, 0));
  for (const [name, weight] of entries) {
    if (at < weight) return name;
    at -= weight;
  }
  throw new Error("no operation was drawn");
}

/** @param {Record<string, number>[]} tables */
function sum(...tables) {
  /** @type {Record<string, number>} */
  const all = {};
  for (const table of tables) {
    for (const [name, weight] of Object.entries(table)) all[name] = (all[name] ?? 0) + weight;
  }
  return all;
}

/** Options of a socket. @param {Random} random @param {boolean} isGentle */
function drawOptions(random, isGentle) {
  /** @type {Record<string, unknown>} */
  const options = {};
  if (random(3) === 0) options.highWaterMark = pick(random, [0, 1, 1000, 16384, 500_000]);
  if (random(4) === 0) options.allowHalfOpen = pick(random, [true, true, isGentle]);
  if (random(5) === 0) options.sendBufferSize = pick(random, [16_384, 50_000, 300_000]);
  if (random(5) === 0) options.receiveBufferSize = pick(random, [32_768, 65_536, 300_000]);
  if (!isGentle && random(5) === 0) options.maxBufferedAmount = pick(random, [1000, 100_000, 500_000]);
  return options;
}

/** @param {Random} random @param {number} ends @param {Record<string, number>[]} weights of each end @param {number} count */
function drawOperations(random, ends, weights, count) {
  return Array.from({ length: count }, () => {
    const to = random(ends);
    const name = drawName(random, weights[to]);
    return {
      to,
      do: name === "timers" ? "setOptions" : name,
      ...ARGUMENTS[name]?.(random),
      // Where it is called: in the play's own code, or in a handler or callback.
      when: random(3) > 0 ? "now" : pick(random, ["message", "message", "drain", "open", "halfclose", "close", "error", "microtask", "nextTick", "immediate", "timeout"]),
      // What comes before the next operation.
      then: pick(random, ["none", "none", "microtask", "turn", "turn", "turns", "ms"]),
    };
  });
}

/**
 * @param {number} seed
 * @param {string} kind
 * @param {{ panics?: boolean }} [how]
 */
function draw(seed, kind, { panics = false } = {}) {
  const random = generator((Math.imul(seed, 2654435761) ^ Math.imul(KINDS.indexOf(kind) + 1, 40503)) >>> 0);
  for (let i = 0; i < 4; i++) random(2);
  const isGentle = random(2) === 0;
  const base = { seed, kind, panics };
  if (!(CONNECTIONS.includes(kind) || kind in RELAYS)) {
    return { ...base, random: random(1 << 30), isGentle, operations: drawPlain(random, kind, isGentle, panics) };
  }
  const isRelay = kind in RELAYS;
  const pairs = isRelay ? RELAYS[/** @type {keyof typeof RELAYS} */ (kind)] : Array(1 + random(2)).fill(kind);
  const ends = pairs.flatMap((/** @type {string} */ pair) => [0, 1].map(() => ({
    style: pick(random, /** @type {(keyof typeof STYLES)[]} */ (pair === "framing" || isRelay ? ["events"] : pair === "starttls" ? ["events", "events", "events", "reader"] : ["events", "events", "streams", "echo", "reader"])),
    options: drawOptions(random, isGentle),
  })));
  // A stream's write() waits for drain, so a limit below the high-water mark and a chunk would end it at any time.
  for (const { style, options } of ends) if (style === "streams" || style === "echo") delete options.maxBufferedAmount;
  const framing = pick(random, [{ delimiter: "\n" }, { lengthPrefix: 4 }, { lengthPrefix: 4, littleEndian: true }, { lengthPrefix: 3, includesPrefix: true }]);
  const weights = ends.map(({ style }, index) => sum(
    COMMON, STYLES[style], random(3) === 0 ? ENDINGS : {}, isGentle ? {} : ROUGH,
    kind === "starttls" ? { startTls: 8 } : {}, isRelay && index % 2 === 1 ? { relay: 15 } : {}, panics ? { panic: 8 } : {},
  ));
  const operations = drawOperations(random, ends.length, weights, 3 + random(pick(random, [8, 25, 60])));
  drawPoints(random, kind, operations);
  for (const operation of operations) {
    if (operation.do === "endWriter" && !isGentle && random(2) === 0) Object.assign(operation, { how: "abort" });
  }
  return { ...base, relay: isRelay, pairs, ends, framing: kind === "framing" ? framing : undefined, early: random(4), abstract: random(2) === 0, operations };
}

/**
 * The points at which operations let the native half panic. Each point panics once, so that no socket is hit again at the same place while it
 * tells of the first panic.
 *
 * @param {Random} random @param {string} kind @param {any[]} operations
 */
function drawPoints(random, kind, operations) {
  for (const operation of operations.filter((each) => each.do === "panic")) {
    const left = pointsOf(kind).filter((point) => !operations.some((other) => other.point === point));
    Object.assign(operation, left.length > 0 ? { point: pick(random, left), passes: pick(random, [0, 0, 1, 3, 10]) } : { do: "collect" });
  }
}

/** Operations of datagrams, servers and agents. */
const PLAIN = {
  udp: { send: 30, burst: 8, listen: 10, unlisten: 5, suspend: 3, resume: 4, setOptions: 2, iterate: 3, streams: 2, once: 4, inspect: 2, collect: 2, group: 2, empty: 2 },
  server: { dial: 25, speak: 15, end: 10, drop: 5, suspend: 3, resume: 4, listen: 5, unlisten: 3, limit: 3, iterate: 2, inspect: 2, collect: 2 },
  agent: { get: 20, post: 12, abort: 4, destroy: 1, parallel: 4, collect: 2 },
};

/** @param {Random} random @param {string} kind @param {boolean} isGentle @param {boolean} panics */
function drawPlain(random, kind, isGentle, panics) {
  const table = /** @type {keyof typeof PLAIN} */ (kind.split("-")[0]);
  const endings = { udp: { close: 2, toolong: 1, abort: 1 }, server: { close: 2, shutdown: 2, reopen: 2, abort: 1 }, agent: {} };
  const weights = sum(PLAIN[table], isGentle ? {} : endings[table], panics ? { panic: 6 } : {});
  const operations = Array.from({ length: 5 + random(pick(random, [10, 40])) }, () => ({
    to: random(3),
    do: drawName(random, weights),
    size: pick(random, [0, 1, 10, 100, 1000, 1400, 9000, 30_000]),
    value: random(1 << 16),
    when: random(3) > 0 ? "now" : pick(random, ["event", "event", "microtask", "immediate", "timeout"]),
    then: pick(random, ["none", "none", "microtask", "turn", "turns", "ms"]),
  }));
  drawPoints(random, kind, operations);
  return operations;
}

module.exports = { CONNECTIONS, FOREIGN, KINDS, RELAYS, draw };
