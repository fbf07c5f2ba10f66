"use strict";

// The wall clock jumps by hours, forward and back: time limits run by the monotonic clock and do not notice. Only the dates of certificates
// follow the wall clock. The clock is the process's own (fixtures/wall-clock.c), never the machine's.

const { writeFileSync } = require("node:fs");
const path = require("node:path");
const { start } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { preload } = require("../helpers/preload");

const { folder, library, obstacle } = preload("wall-clock");
const clockTest = obstacle ? (name, body) => test.skip(`${name} (${obstacle})`, body) : test;

const HOUR = 3600;
let files = 0;

/** Starts a script whose wall clock is off by so many seconds. `set` changes that. @param {string} script @param {object} [env] */
function withClock(script, env = {}) {
  const file = path.join(folder, `clock${(files += 1)}`);
  const set = (seconds) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    writeFileSync(file, bytes, { flag: "r+" });
  };
  writeFileSync(file, Buffer.alloc(8));
  const child = start(script, { env: { LD_PRELOAD: library, WALL_CLOCK: file, ...env }, timeout: 20_000 });
  return { child, set };
}

/** ms of each time limit of the script, and how much earlier or later than that it may fire: on a busy machine much later, but not hours. */
const LIMIT = 700;
const EARLY = 20;
const LATE = 5000;

/** Starts what has a time limit, all at once; reports "ready", and then how long each took by the monotonic clock. */
const LIMITS = `
  const tls = require("node:tls");
  const LIMIT = ${LIMIT};
  const took = {};
  const begun = performance.now();
  const codes = {};
  const fails = (name, socket) => new Promise((resolve) => {
    socket.onerror = ({ error }) => {
      took[name] = performance.now() - begun;
      codes[name] = error.code;
      resolve();
    };
  });
  (async () => {
    const silent = net.createServer((socket) => socket.on("error", () => {}).pause()).listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const { port } = silent.address();
    const waits = [];
    const idle = new TCPSocket("127.0.0.1", port, { idleTimeout: LIMIT });
    waits.push(fails("idleTimeout", idle));
    const connecting = new TCPSocket("127.0.0.1", port, { secureTransport: { rejectUnauthorized: false }, connectTimeout: LIMIT });
    waits.push(fails("connectTimeout", connecting));
    const closing = new TCPSocket("127.0.0.1", port, { closeTimeout: LIMIT });
    waits.push(fails("closeTimeout", closing));
    closing.onopen = () => {
      closing.send(new Uint8Array(16 * 1024 * 1024));
      closing.close();
    };
    const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { cert: process.env.CERT, key: process.env.KEY }, handshakeTimeout: LIMIT });
    server.onconnect = () => {};
    waits.push(fails("handshakeTimeout", server));
    net.connect(server.localPort, "127.0.0.1").on("error", () => {});
    const other = new TCPServerSocket({ localAddress: "127.0.0.1" });
    other.onconnect = ({ connectedSocket }) => {
      connectedSocket.onerror = () => {};
      connectedSocket.send(new Uint8Array(16 * 1024 * 1024));
    };
    const held = net.connect(other.localPort, "127.0.0.1").on("error", () => {}).pause();
    await new Promise((resolve) => held.once("connect", resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const stops = other.shutdown({ grace: 0, timeout: LIMIT }).then(() => { took.shutdown = performance.now() - begun; });
    const reads = new TCPSocket("127.0.0.1", port);
    reads.onerror = () => {};
    const read = reads.reader.read({ timeout: LIMIT }).catch(({ code }) => { took.read = performance.now() - begun; codes.read = code; });
    const named = connect("name.invalid", 9, { connectTimeout: LIMIT, lookup: () => new Promise(() => {}) }).catch(({ code }) => { took.connect = performance.now() - begun; codes.connect = code; });
    report({ ready: Date.now() });
    await Promise.all([...waits, stops, read, named]);
    report({ took, codes, wall: Date.now() });
    process.exit(0);
  })();`;

const { ca, server: identity } = authority();

/** Runs the limits while the clock jumps by so many hours. @param {number} hours */
async function jump(hours) {
  const { child, set } = withClock(LIMITS, { CERT: identity.cert, KEY: identity.key });
  const { ready } = await child.next();
  await new Promise((resolve) => setTimeout(resolve, LIMIT / 4));
  set(hours * HOUR);
  const { took, codes, wall } = await child.next();
  const wrong = Object.entries(took).filter(([, ms]) => ms < LIMIT - EARLY || ms > LIMIT + LATE);
  return { jumped: Math.round((wall - ready) / 1000 / HOUR), limits: Object.keys(took).sort(), codes, wrong };
}

clockTest("time limits last as long as they should while the wall clock jumps by 10 hours, forward or back (R-idle, R-tcp-close, R-shutdown, R-srv-error)", async () => {
  const jumps = [10, -10];
  expect(await Promise.all(jumps.map(jump))).toEqual(jumps.map((jumped) => ({
    jumped,
    limits: ["closeTimeout", "connect", "connectTimeout", "handshakeTimeout", "idleTimeout", "read", "shutdown"],
    codes: {
      idleTimeout: "ETIMEDOUT",
      connectTimeout: "ETIMEDOUT",
      closeTimeout: "ETIMEDOUT",
      handshakeTimeout: "ERR_TLS_HANDSHAKE_TIMEOUT",
      read: "ETIMEDOUT",
      connect: "ETIMEDOUT",
    },
    wrong: [],
  })));
});

clockTest("the dates of a certificate follow the wall clock: expired after 40 days, not yet valid 2 days ago, valid now (R-tls-verify)", async () => {
  const script = `
    const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { cert: process.env.CERT, key: process.env.KEY } });
    server.onerror = () => {};
    server.onconnect = ({ connectedSocket }) => { connectedSocket.onerror = () => {}; };
    process.stdin.on("data", async () => {
      const outcome = await connect("127.0.0.1", server.localPort, { secureTransport: { ca: process.env.CA } }).then(
        (socket) => { socket.close(); return "open"; },
        ({ code }) => code,
      );
      report(outcome);
    });
    process.stdin.once("end", () => process.exit(0));
    report("ready");`;
  const { child, set } = withClock(script, { CERT: identity.cert, KEY: identity.key, CA: ca.cert });
  expect(await child.next()).toBe("ready");
  const outcomes = [];
  for (const days of [0, 40, -2, 0]) {
    set(days * 24 * HOUR);
    child.process.stdin.write("go");
    outcomes.push(await child.next());
  }
  child.process.stdin.end();
  expect(outcomes).toEqual(["open", "ERR_TLS_CERT_EXPIRED", "ERR_TLS_CERT_NOT_YET_VALID", "open"]);
});
