"use strict";

const { families, tcpPair, once, record, collect, pattern, sha256, settle, text, runJSON } = require("../helpers");

const MIB = 1024 * 1024;
const immutable = typeof ArrayBuffer.prototype.transferToImmutable === "function";
const testMutable = immutable ? test.skip : test;
const testImmutable = immutable ? test : test.skip;

test.each(families)("$name: a message is a MessageEvent whose data is an ArrayBuffer of exactly the received bytes (draft, R-data)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const message = once(socket, "message");
  peer.write("hello");
  const event = await message;
  expect(event).toBeInstanceOf(MessageEvent);
  expect(event.type).toBe("message");
  expect(event.target).toBe(socket);
  expect(event.bubbles).toBe(false);
  expect(event.cancelable).toBe(false);
  expect(Object.prototype.toString.call(event.data)).toBe("[object ArrayBuffer]");
  expect(ArrayBuffer.isView(event.data)).toBe(false);
  expect(event.data.byteLength).toBe(5);
  expect(text(event.data)).toBe("hello");
});

test.each(families)("$name: data is the same object at each read (draft MessageEvent)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const message = once(socket, "message");
  peer.write("hello");
  const event = await message;
  expect(event.data).toBe(event.data);
});

test.each(families)("$name: the other attributes of the MessageEvent are there and read as empty (HTML MessageEvent)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const message = once(socket, "message");
  peer.write("x");
  const { origin, lastEventId, source, ports } = await message;
  expect({ origin, lastEventId, source, ports: [...ports] }).toEqual({ origin: "", lastEventId: "", source: null, ports: [] });
});

testMutable.each(families)("$name: each message's data belongs to its receiver alone (R-data)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const seen = [];
  socket.onmessage = ({ data }) => {
    seen.push(text(data));
    // Were the memory shared with anything native, later messages or this one's neighbours would show it.
    new Uint8Array(data).fill(0);
  };
  for (let i = 0; i < 20; i++) {
    peer.write(`message ${i};`);
    await settle(4);
  }
  peer.end();
  await once(socket, "close");
  expect(seen.join("")).toBe(Array.from({ length: 20 }, (_, i) => `message ${i};`).join(""));
});

test.each(families)("$name: data that is kept stays as it was when more arrives (R-data)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(socket);
  const bytes = pattern(3 * MIB);
  for (let at = 0; at < bytes.length; at += 100_000) {
    peer.write(bytes.subarray(at, at + 100_000));
  }
  await inbox.until(bytes.length);
  expect(new Set(inbox.chunks).size).toBe(inbox.chunks.length);
  expect(inbox.sha256()).toBe(sha256(bytes));
});

testMutable.each(families)("$name: data can be transferred, as it is ordinary and the receiver's own (R-data)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const message = once(socket, "message");
  peer.write("hello");
  const { data } = await message;
  const moved = structuredClone(data, { transfer: [data] });
  expect(data.byteLength).toBe(0);
  expect(text(moved)).toBe("hello");
});

testImmutable.each(families)("$name: data is immutable where the engine can (R-data)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const message = once(socket, "message");
  peer.write("hello");
  const { data } = await message;
  expect(data.immutable).toBe(true);
  new Uint8Array(data)[0] = 0;
  expect(text(data)).toBe("hello");
});

test.each(families)("$name: no message is ever empty (R-data)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(socket);
  for (let i = 0; i < 30; i++) {
    peer.write("");
    peer.write("x");
    await settle(2);
  }
  peer.end();
  await once(socket, "close");
  expect(inbox.length).toBe(30);
  expect(inbox.chunks.every((chunk) => chunk.byteLength > 0)).toBe(true);
});

test.each([1, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 8 * MIB + 1])(
  "%i bytes arrive as they were sent, over as many messages as it takes (draft: message received)",
  async (size) => {
    const { socket, peer } = await tcpPair();
    const inbox = collect(socket);
    const bytes = pattern(size);
    peer.write(bytes);
    await inbox.until(size, 15_000);
    await settle();
    expect(inbox.length).toBe(size);
    expect(inbox.sha256()).toBe(sha256(bytes));
  },
);

test.each(families)("$name: sizes that go up and down arrive whole (R-data: exactly the received bytes)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(socket);
  const parts = [];
  for (const size of [1, 70_000, 3, 200_000, 5, 16_384, 1, 1, 400_000, 2]) {
    const part = pattern(size, size);
    parts.push(part);
    peer.write(part);
    await settle(3);
  }
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  await inbox.until(total);
  expect(inbox.sha256()).toBe(sha256(parts));
});

test.each(families)("$name: 8 MiB go both ways at once through an accepted socket (draft TCPSocket)", async ({ acceptedPair }) => {
  const { socket, peer } = await acceptedPair();
  const bytes = pattern(8 * MIB);
  const echo = collect(peer);
  const waiting = [];
  socket.onmessage = ({ data }) => {
    if (!socket.send(data)) {
      socket.suspend();
    }
  };
  socket.ondrain = () => socket.resume();
  peer.write(bytes, () => waiting.push("flushed"));
  await echo.until(bytes.length, 20_000);
  expect(echo.sha256()).toBe(sha256(bytes));
  expect(waiting).toEqual(["flushed"]);
}, 25_000);

test.each(families)("$name: a message handler that throws nothing but sends is answered in order (draft example)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  socket.onmessage = ({ data }) => {
    socket.send("got ");
    socket.send(data);
  };
  peer.write("it");
  await inbox.until(6);
  expect(inbox.text()).toBe("got it");
});

test("large data still comes after the collector ran while no socket was open (R-keep: what a socket needs is not collected)", async () => {
  const { received } = await runJSON(
    `
    const server = net.createServer((peer) => {
      peer.on("error", () => {});
      peer.write(Buffer.alloc(1_000_000));
    });
    const open = () => new TCPSocket("127.0.0.1", server.address().port);
    async function collectGarbage() {
      for (let i = 0; i < 5; i++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        gc();
      }
    }
    server.listen(0, "127.0.0.1", async () => {
      const first = open();
      await once(first, "open");
      first.reset();
      await once(first, "close");
      await collectGarbage();
      let received = 0;
      const second = open();
      second.onmessage = ({ data }) => (received += data.byteLength);
      for (let i = 0; i < 200 && received < 1_000_000; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      report({ received });
      process.exit(0);
    });
  `,
    { nodeArgs: ["--expose-gc"] },
  );
  expect(received).toBe(1_000_000);
});

test.each(families)("$name: messages of many sockets stay with their sockets (R-data)", async ({ pair }) => {
  const pairs = await Promise.all(Array.from({ length: 50 }, () => pair()));
  const logs = pairs.map(({ socket }) => collect(socket));
  pairs.forEach(({ peer }, i) => peer.write(`for ${i}.`));
  await Promise.all(logs.map((log, i) => log.until(`for ${i}.`.length)));
  await settle();
  expect(logs.map((log) => log.text())).toEqual(pairs.map((_, i) => `for ${i}.`));
});

test.each(families)("$name: no message fires once the peer has ended and close has fired (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const log = record(socket, ["message", "close"]);
  peer.end("bye");
  await log.until("close");
  await settle();
  expect(log.types.at(-1)).toBe("close");
  expect(log.count("close")).toBe(1);
});
