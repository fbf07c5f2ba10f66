"use strict";

const {
  families,
  expendable,
  once,
  record,
  collect,
  pattern,
  settle,
  sha256,
  expectDOMException,
  expectIsDOMException,
} = require("../helpers");

const ALL = ["message", "halfclose", "drain", "error", "close"];

/** Most tests here fill the socket's buffer, which ends it. */
async function smallPair(pair, options = { maxBufferedAmount: 1000 }) {
  const made = await pair({ options });
  expendable(made.socket);
  return made;
}

test.each(families)("$name: past maxBufferedAmount: send() returns false, closed at once, then error (ENOBUFS) and close (draft send(), R-tcp-full)", async ({ pair }) => {
  const { socket } = await smallPair(pair);
  const log = record(socket, ALL);
  socket.send(new Uint8Array(600));
  expect(socket.send(new Uint8Array(401))).toBe(false);
  expect(socket.readyState).toBe("closed");
  expect(log.types).toEqual([]);
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["error", "close"]);
  expectIsDOMException(log.entries[0].event.error, "NetworkError", "ENOBUFS");
});

test.each(families)("$name: the bytes that were refused are not counted (R-tcp-full)", async ({ pair }) => {
  const { socket } = await smallPair(pair);
  socket.send(new Uint8Array(600));
  socket.send(new Uint8Array(401));
  expect(socket.bufferedAmount).toBe(600);
  await once(socket, "close");
  expect(socket.bufferedAmount).toBe(600);
});

test.each(families)("$name: the connection is reset (R-tcp-full)", async ({ pair, seesReset }) => {
  const { socket, peer } = await smallPair(pair);
  const seen = seesReset(peer.resume());
  socket.send(new Uint8Array(600));
  socket.send(new Uint8Array(401));
  await seen;
});

test.each(families)("$name: exactly maxBufferedAmount is not past it (R-tcp-full)", async ({ pair }) => {
  const { socket, peer } = await smallPair(pair);
  const inbox = collect(peer);
  expect(socket.send(new Uint8Array(600))).toBe(true);
  expect(socket.send(new Uint8Array(400))).toBe(true);
  expect(socket.readyState).toBe("open");
  await inbox.until(1000);
});

test.each(families)("$name: a send() while bufferedAmount is 0 is always taken, however large (R-tcp-full)", async ({ pair }) => {
  const { socket, peer } = await smallPair(pair);
  const inbox = collect(peer);
  const bytes = pattern(300_000);
  expect(socket.send(bytes)).toBe(false);
  expect(socket.readyState).toBe("open");
  await inbox.until(bytes.length);
  expect(inbox.sha256()).toBe(sha256(bytes));
  await settle();
  expect(socket.send(new Uint8Array(2000))).toBe(true);
  await inbox.until(bytes.length + 2000);
});

test.each(families)("$name: maxBufferedAmount 0 leaves one send() at a time (R-tcp-full)", async ({ pair }) => {
  const { socket, peer } = await smallPair(pair, { maxBufferedAmount: 0, highWaterMark: 0 });
  const inbox = collect(peer);
  socket.send("a");
  await once(socket, "drain");
  socket.send("b");
  await inbox.until(2);
  await settle();
  socket.send("c");
  expect(socket.send("d")).toBe(false);
  expect(socket.readyState).toBe("closed");
});

test.each(families)("$name: an empty payload is never refused (R-tcp-full)", async ({ pair }) => {
  const { socket } = await smallPair(pair);
  socket.send(new Uint8Array(2000));
  expect(socket.send("")).toBe(true);
  expect(socket.send(new ArrayBuffer(0))).toBe(true);
  expect(socket.send(new Blob([]))).toBe(true);
  expect(socket.readyState).toBe("open");
});

