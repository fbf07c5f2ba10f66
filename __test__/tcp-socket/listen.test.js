"use strict";

const { families, tcpPair, once, record, collect, runJSON, pattern, sha256, settle, text, expectTypeError } = require("../helpers");

const MIB = 1024 * 1024;
const PATIENT = 20_000;

test.each(families)("$name: bytes wait for the first message listener (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  peer.write("early");
  await settle();
  const inbox = collect(socket);
  expect(inbox.length).toBe(0);
  await inbox.until(5);
  expect(inbox.text()).toBe("early");
});

test.each(families)("$name: onmessage counts as a listener, and null as none (R-listen, R-handler)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const seen = [];
  const handler = ({ data }) => seen.push(text(data));
  socket.onmessage = handler;
  peer.write("a");
  await settle();
  socket.onmessage = null;
  peer.write("b");
  await settle();
  expect(seen).toEqual(["a"]);
  socket.onmessage = handler;
  await settle();
  expect(seen).toEqual(["a", "b"]);
});

test.each(families)("$name: await once(socket, 'message') in a loop loses nothing (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const bytes = pattern(3 * MIB);
  peer.write(bytes);
  const parts = [];
  let length = 0;
  while (length < bytes.length) {
    const { data } = await once(socket, "message");
    parts.push(data);
    length += data.byteLength;
    if (parts.length % 4 === 0) {
      await settle(2);
    }
  }
  expect(parts.length).toBeGreaterThan(4);
  expect(sha256(parts)).toBe(sha256(bytes));
});

test.each(families)("$name: a { once: true } listener gets one message, and the rest waits (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const bytes = pattern(2 * MIB);
  peer.write(bytes);
  let first = 0;
  socket.addEventListener("message", ({ data }) => (first += data.byteLength), { once: true });
  await settle();
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(bytes.length);
  const inbox = collect(socket);
  await inbox.until(bytes.length - first);
  expect(inbox.sha256()).toBe(sha256(bytes.subarray(first)));
});

test.each(families)("$name: after the last listener is removed bytes wait for the next (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const seen = [];
  const listener = ({ data }) => seen.push(text(data));
  socket.addEventListener("message", listener);
  peer.write("a");
  await settle();
  socket.removeEventListener("message", listener);
  peer.write("b");
  await settle();
  expect(seen).toEqual(["a"]);
  socket.addEventListener("message", listener);
  await settle();
  expect(seen).toEqual(["a", "b"]);
});

test.each(families)("$name: a listener that its AbortSignal removed listens no more (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const controller = new AbortController();
  const seen = [];
  socket.addEventListener("message", ({ data }) => seen.push(text(data)), { signal: controller.signal });
  peer.write("a");
  await settle();
  controller.abort();
  peer.write("b");
  await settle();
  const inbox = collect(socket);
  await inbox.until(1);
  expect(seen).toEqual(["a"]);
  expect(inbox.text()).toBe("b");
});

test.each(families)("$name: a listener whose signal is aborted already never listens (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  socket.addEventListener("message", () => {}, { signal: AbortSignal.abort() });
  peer.write("a");
  await settle();
  const inbox = collect(socket);
  await inbox.until(1);
});

test.each(families)("$name: the same listener added twice is one, and one removal ends it (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const seen = [];
  const listener = ({ data }) => seen.push(text(data));
  socket.addEventListener("message", listener);
  socket.addEventListener("message", listener);
  peer.write("a");
  await settle();
  socket.removeEventListener("message", listener);
  peer.write("b");
  await settle();
  expect(seen).toEqual(["a"]);
  const inbox = collect(socket);
  await inbox.until(1);
  expect(inbox.text()).toBe("b");
});

test.each(families)("$name: the same listener for capture and not are two (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const seen = [];
  const listener = ({ data }) => seen.push(text(data));
  socket.addEventListener("message", listener, true);
  socket.addEventListener("message", listener);
  socket.removeEventListener("message", listener);
  peer.write("a");
  await settle();
  expect(seen).toEqual(["a"]);
  socket.removeEventListener("message", listener, { capture: true });
  peer.write("b");
  await settle();
  expect(seen).toEqual(["a"]);
});

test.each(families)("$name: removing what was never added takes no listener away (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(socket);
  for (let i = 0; i < 3; i++) {
    socket.removeEventListener("message", () => {});
    socket.removeEventListener("message", null);
    socket.removeEventListener("open", () => {});
  }
  peer.write("a");
  await inbox.until(1);
});

test.each(families)("$name: an object with handleEvent is a listener (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const message = new Promise((resolve) => {
    socket.addEventListener("message", { handleEvent: resolve });
  });
  peer.write("a");
  expect(text((await message).data)).toBe("a");
});

