"use strict";

const { families, tcpPair, once, record, collect, pattern, sha256, settle, turn, eventually, text } = require("../helpers");

const MIB = 1024 * 1024;

test.each(families)("$name: after suspend() no message fires until resume(); what waited comes then, in order (draft suspend(), R-tcp-suspend)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(socket);
  socket.suspend();
  peer.write("one,");
  await settle();
  peer.write("two,");
  await settle();
  expect(inbox.length).toBe(0);
  socket.resume();
  expect(inbox.length).toBe(0);
  await inbox.until(8);
  peer.write("three");
  await inbox.until(13);
  expect(inbox.text()).toBe("one,two,three");
});

test.each(families)("$name: suspend() in a message handler holds back the messages that are already queued (R-tcp-suspend)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const bytes = pattern(2 * MIB);
  const inbox = collect(socket);
  socket.suspend();
  peer.write(bytes);
  await settle();
  let suspensions = 0;
  let early = 0;
  socket.addEventListener("message", () => {
    if (suspended) {
      early += 1;
    }
    suspended = true;
    suspensions += 1;
    socket.suspend();
  });
  let suspended = false;
  socket.resume();
  while (inbox.length < bytes.length) {
    const before = inbox.length;
    await eventually(() => inbox.length > before, "the next message");
    await turn();
    suspended = false;
    socket.resume();
  }
  expect(suspensions).toBeGreaterThan(1);
  expect(early).toBe(0);
  expect(inbox.sha256()).toBe(sha256(bytes));
});

test.each(families)("$name: suspend() and resume() in one turn lose nothing and double nothing (R-tcp-suspend)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(socket);
  const bytes = pattern(4 * MIB);
  peer.write(bytes);
  for (let i = 0; inbox.length < bytes.length; i++) {
    socket.suspend();
    if (i % 3 === 0) {
      await turn();
    }
    socket.resume();
    await turn();
  }
  await settle();
  expect(inbox.length).toBe(bytes.length);
  expect(inbox.sha256()).toBe(sha256(bytes));
});

test.each(families)("$name: suspend() and resume() are idempotent: they do not count (R-tcp-suspend)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(socket);
  socket.suspend();
  socket.suspend();
  socket.suspend();
  socket.resume();
  peer.write("x");
  await inbox.until(1);
  socket.resume();
  socket.resume();
  socket.suspend();
  peer.write("y");
  await settle();
  expect(inbox.text()).toBe("x");
  socket.resume();
  await inbox.until(2);
});

test.each(families)("$name: suspend() while connecting: open fires, messages wait (R-tcp-suspend)", async ({ listen, connectTo }) => {
  const server = await listen();
  const socket = connectTo(server);
  const inbox = collect(socket);
  socket.suspend();
  const peer = await server.next();
  peer.write("early");
  if (socket.readyState === "connecting") {
    await once(socket, "open");
  }
  await settle();
  expect(inbox.length).toBe(0);
  socket.resume();
  await inbox.until(5);
});

test.each(families)("$name: a suspended receiver holds the sender back, and gets everything later (R-tcp-suspend, R-listen's bounds)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(socket);
  socket.suspend();
  const bytes = pattern(32 * MIB);
  let flushed = false;
  peer.write(bytes, () => {
    flushed = true;
  });
  await settle(200);
  expect(flushed).toBe(false);
  expect(inbox.length).toBe(0);
  socket.resume();
  await inbox.until(bytes.length, 20_000);
  expect(flushed).toBe(true);
  expect(inbox.sha256()).toBe(sha256(bytes));
});

test.each(families)("$name: sending goes on while suspended (draft suspend(): it pauses reading)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  socket.suspend();
  expect(socket.send("out")).toBe(true);
  await inbox.until(3);
});

