"use strict";

// SIGSTOP and SIGCONT in the middle of a transfer: of the peer, and of ourselves. Nothing is lost, and a time limit that the peer's pause
// does not reach does not fire.

const path = require("node:path");
const { start } = require("../helpers");
const { authority } = require("../helpers/certificates");

const onUnix = process.platform === "win32" ? test.skip : test;
const { ca, server: identity } = authority();

/** MiB that go each way, and ms of the pause. */
const SIZE = 8;
const PAUSE = 1000;

/** A server that sends back what comes, in a process of its own. */
const ECHO = `
  const secure = process.env.CERT && { secureTransport: { cert: process.env.CERT, key: process.env.KEY } };
  const server = new TCPServerSocket({ localAddress: "127.0.0.1", ...secure });
  server.onconnect = ({ connectedSocket }) => {
    const { readable, writable } = connectedSocket;
    readable.pipeTo(writable).catch((error) => report({ error: error.message }));
    server.close();
  };
  report(server.localPort);`;

/** A client that sends, and compares what comes back. It reports when a quarter is back, and at the end. */
const CLIENT = `
  const { transfer } = require(${JSON.stringify(path.join(__dirname, "transfer.js"))});
  const secure = process.env.CA && { secureTransport: { ca: process.env.CA } };
  const socket = new TCPSocket("127.0.0.1", Number(process.env.PORT), { idleTimeout: Number(process.env.IDLE), ...secure });
  transfer(socket, { size: ${SIZE} << 20, piece: 65536, atQuarter: () => report("under way") }).then(report);`;

const SECURE = { server: { CERT: identity.cert, KEY: identity.key }, client: { CA: ca.cert } };

const CASES = [["plain", {}], ["TLS", SECURE]].flatMap(([kind, env]) => ["the peer", "ourselves"].map((who) => ({ kind, who, env })));

/** One transfer with a pause. Returns how both ends ended. */
async function transfer({ who, env }) {
  const server = start(ECHO, { env: env.server, timeout: 40_000 });
  const PORT = String(await server.next());
  const client = start(CLIENT, { env: { ...env.client, PORT, IDLE: "30000" }, timeout: 40_000 });
  const first = await client.next();
  const { process: stopped } = who === "the peer" ? server : client;
  stopped.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, PAUSE));
  stopped.kill("SIGCONT");
  const result = await client.next();
  const ends = (await Promise.all([client.done, server.done])).map(({ code, stderr }) => ({ code, stderr }));
  return { first, result, ends, errors: server.output.reports.slice(1) };
}

onUnix(`the peer, or ourselves, stopped for ${PAUSE} ms during a transfer, plain or TLS: it goes on, and nothing is lost (R-tcp-order, R-idle)`, async () => {
  const outcomes = await Promise.all(CASES.map(transfer));
  const well = { code: 0, stderr: "" };
  expect(outcomes).toEqual(CASES.map(() => ({ first: "under way", result: { whole: true }, ends: [well, well], errors: [] })));
}, 45_000);

onUnix("a peer that stays stopped for longer than idleTimeout is lost (R-idle)", async () => {
  const server = start(ECHO, { timeout: 40_000 });
  const PORT = String(await server.next());
  const client = start(CLIENT, { env: { PORT, IDLE: "600" }, timeout: 40_000 });
  expect(await client.next()).toBe("under way");
  server.process.kill("SIGSTOP");
  expect(await client.next()).toEqual({ error: "ETIMEDOUT", whole: false });
  expect(await client.done).toMatchObject({ code: 0, stderr: "" });
}, 45_000);
