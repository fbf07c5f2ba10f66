"use strict";

// The thread is blocked, or the process stopped, for longer than a time limit. What has come in meanwhile counts before the limit: a
// connection whose peer has gone on is neither idle nor too late.

const { ROOT, runJSON, start } = require("../helpers");
const { authority } = require("../helpers/certificates");

const { ca, server: identity } = authority();

/** ms of each limit, and of the block. */
const LIMIT = 800;
const BLOCK = 2000;

/** A peer of its own process, plain and TLS: it says a byte every 20 ms, whatever we do. */
const PEER = `
  const tls = require("node:tls");
  const talk = (socket) => {
    const timer = setInterval(() => socket.write("x"), 20);
    socket.on("error", () => {}).on("close", () => clearInterval(timer)).resume();
  };
  const plain = net.createServer(talk).listen(0, "127.0.0.1", () => {
    const secure = tls.createServer({ cert: process.env.CERT, key: process.env.KEY }, talk).listen(0, "127.0.0.1", () => {
      report([plain.address().port, secure.address().port]);
    });
  });`;

const peer = async () => start(PEER, { env: { CERT: identity.cert, KEY: identity.key }, timeout: 20_000 }).next();

const BLOCKED = `
  const block = () => { for (const end = performance.now() + ${BLOCK}; performance.now() < end;); };
  const [plain, secure] = JSON.parse(process.env.PORTS);
  const tls = { secureTransport: { ca: process.env.CA } };`;

/** Runs a script with the peer's ports. @param {string} script */
async function blocked(script) {
  const ports = await peer();
  return runJSON(`${BLOCKED}(async () => {${script}})();`, { env: { PORTS: JSON.stringify(ports), CA: ca.cert }, timeout: 20_000 });
}

test("idleTimeout: bytes that came while the thread was blocked count (R-idle)", async () => {
  const result = await blocked(`
    const sockets = [new TCPSocket("127.0.0.1", plain, { idleTimeout: ${LIMIT} }), new TCPSocket("127.0.0.1", secure, { idleTimeout: ${LIMIT}, ...tls })];
    const counts = [0, 0];
    const errors = [];
    await Promise.all(sockets.map((socket, i) => new Promise((resolve) => {
      socket.onmessage = () => { counts[i] += 1; resolve(); };
      socket.onerror = ({ error }) => errors.push(error.code);
    })));
    block();
    await new Promise((resolve) => setTimeout(resolve, 100));
    report({ errors, states: sockets.map((socket) => socket.readyState), more: counts.map((count) => count > 1) });
    process.exit(0);`);
  expect(result).toEqual({ errors: [], states: ["open", "open"], more: [true, true] });
});

test("idleTimeout: a peer that says nothing is still lost after the thread was blocked (R-idle)", async () => {
  const result = await runJSON(`
    const server = net.createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1", () => {
      const socket = new TCPSocket("127.0.0.1", server.address().port, { idleTimeout: ${LIMIT} });
      socket.onmessage = () => {};
      socket.onerror = ({ error }) => { report(error.code); process.exit(0); };
      socket.onopen = () => { for (const end = performance.now() + ${BLOCK}; performance.now() < end;); };
    });`);
  expect(result).toBe("ETIMEDOUT");
});

test("connectTimeout: a connection that was established while the thread was blocked is open (R-tcp-create, R-connect)", async () => {
  const result = await blocked(`
    const made = new TCPSocket("127.0.0.1", plain, { connectTimeout: ${LIMIT} });
    const raced = connect("127.0.0.1", plain, { connectTimeout: ${LIMIT} });
    block();
    const outcomes = await Promise.all([made.opened, raced].map((promise) => promise.then(() => "open", ({ code }) => code)));
    const errors = [];
    made.onerror = ({ error }) => errors.push(error.code);
    made.onmessage = () => {};
    await new Promise((resolve) => setTimeout(resolve, 100));
    report({ outcomes, errors, states: [made.readyState, (await raced).readyState] });
    process.exit(0);`);
  expect(result).toEqual({ outcomes: ["open", "open"], errors: [], states: ["open", "open"] });
});

(process.platform === "win32" ? test.skip : test)("SIGSTOP for longer than idleTimeout: what came meanwhile counts (R-idle)", async () => {
  const [port] = await peer();
  const child = start(
    `const { TCPSocket: Socket } = require(${JSON.stringify(ROOT)});
    const socket = new Socket("127.0.0.1", ${port}, { idleTimeout: ${LIMIT} });
    let count = 0;
    socket.onmessage = () => { count += 1; if (count === 1) report("open"); };
    socket.onerror = ({ error }) => { report(error.code); process.exit(0); };
    process.stdin.once("data", () => { report(socket.readyState); process.exit(0); });`,
    { timeout: 20_000 },
  );
  expect(await child.next()).toBe("open");
  child.process.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, BLOCK));
  child.process.kill("SIGCONT");
  await new Promise((resolve) => setTimeout(resolve, 200));
  child.process.stdin.write("state?");
  expect(await child.next()).toBe("open");
});
