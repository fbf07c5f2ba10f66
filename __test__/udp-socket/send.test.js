"use strict";

const { once: onceEmitted } = require("node:events");
const { Worker } = require("node:worker_threads");
const { udp, datagrams, foreign, badData, detachedData, detached, eventually, expectDOMException } = require("../helpers");
const { udpTo, texts, recordAll, fence } = require("../helpers/udp");

/** What arrives when `data` is sent. */
async function sent(data, during = () => {}) {
  const peer = await datagrams();
  const socket = udpTo(peer);
  expect(socket.send(data)).toBe(true);
  during();
  return (await peer.next()).data;
}

const bytes = () => Uint8Array.of(0, 1, 2, 253, 254, 255);

describe("UDPSocket.send(): the data (draft, send step 2; R-types)", () => {
  test.each([
    ["ASCII", "hello"],
    ["two, three and four bytes", "é€😀"],
    ["a NUL", "a\0b"],
    ["8,000 characters of three bytes", "€".repeat(8000)],
    ["longer than the scratch buffer", "x".repeat(40000)],
  ])("a string is sent as UTF-8: %s", async (_, data) => {
    expect((await sent(data)).equals(Buffer.from(data))).toBe(true);
  });

  test.each([
    ["high", "a\ud83db"],
    ["low", "a\ude00b"],
    ["at the end", "ab\ud83d"],
    ["reversed", "\ude00\ud83d"],
  ])("a lone surrogate is sent as U+FFFD: %s", async (_, data) => {
    expect((await sent(data)).equals(Buffer.from(new TextEncoder().encode(data)))).toBe(true);
    expect(Buffer.from(new TextEncoder().encode(data)).toString()).toContain("\ufffd");
  });

  test("an ArrayBuffer is sent whole", async () => {
    expect([...(await sent(bytes().buffer))]).toEqual([0, 1, 2, 253, 254, 255]);
  });

  test.each([
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
  ])("of a view (%p), the section that it references is sent", async (View) => {
    const buffer = new ArrayBuffer(64);
    new Uint8Array(buffer).forEach((_, i, all) => {
      all[i] = i;
    });
    const view = new View(buffer, 16, 2);
    expect([...(await sent(view))]).toEqual([...new Uint8Array(buffer, 16, view.byteLength)]);
  });

  test("a Buffer (of the pool) is sent as its section", async () => {
    expect((await sent(Buffer.from("pooled"))).toString()).toBe("pooled");
  });

  test("a view on a SharedArrayBuffer is copied as it is at the call", async () => {
    const view = new Uint8Array(new SharedArrayBuffer(8), 2, 3);
    view.set([7, 8, 9]);
    expect([...(await sent(view, () => view.fill(0)))]).toEqual([7, 8, 9]);
  });

  const resizableTest = typeof ArrayBuffer.prototype.resize === "function" ? test : test.skip;

  resizableTest("a resizable ArrayBuffer is copied at its length at the call", async () => {
    const buffer = foreign("new ArrayBuffer(2, { maxByteLength: 16 })");
    buffer.resize(4);
    new Uint8Array(buffer).set([1, 2, 3, 4]);
    expect([...(await sent(buffer, () => buffer.resize(1)))]).toEqual([1, 2, 3, 4]);
  });

  resizableTest("a view that tracks a resizable buffer's length is copied at that length", async () => {
    const view = foreign("new Uint8Array(new ArrayBuffer(2, { maxByteLength: 16 }))");
    view.buffer.resize(3);
    view.set([5, 6, 7]);
    expect([...(await sent(view, () => view.buffer.resize(0)))]).toEqual([5, 6, 7]);
  });

  test.each([
    ["an ArrayBuffer", "Uint8Array.of(1, 2, 3).buffer"],
    ["a Uint8Array", "Uint8Array.of(1, 2, 3)"],
    ["a DataView", "new DataView(Uint8Array.of(0, 1, 2, 3).buffer, 1)"],
  ])("%s of another realm is data", async (_, source) => {
    expect([...(await sent(foreign(source)))]).toEqual([1, 2, 3]);
  });

  test("a subclass of Uint8Array whose length lies is sent as what it is", async () => {
    class Liar extends Uint8Array {
      get length() {
        return 1000;
      }
      get byteLength() {
        return 1000;
      }
      get byteOffset() {
        return 500;
      }
    }
    expect([...(await sent(new Liar([1, 2])))]).toEqual([1, 2]);
  });

  test.each([
    ["string", ""],
    ["ArrayBuffer", new ArrayBuffer(0)],
    ["view", new Uint8Array(8).subarray(3, 3)],
    ["Blob", new Blob([])],
  ])("an empty %s is sent as an empty datagram (R-udp-empty)", async (_, data) => {
    expect((await sent(data)).length).toBe(0);
  });

  test.each(badData)("%s throws InvalidAccessError and changes nothing", async (_, data) => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    expectDOMException(() => socket.send(data), "InvalidAccessError");
    expect(socket.bufferedAmount).toBe(0);
    expect(socket.readyState).toBe("open");
    socket.send("next");
    expect(await texts(peer, 1)).toEqual(["next"]);
  });

  test.each(detachedData)("%s throws InvalidAccessError and changes nothing", (_, make) => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: 9 });
    const data = make();
    expectDOMException(() => socket.send(data), "InvalidAccessError");
    expect(socket.bufferedAmount).toBe(0);
    expect(socket.readyState).toBe("open");
  });
});