test.each(families)("$name: a Blob is never refused, and its bytes do not count against the limit (R-tcp-full)", async ({ pair }) => {
  const { socket, peer } = await smallPair(pair);
  const inbox = collect(peer);
  const bytes = pattern(100_000);
  socket.send("x");
  expect(socket.send(new Blob([bytes]))).toBe(false);
  expect(socket.send(new Blob([bytes]))).toBe(false);
  expect(socket.send(new Uint8Array(999))).toBe(false);
  expect(socket.readyState).toBe("open");
  expect(socket.bufferedAmount).toBe(1 + 200_000 + 999);
  await inbox.until(201_000);
});

test.each(families)("$name: what is no Blob counts against the limit behind a Blob too (R-tcp-full)", async ({ pair }) => {
  const { socket } = await smallPair(pair);
  socket.send("x");
  socket.send(new Blob([pattern(100_000)]));
  socket.send(new Uint8Array(999));
  expect(socket.readyState).toBe("open");
  expect(socket.send("y")).toBe(false);
  expect(socket.readyState).toBe("closed");
});

test.each(families)("$name: after the buffer was full, send() throws InvalidStateError that says so (R-tcp-send)", async ({ pair }) => {
  const { socket } = await smallPair(pair);
  socket.send(new Uint8Array(600));
  socket.send(new Uint8Array(401));
  const error = expectDOMException(() => socket.send("x"), "InvalidStateError", 11);
  expect(error.message).toContain("closed");
  expect(error.message).toMatch(/ENOBUFS|full/i);
});

test.each(families)("$name: no drain comes for what was buffered (R-tcp-full, R-tcp-drain)", async ({ pair }) => {
  const { socket } = await pair({ options: { maxBufferedAmount: 1000, highWaterMark: 10 } });
  const log = record(socket, ALL);
  expect(socket.send(new Uint8Array(600))).toBe(false);
  socket.send(new Uint8Array(600));
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["error", "close"]);
});

test.each(families)("$name: a string counts in UTF-8 bytes (R-tcp-full)", async ({ pair }) => {
  const { socket } = await smallPair(pair);
  socket.send("\u20ac".repeat(333));
  expect(socket.bufferedAmount).toBe(999);
  expect(socket.send("\u00e4")).toBe(false);
  expect(socket.readyState).toBe("closed");
});

test.each(families)("$name: a sender that ignores false is stopped before it has taken more than maxBufferedAmount (R-tcp-full)", async ({ pair }) => {
  const maxBufferedAmount = 4 * 1024 * 1024;
  const { socket, peer } = await pair({ options: { maxBufferedAmount } });
  peer.pause();
  const log = record(socket, ["error", "close"]);
  const chunk = new Uint8Array(64 * 1024);
  let sends = 0;
  while (socket.readyState === "open" && sends < 10_000) {
    socket.send(chunk);
    expect(socket.bufferedAmount).toBeLessThanOrEqual(maxBufferedAmount);
    sends += 1;
    if (sends % 16 === 0) {
      await settle(1);
    }
  }
  expect(socket.readyState).toBe("closed");
  await log.until("close");
  expect(log.types).toEqual(["error", "close"]);
});

test.each(families)("$name: the limit is 268,435,456 bytes unless said (extensions TCPOptions)", async ({ pair }) => {
  const { socket, peer } = await smallPair(pair, {});
  peer.pause();
  const half = new Uint8Array(134_217_728);
  expect(socket.send(half)).toBe(false);
  expect(socket.send(half)).toBe(false);
  expect(socket.readyState).toBe("open");
  expect(socket.send("x")).toBe(false);
  expect(socket.readyState).toBe("closed");
});

test.each(families)("$name: the limit of one accepted socket is its server's (extensions TCPServerOptions)", async ({ acceptedPair }) => {
  const { socket } = await acceptedPair({ options: { maxBufferedAmount: 10 } });
  expendable(socket);
  socket.send("01234");
  expect(socket.send("56789x")).toBe(false);
  expect(socket.readyState).toBe("closed");
});