test.each(families)("$name: a listener that is a number is refused as an EventTarget refuses it, and one too few (R-listen)", async ({ pair }) => {
  const { socket } = await pair();
  const plain = new EventTarget();
  for (const bad of [7, "listener", Symbol("listener")]) {
    expectTypeError(() => plain.addEventListener("message", bad));
    expectTypeError(() => socket.addEventListener("message", bad));
  }
  expectTypeError(() => socket.addEventListener("message"));
  expectTypeError(() => socket.addEventListener());
});

test("null is no listener; Node warns of it (R-listen)", async () => {
  // In a child, since Node does.
  const { received, warnings } = await runJSON(`
    const warnings = [];
    process.on("warning", ({ name }) => warnings.push(name));
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    server.onconnect = ({ connectedSocket }) => { connectedSocket.send("a"); connectedSocket.close(); server.close(); };
    const socket = new TCPSocket("127.0.0.1", server.localPort);
    socket.addEventListener("message", null);
    setTimeout(() => {
      socket.onmessage = ({ data }) => report({ received: Buffer.from(data).toString(), warnings });
    }, 100);`);
  expect({ received, warnings }).toEqual({ received: "a", warnings: ["AddEventListenerArgumentTypeWarning"] });
});

test.each(families)("$name: listeners for other types do not take messages (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  for (const type of ["open", "close", "error", "drain", "Message", "messages"]) {
    socket.addEventListener(type, () => {});
  }
  peer.write("a");
  await settle();
  const inbox = collect(socket);
  await inbox.until(1);
});

test.each(families)("$name: without a listener the system pushes the sender back, and nothing is lost (R-listen)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const bytes = pattern(32 * MIB);
  let flushed = false;
  peer.write(bytes, () => {
    flushed = true;
  });
  await settle(200);
  expect(flushed).toBe(false);
  const inbox = collect(socket);
  await inbox.until(bytes.length, PATIENT);
  expect(inbox.sha256()).toBe(sha256(bytes));
}, PATIENT);

describe("the peer's end", () => {
  test.each(families)("$name: comes after its bytes (R-tcp-message)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const log = record(socket, ["message", "halfclose"]);
    peer.end("bytes");
    await log.until("halfclose");
    expect(log.types).toEqual(["message", "halfclose"]);
  });

  test.each([
    ["halfclose", ["halfclose"]],
    ["close", ["close"]],
  ])("with unread bytes before it, %s waits for somebody to take them (R-tcp-message)", async (type, types) => {
    const { socket, peer } = await tcpPair();
    const log = record(socket, types);
    peer.end("unread");
    await settle();
    expect(log.types).toEqual([]);
    expect(socket.readyState).toBe("open");
    const inbox = collect(socket);
    await log.until(type);
    expect(inbox.text()).toBe("unread");
  });

  test.each(["halfclose", "close"])("with no unread bytes before it, %s is told at once, listener or not (R-tcp-message)", async (type) => {
    const { socket, peer } = await tcpPair();
    const log = record(socket, [type]);
    peer.end();
    await log.until(type);
  });

  test.each(families)("$name: waits between two once-listeners for the bytes between (R-tcp-message, R-listen)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const log = record(socket, ["halfclose"]);
    const bytes = pattern(2 * MIB);
    peer.end(bytes);
    let length = 0;
    while (length < bytes.length) {
      const { data } = await once(socket, "message");
      length += data.byteLength;
      if (length < bytes.length) {
        expect(log.types).toEqual([]);
      }
    }
    await log.until("halfclose");
  });

  test.each(families)("$name: while halfclosed close waits for the unread bytes too (R-tcp-message, R-tcp-halfclose)", async ({ pair }) => {
    const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
    const log = record(socket, ["close"]);
    socket.halfclose();
    await once(peer.resume(), "end");
    peer.end("answer");
    await settle();
    expect(log.types).toEqual([]);
    expect(socket.readyState).toBe("halfclosed");
    const inbox = collect(socket);
    await log.until("close");
    expect(inbox.text()).toBe("answer");
  });
});

describe("overtaking", () => {
  test("a loss overtakes bytes that nobody listens for (R-tcp-message)", async () => {
    const { socket, peer } = await tcpPair();
    const log = record(socket, ["error", "close"]);
    peer.write("unread");
    await settle();
    peer.resetAndDestroy();
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
  });

  test.each(["close", "reset"])("%s() overtakes bytes that nobody listens for (R-tcp-message)", async (method) => {
    const { socket, peer } = await tcpPair();
    const log = record(socket, ["error", "close"]);
    peer.write("unread");
    await settle();
    socket[method]();
    await log.until("close");
    expect(log.types).toEqual(["close"]);
    const late = record(socket, ["message"]);
    await settle();
    expect(late.types).toEqual([]);
  });
});
