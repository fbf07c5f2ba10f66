"use strict";

const {
  families,
  tcp,
  tcpPair,
  listen,
  once,
  record,
  collect,
  pattern,
  settle,
  eventually,
  freePort,
  expectIsDOMException,
} = require("../helpers");

const MIB = 1024 * 1024;
const ALL = ["open", "message", "halfclose", "drain", "error", "close"];

/** The next error of a node:net socket, by its code. */
async function peerError(peer) {
  return (await once(peer, "error")).code;
}

test.each(families)("$name: reset() is closed at once; close fires, no error; the peer sees a reset (R-reset)", async ({ pair, seesReset }) => {
  const { socket, peer } = await pair();
  const log = record(socket, ALL);
  const seen = seesReset(peer.resume());
  expect(socket.reset()).toBe(undefined);
  expect(socket.readyState).toBe("closed");
  expect(log.types).toEqual([]);
  const { event } = await log.until("close");
  expect(event.bubbles).toBe(false);
  await seen;
  await settle();
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: what is buffered is dropped, and bufferedAmount keeps its count (R-reset)", async ({ pair }) => {
  const { socket, peer } = await pair();
  peer.pause();
  const log = record(socket, ALL);
  socket.send(pattern(32 * MIB));
  await eventually(() => socket.bufferedAmount < 32 * MIB, "the first bytes to leave");
  socket.reset();
  const { bufferedAmount } = socket;
  expect(bufferedAmount).toBeGreaterThan(0);
  await log.until("close");
  await settle();
  expect(socket.bufferedAmount).toBe(bufferedAmount);
  expect(log.types).toEqual(["close"]);
  peer.resume();
  await once(peer, "close");
});

test.each(families)("$name: what was sent in the same turn is dropped too (R-reset)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  socket.send("dropped");
  socket.reset();
  expect(socket.bufferedAmount).toBe(7);
  await once(peer, "close");
  expect(inbox.length).toBe(0);
  expect(socket.bufferedAmount).toBe(7);
});

test.each(families)("$name: what is unread is dropped (R-reset)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const log = record(socket, ALL);
  socket.suspend();
  peer.write("unread");
  await settle();
  socket.reset();
  socket.resume();
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: reset() in a message handler is the last of the messages (R-reset)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const log = record(socket, ["message", "error", "close"]);
  socket.suspend();
  peer.write(pattern(2 * MIB));
  await settle();
  socket.addEventListener("message", () => socket.reset());
  socket.resume();
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["message", "close"]);
});

test.each(families)("$name: while connecting reset() is close(): closing, then one error (ECONNABORTED) (R-reset, R-tcp-close-connecting)", async ({ listen, connectTo }) => {
  const server = await listen();
  const socket = connectTo(server);
  const log = record(socket, ALL);
  socket.reset();
  expect(socket.readyState).toBe("closing");
  const { event, readyState } = await log.until("error");
  expect(readyState).toBe("closed");
  expectIsDOMException(event.error, "NetworkError", "ECONNABORTED");
  await settle();
  expect(log.types).toEqual(["error"]);
});

test("reset() while halfclosed: closed, close, and the peer sees a reset (R-reset)", async () => {
  const { socket, peer } = await tcpPair({ peer: { allowHalfOpen: true } });
  const log = record(socket, ALL);
  socket.halfclose();
  await once(peer.resume(), "end");
  const code = peerError(peer);
  socket.reset();
  expect(socket.readyState).toBe("closed");
  await log.until("close");
  // After the FIN node:net reads no more: it learns of the reset when it writes.
  peer.write("x");
  expect(["ECONNRESET", "EPIPE"]).toContain(await code);
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: reset() while closing cuts the flush short: one close, no error (R-reset)", async ({ pair }) => {
  const { socket, peer } = await pair();
  peer.pause();
  const log = record(socket, ALL);
  socket.send(pattern(32 * MIB));
  socket.close();
  await settle();
  expect(socket.readyState).toBe("closing");
  socket.reset();
  expect(socket.readyState).toBe("closed");
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["close"]);
  expect(socket.bufferedAmount).toBeGreaterThan(0);
});

test.each(families)("$name: reset() while lingering in closing ends it at once (R-reset)", async ({ pair }) => {
  const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
  const log = record(socket, ALL);
  socket.close();
  await once(peer.resume(), "end");
  const before = Date.now();
  socket.reset();
  await log.until("close");
  expect(Date.now() - before).toBeLessThan(1000);
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: reset() once closed does nothing (R-reset)", async ({ pair }) => {
  const { socket } = await pair();
  const log = record(socket, ALL);
  socket.reset();
  socket.reset();
  await log.until("close");
  expect(socket.reset()).toBe(undefined);
  await settle();
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: reset() after a refused connection does nothing (R-reset)", async ({ connectTo, refusing }) => {
  const socket = connectTo(await refusing());
  const log = record(socket, ALL);
  await log.until("error");
  socket.reset();
  await settle();
  expect(log.types).toEqual(["error"]);
});

test.each(families)("$name: close() right after reset() changes nothing (R-reset)", async ({ pair }) => {
  const { socket } = await pair();
  const log = record(socket, ALL);
  socket.reset();
  socket.close();
  expect(socket.readyState).toBe("closed");
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["close"]);
});

test("reset() leaves the local port free: the same one can be bound again at once (R-reset)", async () => {
  const server = await listen();
  const localPort = await freePort();
  const first = tcp("127.0.0.1", server.port, { localPort });
  await once(first, "open");
  const peer = await server.next();
  first.reset();
  await once(peer, "close");
  const second = tcp("127.0.0.1", server.port, { localPort });
  await once(second, "open");
  expect(second.localPort).toBe(localPort);
});