describe("the peer's FIN", () => {
  test.each(families)("$name: waits for resume() with a halfclose listener (R-tcp-suspend)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const log = record(socket, ["message", "halfclose", "close"]);
    socket.suspend();
    peer.end();
    await settle();
    expect(log.types).toEqual([]);
    expect(socket.readyState).toBe("open");
    socket.resume();
    await log.until("halfclose");
    expect(log.types).toEqual(["halfclose"]);
  });

  test.each(families)("$name: waits for resume() without one, though nobody listens for messages (R-tcp-suspend)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const log = record(socket, ["close", "error"]);
    socket.suspend();
    peer.end();
    await settle();
    expect(log.types).toEqual([]);
    expect(socket.readyState).toBe("open");
    socket.resume();
    await log.until("close");
    expect(log.types).toEqual(["close"]);
  });

  test.each(families)("$name: comes behind the bytes before it (R-tcp-suspend, R-tcp-message)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const log = record(socket, ["message", "halfclose", "close"]);
    socket.suspend();
    peer.end("last words");
    await settle();
    expect(log.types).toEqual([]);
    socket.resume();
    await log.until("halfclose");
    expect(log.types).toEqual(["message", "halfclose"]);
    expect(text(log.entries[0].event.data)).toBe("last words");
  });

  test.each(families)("$name: while halfclosed waits for resume() before close (R-tcp-suspend, R-tcp-halfclose)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const log = record(socket, ["message", "close"]);
    socket.suspend();
    socket.halfclose();
    await once(peer.resume(), "close");
    await settle();
    expect(log.types).toEqual([]);
    expect(socket.readyState).toBe("halfclosed");
    socket.resume();
    await log.until("close");
  });
});

describe("a loss", () => {
  test("with nothing unread before it is told at once while suspended (R-tcp-suspend)", async () => {
    const { socket, peer } = await tcpPair();
    const log = record(socket, ["message", "error", "close"]);
    socket.suspend();
    peer.resetAndDestroy();
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
  });

  test("waits for data that came before it; then data, error, close (R-tcp-suspend)", async () => {
    const { socket, peer } = await tcpPair();
    const log = record(socket, ["message", "error", "close"]);
    socket.suspend();
    peer.write("before");
    await settle();
    peer.resetAndDestroy();
    await settle();
    expect(log.types).toEqual([]);
    socket.resume();
    await log.until("close");
    expect(log.types).toEqual(["message", "error", "close"]);
    expect(text(log.entries[0].event.data)).toBe("before");
  });

  test("waits for that data though nobody listens for it (R-tcp-suspend: listener or not)", async () => {
    const { socket, peer } = await tcpPair();
    const log = record(socket, ["error", "close"]);
    socket.suspend();
    peer.write("before");
    await settle();
    peer.resetAndDestroy();
    await settle();
    expect(log.types).toEqual([]);
    expect(socket.readyState).toBe("open");
    socket.resume();
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
  });

  test("while it waits, send() returns false and counts nothing (R-tcp-suspend)", async () => {
    const { socket, peer } = await tcpPair();
    const log = record(socket, ["message", "error", "close", "drain"]);
    socket.suspend();
    peer.write("before");
    await settle();
    peer.resetAndDestroy();
    await settle();
    expect(socket.readyState).toBe("open");
    // The first send() may be what finds out; once it has had its turn, the loss is known.
    socket.send("x");
    await settle();
    const { bufferedAmount } = socket;
    expect(socket.send("yz")).toBe(false);
    expect(socket.bufferedAmount).toBe(bufferedAmount);
    socket.resume();
    await log.until("close");
    expect(log.types).toEqual(["message", "error", "close"]);
  });
});

test.each(["close", "reset"])("%s() overtakes the unread bytes of a suspended socket (R-tcp-message)", async (method) => {
  const { socket, peer } = await tcpPair();
  const log = record(socket, ["message", "error", "close"]);
  socket.suspend();
  peer.write("never read");
  await settle();
  socket[method]();
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: resume() after close() brings back no message (R-tcp-close)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const log = record(socket, ["message", "close"]);
  socket.suspend();
  peer.write("never read");
  await settle();
  socket.close();
  socket.resume();
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: suspend() and resume() do nothing once closed (R-tcp-suspend)", async ({ pair }) => {
  const { socket } = await pair();
  socket.reset();
  await once(socket, "close");
  const log = record(socket, ["message", "error", "close", "drain", "halfclose"]);
  for (const method of ["suspend", "resume", "suspend", "resume"]) {
    expect(socket[method]()).toBe(undefined);
  }
  await settle();
  expect(log.types).toEqual([]);
  expect(socket.readyState).toBe("closed");
});

test.each(families)("$name: one suspended socket does not hold up another (R-tcp-suspend)", async ({ pair }) => {
  const held = await pair();
  const free = await pair();
  const inbox = collect(free.socket);
  collect(held.socket);
  held.socket.suspend();
  held.peer.write(pattern(16 * MIB));
  free.peer.write(pattern(4 * MIB));
  await inbox.until(4 * MIB);
});
