"use strict";

const { families, tcpPair, expendable, once, collect, settle, pattern, expectDOMException, expectTypeError } = require("../helpers");

const INVALID_STATE_ERR = 11;

test.each(families)("$name: send() returns true while little is buffered, and the bytes arrive (draft send())", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  expect(socket.send("hello")).toBe(true);
  await inbox.until(5);
  await settle();
  expect(inbox.text()).toBe("hello");
});

test.each(families)("$name: bufferedAmount rises by the byte count before send() returns (R-tcp-send)", async ({ pair }) => {
  const { socket } = await pair();
  socket.send("abc");
  expect(socket.bufferedAmount).toBe(3);
  socket.send(new Uint8Array(1000));
  expect(socket.bufferedAmount).toBe(1003);
  socket.send(new ArrayBuffer(10_000));
  expect(socket.bufferedAmount).toBe(11_003);
  socket.send(new Blob(["xyz"]));
  expect(socket.bufferedAmount).toBe(11_006);
});

test.each(families)("$name: bufferedAmount counts a string in UTF-8 bytes (draft send())", async ({ pair }) => {
  const { socket } = await pair();
  socket.send("\u00e4\u20ac\u{1f600}");
  expect(socket.bufferedAmount).toBe(2 + 3 + 4);
  socket.send("\ud800");
  expect(socket.bufferedAmount).toBe(9 + 3);
});

test.each(families)("$name: bufferedAmount does not fall before a later task, microtasks included (R-tcp-send)", async ({ pair }) => {
  const { socket } = await pair();
  socket.send("abc");
  for (let i = 0; i < 100; i++) {
    await null;
  }
  expect(socket.bufferedAmount).toBe(3);
  const end = Date.now() + 20;
  while (Date.now() < end) {
    expect(socket.bufferedAmount).toBe(3);
  }
});

test.each(families)("$name: bufferedAmount falls to 0 when the bytes are the system's, with no event (R-tcp-send, R-tcp-drain)", async ({ pair }) => {
  const { socket, peer } = await pair();
  let drained = 0;
  socket.ondrain = () => {
    drained += 1;
  };
  const inbox = collect(peer);
  expect(socket.send(pattern(5000))).toBe(true);
  await inbox.until(5000);
  await settle();
  expect(socket.bufferedAmount).toBe(0);
  expect(drained).toBe(0);
});

test.each(families)("$name: send() returns false when bufferedAmount is over the high-water mark, true when it is at it (R-tcp-send)", async ({ pair }) => {
  const { socket } = await pair({ options: { highWaterMark: 10 } });
  expect(socket.send("0123456789")).toBe(true);
  expect(socket.send("x")).toBe(false);
  expect(socket.bufferedAmount).toBe(11);
});

test.each(families)("$name: one send() alone can pass the high-water mark and is sent all the same (R-tcp-send)", async ({ pair }) => {
  const { socket, peer } = await pair({ options: { highWaterMark: 10 } });
  const inbox = collect(peer);
  expect(socket.send("0123456789x")).toBe(false);
  await inbox.until(11);
  expect(inbox.text()).toBe("0123456789x");
});

test.each(families)("$name: the high-water mark is 65,536 bytes unless said (extensions TCPOptions)", async ({ pair }) => {
  const first = await pair();
  expect(first.socket.send(new Uint8Array(65_536))).toBe(true);
  const second = await pair();
  expect(second.socket.send(new Uint8Array(65_537))).toBe(false);
});

test.each(families)("$name: with a high-water mark of 0 each send() returns false (R-tcp-send)", async ({ pair }) => {
  const { socket } = await pair({ options: { highWaterMark: 0 } });
  expect(socket.send("x")).toBe(false);
  await once(socket, "drain");
  expect(socket.send("y")).toBe(false);
});

