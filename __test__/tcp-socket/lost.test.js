"use strict";

const { families, tcpPair, acceptedPair, expendable, once, record, collect, pattern, settle, eventually, text, expectDOMException, expectIsDOMException } = require("../helpers");

const MIB = 1024 * 1024;
const ALL = ["open", "message", "halfclose", "drain", "error", "close"];

test.each(families)("$name: a reset in open is closed, then error, then close, once each (draft: connection is lost, R-tcp-lost)", async ({ losable }) => {
  const { socket, lose } = await losable();
  const log = record(socket, ALL);
  lose();
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["error", "close"]);
  expect(log.entries.map((entry) => entry.readyState)).toEqual(["closed", "closed"]);
  const [{ event: error }, { event: close }] = log.entries;
  expectIsDOMException(error.error, "NetworkError", "ECONNRESET");
  expect(close).toBeInstanceOf(Event);
});

test.each(families)("$name: a reset in halfclosed is a loss (R-tcp-lost)", async ({ losable }) => {
  const { socket, lose } = await losable();
  const log = record(socket, ALL);
  socket.halfclose();
  await settle();
  expect(socket.readyState).toBe("halfclosed");
  lose();
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["error", "close"]);
  expectIsDOMException(log.entries[0].event.error, "NetworkError", "ECONNRESET");
});

test.each(families)("$name: a reset in closing is a loss, while bytes are still being flushed (R-tcp-lost)", async ({ losable }) => {
  const { socket, lose } = await losable();
  const log = record(socket, ALL);
  socket.send(pattern(32 * MIB));
  socket.close();
  await settle();
  expect(socket.readyState).toBe("closing");
  lose();
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["error", "close"]);
  expect(log.entries[0].readyState).toBe("closed");
  expect(["ECONNRESET", "EPIPE"]).toContain(log.entries[0].event.error.code);
});

test("a reset in closing is a loss, while only the peer's FIN is awaited (R-tcp-lost)", async () => {
  const { socket, peer } = await tcpPair({ peer: { allowHalfOpen: true } });
  const log = record(socket, ALL);
  socket.close();
  await once(peer.resume(), "end");
  peer.resetAndDestroy();
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["error", "close"]);
});

test("a reset after the peer's FIN, with us still sending, is a loss (R-tcp-lost, R-tcp-fin)", async () => {
  const { socket, peer } = await tcpPair({ peer: { allowHalfOpen: true } });
  const log = record(socket, ALL);
  peer.end();
  await log.until("halfclose");
  peer.resetAndDestroy();
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["halfclose", "error", "close"]);
});

test.each(families)("$name: bytes received before the loss are delivered first (R-tcp-lost)", async ({ losable }) => {
  const { socket, say, lose } = await losable();
  const log = record(socket, ALL);
  await say("before");
  lose();
  await log.until("close");
  expect(log.types).toEqual(["message", "error", "close"]);
  expect(text(log.entries[0].event.data)).toBe("before");
});

test.each(families)("$name: unsent bytes are dropped, and bufferedAmount keeps their count (R-tcp-lost)", async ({ losable }) => {
  const { socket, lose } = await losable();
  const log = record(socket, ALL);
  socket.send(pattern(32 * MIB));
  await eventually(() => socket.bufferedAmount < 32 * MIB, "the first bytes to leave");
  await settle();
  const { bufferedAmount } = socket;
  lose();
  await log.until("close");
  expect(socket.bufferedAmount).toBe(bufferedAmount);
  await settle();
  expect(socket.bufferedAmount).toBe(bufferedAmount);
  expect(log.types).toEqual(["error", "close"]);
});

test("sending into a connection that the peer has left is a loss, not an exception nor a crash (R-tcp-lost)", async () => {
  const { socket, peer } = await tcpPair();
  const log = record(socket, ["halfclose", "error", "close"]);
  peer.destroy();
  await log.until("halfclose");
  while (socket.readyState === "open") {
    socket.send("anybody there?");
    await settle(4);
  }
  await log.until("close");
  expect(log.types).toEqual(["halfclose", "error", "close"]);
  const { error } = log.entries[1].event;
  expectIsDOMException(error, "NetworkError");
  expect(["ECONNRESET", "EPIPE"]).toContain(error.code);
});

test.each(families)("$name: send() in the error handler throws InvalidStateError already (R-tcp-lost: closed before error)", async ({ losable }) => {
  const { socket, lose } = await losable();
  let thrown;
  socket.onerror = () => {
    thrown = expectDOMException(() => socket.send("x"), "InvalidStateError", 11);
  };
  lose();
  await once(socket, "close");
  expect(thrown).toBeDefined();
});

test("nothing happens to a lost socket any more: no message, no drain, whatever is called (R-tcp-lost)", async () => {
  const { socket, peer } = await tcpPair();
  expendable(socket);
  socket.send(pattern(100));
  peer.resetAndDestroy();
  await once(socket, "close");
  const log = record(socket, ALL);
  socket.close();
  socket.halfclose();
  socket.suspend();
  socket.resume();
  socket.reset();
  await settle();
  expect(log.types).toEqual([]);
  expect(socket.readyState).toBe("closed");
});

test("an accepted socket is lost alike, and its server is not concerned (R-tcp-lost, R-srv-error)", async () => {
  const { server, socket, peer } = await acceptedPair();
  const log = record(socket, ALL);
  const serverLog = record(server, ["error"]);
  peer.resetAndDestroy();
  await log.until("close");
  expect(log.types).toEqual(["error", "close"]);
  expect(serverLog.types).toEqual([]);
  expect(server.readyState).toBe("open");
});

test("a loss of one socket leaves the others alone (R-tcp-lost)", async () => {
  const pairs = await Promise.all(Array.from({ length: 20 }, () => tcpPair()));
  const logs = pairs.map(({ socket }) => record(socket, ["error", "close"]));
  pairs.forEach(({ peer }, i) => i % 2 === 0 && peer.resetAndDestroy());
  await Promise.all(logs.filter((_, i) => i % 2 === 0).map((log) => log.until("close")));
  const [, survivor] = pairs;
  const inbox = collect(survivor.peer);
  survivor.socket.send("alive");
  await inbox.until(5);
  expect(logs.map((log) => log.types.length)).toEqual(pairs.map((_, i) => (i % 2 === 0 ? 2 : 0)));
});
