"use strict";

// closeTimeout where TLS is between: what send() took is encrypted by a task and waits there, too (R-tcp-close). A peer without a
// message listener reads nothing (R-listen): 256 KiB at most, and what its system holds.

const { collect, defer, expectIsDOMException, once, pattern, record, sha256, sleep, tcpPair, text } = {
  ...require("../helpers"),
  ...require("../helpers/cleanup"),
};
const { authority } = require("../helpers/certificates");
const { expectLostInClosing } = require("../helpers/close-timeout");
const { secureAccepted, secureBoth } = require("../helpers/tls");

const { ca, server: identity } = authority();
const own = { cert: identity.cert, key: identity.key };
const trust = { ca: ca.cert };

const MIB = 1024 * 1024;
const PATIENT = 20_000;

/** A client whose peer, the package's too, reads nothing until somebody listens. */
async function withDeafPeer(closeTimeout) {
  const pair = await secureBoth({ server: own, client: trust, clientOptions: { closeTimeout, sendBufferSize: 64 * 1024 } });
  return { ...pair, log: record(pair.client, ["drain", "error", "close"]) };
}

test("a peer that reads nothing: error (ETIMEDOUT) and close after closeTimeout, and the peer is reset", async () => {
  const { client, accepted, log } = await withDeafPeer(400);
  const peer = record(accepted, ["halfclose", "error", "close"]);
  client.send(pattern(8 * MIB));
  const before = performance.now();
  client.close();
  expect(client.readyState).toBe("closing");
  const { event, readyState } = await log.until("error", PATIENT);
  expect(performance.now() - before).toBeGreaterThanOrEqual(400);
  expect(readyState).toBe("closed");
  expectIsDOMException(event.error, "NetworkError", "ETIMEDOUT");
  expect(event.error.message).toMatch(/closeTimeout \(400 ms\): \d+ bytes were not sent/);
  await log.until("close");
  expect(client.bufferedAmount).toBeGreaterThan(4 * MIB);
  expect(log.types).toEqual(["error", "close"]);
  expect((await peer.until("error")).event.error.code).toBe("ECONNRESET");
  await peer.until("close");
  expect(peer.types).toEqual(["error", "close"]);
}, PATIENT);

test("also where much waits in the socket's own queue: one large send() is all the task's, small ones are not", async () => {
  const { client, accepted, log } = await withDeafPeer(400);
  accepted.addEventListener("error", () => {});
  for (let left = 4 * MIB; left > 0; left -= 8192) client.send(new Uint8Array(8192));
  client.close();
  const { event } = await log.until("error", PATIENT);
  expectIsDOMException(event.error, "NetworkError", "ETIMEDOUT");
  await log.until("close");
  expect(client.bufferedAmount).toBeGreaterThan(MIB);
  expect(log.types).toEqual(["error", "close"]);
}, PATIENT);

test("an accepted socket has its server's closeTimeout", async () => {
  const { socket, peer } = await secureAccepted({ secureTransport: own, options: { closeTimeout: 300 } });
  peer.pause();
  await expectLostInClosing(socket, 24 * MIB, 300, PATIENT);
}, PATIENT);

test("closing by the peer's close_notify has the limit, halfclose() has none", async () => {
  const closing = await withDeafPeer(300);
  const halfclosed = await withDeafPeer(300);
  closing.accepted.addEventListener("error", () => {});
  for (const { client, accepted } of [closing, halfclosed]) {
    client.send(pattern(8 * MIB));
    if (client === halfclosed.client) client.halfclose();
    accepted.halfclose();
  }
  const { event } = await closing.log.until("error", PATIENT);
  expect(event.error.code).toBe("ETIMEDOUT");
  await sleep(700);
  expect(halfclosed.log.types).toEqual([]);
  const inbox = collect(halfclosed.accepted);
  await inbox.until(8 * MIB, PATIENT);
  expect(inbox.sha256()).toBe(sha256(pattern(8 * MIB)));
  await halfclosed.log.until("close");
  expect(halfclosed.log.types).toEqual(["drain", "close"]);
}, PATIENT);

test("a peer that reads slowly, for much longer than closeTimeout, gets everything", async () => {
  const { client, accepted, log } = await withDeafPeer(2000);
  const bytes = pattern(2 * MIB);
  client.send(bytes);
  const before = Date.now();
  client.close();
  const chunks = [];
  accepted.addEventListener("message", ({ data }) => {
    chunks.push(data);
    accepted.suspend();
    const timer = setTimeout(() => accepted.resume(), data.byteLength / 250);
    defer(() => clearTimeout(timer));
  });
  await once(accepted, "close", PATIENT);
  expect(Date.now() - before).toBeGreaterThan(4000);
  expect(sha256(chunks)).toBe(sha256(bytes));
  await log.until("close");
  expect(log.types).toEqual(["drain", "close"]);
}, PATIENT);

test("a peer that reads nothing for less than closeTimeout, then goes on, gets everything and a clean end", async () => {
  const { client, accepted, log } = await withDeafPeer(1500);
  const bytes = pattern(8 * MIB);
  client.send(bytes);
  client.close();
  await sleep(800);
  const inbox = collect(accepted);
  const peer = record(accepted, ["error", "close"]);
  await peer.until("close", PATIENT);
  expect(inbox.sha256()).toBe(sha256(bytes));
  expect(peer.types).toEqual(["close"]);
  await log.until("close");
  expect(log.types).toEqual(["drain", "close"]);
}, PATIENT);

test("0 is no limit", async () => {
  const { client, accepted, log } = await withDeafPeer(0);
  client.send(pattern(8 * MIB));
  client.close();
  await sleep(1000);
  expect(log.types).toEqual([]);
  const inbox = collect(accepted);
  await inbox.until(8 * MIB, PATIENT);
  await log.until("close");
  expect(log.types).toEqual(["drain", "close"]);
}, PATIENT);

test("a peer that never answers the handshake of startTls(), and close() with nothing sent: FIN at once, no limit needed", async () => {
  const { socket, peer } = await tcpPair({ options: { closeTimeout: 10_000, connectTimeout: 0 } });
  const log = record(socket, ["error", "close"]);
  const started = socket.startTls({ rejectUnauthorized: false }).catch((error) => error);
  const [hello] = await Promise.all([once(peer, "data"), undefined]);
  expect(text(hello)).not.toBe("");
  socket.close();
  await log.until("close");
  expect(log.types).toEqual(["close"]);
  expect((await started).code).toBe("ECONNABORTED");
}, PATIENT);