describe("UDPSocket.send(): copying, counting, returning (draft, send steps 5–7; R-copy, R-udp-full)", () => {
  test("what is written into the buffer after the call is not sent (R-copy)", async () => {
    const data = bytes();
    expect([...(await sent(data, () => data.fill(99)))]).toEqual([0, 1, 2, 253, 254, 255]);
  });

  test("a buffer that is transferred away after the call is sent all the same (R-copy)", async () => {
    const data = bytes();
    expect([...(await sent(data, () => structuredClone(data.buffer, { transfer: [data.buffer] })))]).toHaveLength(6);
  });

  test.each([
    ["a string's UTF-8 length", "é€😀", 9],
    ["a lone surrogate's three bytes", "\ud800", 3],
    ["a Blob's size", new Blob(["abc", "defg"]), 7],
    ["an ArrayBuffer's length", new ArrayBuffer(11), 11],
    ["a view's length in bytes", new Uint16Array(new ArrayBuffer(20), 4, 3), 6],
    ["nothing for an empty datagram", "", 0],
  ])("bufferedAmount rises before send() returns by %s", (_, data, size) => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: udp().localPort });
    socket.send(data);
    expect(socket.bufferedAmount).toBe(size);
    socket.send(data);
    expect(socket.bufferedAmount).toBe(2 * size);
  });

  test("bufferedAmount falls only in a later task, however much was handed to the system meanwhile", async () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: udp().localPort });
    for (let i = 0; i < 300; i++) {
      socket.send(new Uint8Array(1000));
    }
    expect(socket.bufferedAmount).toBe(300_000);
    await null;
    await Promise.resolve();
    expect(socket.bufferedAmount).toBe(300_000);
    await eventually(() => socket.bufferedAmount === 0, "bufferedAmount to be 0");
  });

  test.each([
    ["64 of them", 64, 10],
    ["64 KiB", 8, 8192],
  ])("datagrams are handed to the system in the middle of a turn when %s wait (R-udp-full)", async (_, count, size) => {
    const heard = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(
      `const { workerData: heard, parentPort } = require("node:worker_threads");
      const socket = require("node:dgram").createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
      socket.on("message", () => {
        Atomics.add(heard, 0, 1);
        Atomics.notify(heard, 0);
      });
      socket.bind(0, "127.0.0.1", () => parentPort.postMessage(socket.address().port));`,
      { eval: true, workerData: heard },
    );
    try {
      const [port] = await onceEmitted(worker, "message");
      const socket = udp({ remoteAddress: "127.0.0.1", remotePort: port });
      for (let i = 0; i < count; i++) {
        socket.send(new Uint8Array(size));
      }
      // The turn goes on: this thread stands still until the other has them all.
      const end = Date.now() + 3000;
      while (Atomics.load(heard, 0) < count && Date.now() < end) {
        Atomics.wait(heard, 0, Atomics.load(heard, 0), 50);
      }
      expect(Atomics.load(heard, 0)).toBe(count);
    } finally {
      await worker.terminate();
    }
  });

  test("datagrams leave in the order of the send() calls, at the end of the turn at the latest", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const expected = Array.from({ length: 150 }, (_, i) => `datagram ${i}`);
    for (const data of expected) {
      socket.send(data);
    }
    expect(await texts(peer, 150)).toEqual(expected);
  });

  test("datagrams of different sizes and destinations in one turn keep to themselves", async () => {
    const peers = [await datagrams(), await datagrams(), await datagrams({ host: "127.0.0.3" })];
    const socket = udp();
    const expected = [[], [], []];
    for (let i = 0; i < 90; i++) {
      const data = `${i} ${"x".repeat((i * 37) % 200)}`;
      const to = (i * i) % 3;
      expected[to].push(data);
      socket.send(data, peers[to].host, peers[to].port);
    }
    for (const [i, peer] of peers.entries()) {
      expect(await texts(peer, expected[i].length)).toEqual(expected[i]);
    }
  });

  test("it returns true while no more than highWaterMark is buffered, and false above it", () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: udp().localPort, highWaterMark: 10 });
    expect(socket.send("12345")).toBe(true);
    expect(socket.send("67890")).toBe(true);
    expect(socket.send("1")).toBe(false);
    expect(socket.bufferedAmount).toBe(11);
  });

  test("the high-water mark is 65536 bytes by default", () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: udp().localPort });
    expect(socket.send(new Uint8Array(32768))).toBe(true);
    expect(socket.send(new Uint8Array(32768))).toBe(true);
    expect(socket.send("1")).toBe(false);
  });

  test("it returns a boolean, and fires nothing when all goes well", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const log = recordAll(socket);
    expect(socket.send("x")).toBe(true);
    await peer.next();
    await fence();
    expect(log.types).toEqual([]);
  });
});