test.each([
  ["string", ""],
  ["ArrayBuffer", new ArrayBuffer(0)],
  ["view", new Uint8Array(8).subarray(8)],
  ["Blob", new Blob([])],
])("an empty %s returns true, even over the high-water mark, and changes nothing (R-tcp-send)", async (_, empty) => {
  const { socket, peer } = await tcpPair({ options: { highWaterMark: 0 } });
  const inbox = collect(peer);
  expect(socket.send(empty)).toBe(true);
  expect(socket.bufferedAmount).toBe(0);
  expect(socket.send("x")).toBe(false);
  expect(socket.send(empty)).toBe(true);
  expect(socket.bufferedAmount).toBe(1);
  await once(socket, "drain");
  socket.send("y");
  await inbox.until(2);
  expect(inbox.text()).toBe("xy");
});

describe("outside open", () => {
  test.each(families)("$name: while connecting it throws InvalidStateError that says so, and nothing is kept (draft send(), R-tcp-send)", async ({ listen, connectTo }) => {
    const server = await listen();
    const socket = connectTo(server);
    const error = expectDOMException(() => socket.send("early"), "InvalidStateError", INVALID_STATE_ERR);
    expect(error.message).toContain("connecting");
    expect(socket.bufferedAmount).toBe(0);
    const [peer] = await Promise.all([server.next(), once(socket, "open")]);
    const inbox = collect(peer);
    socket.send("late");
    await inbox.until(4);
    expect(inbox.text()).toBe("late");
  });

  test.each(families)("$name: while halfclosed it throws InvalidStateError, whose code is its number (R-tcp-send, R-error)", async ({ pair }) => {
    const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
    const inbox = collect(peer);
    socket.halfclose();
    const error = expectDOMException(() => socket.send("x"), "InvalidStateError", 11);
    expect(error.message).toContain("halfclosed");
    expect(error.message).toContain("halfclose()");
    await inbox.end();
    expect(inbox.length).toBe(0);
    expect(socket.readyState).toBe("halfclosed");
    expect(socket.bufferedAmount).toBe(0);
  });

  test.each(families)("$name: while closing it throws InvalidStateError, whose code is its number (R-tcp-send, R-error)", async ({ pair }) => {
    const { socket } = await pair();
    socket.close();
    const error = expectDOMException(() => socket.send("x"), "InvalidStateError", 11);
    expect(error.message).toContain("closing");
    expect(error.message).toContain("close()");
    expect(socket.bufferedAmount).toBe(0);
    await once(socket, "close");
  });

  test.each(families)("$name: once closed by close() it throws InvalidStateError, whose code is its number (R-tcp-send, R-error)", async ({ pair }) => {
    const { socket } = await pair();
    socket.close();
    await once(socket, "close");
    const error = expectDOMException(() => socket.send("x"), "InvalidStateError", 11);
    expect(error.message).toContain("closed");
    expect(error.message).toContain("close()");
  });

  test("once reset by the peer the message says that too (R-tcp-send: which state and why it ended)", async () => {
    const { socket, peer } = await tcpPair();
    expendable(socket);
    peer.resetAndDestroy();
    await once(socket, "close");
    const error = expectDOMException(() => socket.send("x"), "InvalidStateError", 11);
    expect(error.message).toContain("closed");
    expect(error.message).toMatch(/ECONNRESET|reset by/i);
  });

  test.each(families)("$name: after a refused connection it throws InvalidStateError, whose code is its number (R-error)", async ({ connectTo, refusing }) => {
    const socket = connectTo(await refusing());
    await once(socket, "error");
    const error = expectDOMException(() => socket.send("x"), "InvalidStateError", 11);
    expect(error.message).toMatch(/ECONNREFUSED|refused/i);
  });

  test.each(families)("$name: the state is checked before the type of the data (draft send(), steps 1 and 2)", async ({ listen, connectTo }) => {
    const server = await listen();
    const socket = connectTo(server);
    expectDOMException(() => socket.send({}), "InvalidStateError");
    await once(socket, "open");
    expectDOMException(() => socket.send({}), "InvalidAccessError");
    socket.close();
    expectDOMException(() => socket.send({}), "InvalidStateError");
  });

  test.each(families)("$name: a missing argument is a TypeError whatever the state (R-shape)", async ({ pair }) => {
    const { socket } = await pair();
    expectTypeError(() => socket.send());
    socket.close();
    expectTypeError(() => socket.send());
  });
});