describe("UDPSocket.send(): the order of checks (draft, send steps 1–3; R-shape)", () => {
  test("no argument at all throws TypeError", () => {
    expect(() => udp().send()).toThrow(TypeError);
  });

  test("closed comes before bad data and a missing destination (step 1)", () => {
    const socket = udp();
    socket.close();
    expectDOMException(() => socket.send("x"), "InvalidStateError");
    expectDOMException(() => socket.send({}, "nonsense", -1), "InvalidStateError");
    expectDOMException(() => socket.send(detached()), "InvalidStateError");
  });

  test("bad data comes before a missing destination (step 2): both are InvalidAccessError, the message tells which", () => {
    const socket = udp();
    const data = expectDOMException(() => socket.send({}), "InvalidAccessError");
    const destination = expectDOMException(() => socket.send("x"), "InvalidAccessError");
    expect(data.message).not.toBe(destination.message);
  });

  test("what cannot be converted throws TypeError, closed or not, and sends nothing", async () => {
    const socket = udp();
    expect(() => socket.send("x", Symbol("address"), 9)).toThrow(TypeError);
    expect(() => socket.send("x", "127.0.0.1", Symbol("port"))).toThrow(TypeError);
    expect(socket.bufferedAmount).toBe(0);
    socket.close();
    expect(() => socket.send("x", "127.0.0.1", 9n)).toThrow(TypeError);
  });

  test("arguments are converted left to right, each once", () => {
    const calls = [];
    const socket = udp();
    socket.send(
      "x",
      { toString: () => (calls.push("address"), "127.0.0.1") },
      { valueOf: () => (calls.push("port"), udp().localPort) },
    );
    expect(calls).toEqual(["address", "port"]);
  });

  test("a conversion that closes the socket makes send() throw InvalidStateError", () => {
    const socket = udp();
    const address = {
      toString() {
        socket.close();
        return "127.0.0.1";
      },
    };
    expectDOMException(() => socket.send("x", address, 9), "InvalidStateError");
  });
});
