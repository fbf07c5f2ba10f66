"use strict";

// Short datagrams that have come together: JavaScript gets them from the native half at once, and each is still a message of its own. The bursts
// wait in the system until there is a listener, so that they come in one batch.

const dgram = require("node:dgram");
const events = require("node:events");
const { runJSON, udp, record } = require("../helpers");
const { defer } = require("../helpers/cleanup");

/** A UDPSocket without listeners, and a function that sends it a burst and resolves when all datagrams wait in the system. */
async function target() {
  const socket = udp({ localAddress: "127.0.0.1", receiveBufferSize: 1 << 20 });
  const peer = dgram.createSocket("udp4").bind(0, "127.0.0.1");
  await events.once(peer, "listening");
  defer(() => new Promise((resolve) => peer.close(resolve)));
  const lay = (burst) => Promise.all(burst.map((data) => new Promise((resolve) => peer.send(data, socket.localPort, "127.0.0.1", resolve))));
  return { socket, peer, lay };
}

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => String(from + i));
const textOf = (data) => Buffer.from(data).toString();

describe("UDPSocket: a burst of short datagrams (R-data, R-task, R-listen, R-udp-bounds)", () => {
  test("lengths from 0 to beyond the longest short one arrive in order, each with exactly its bytes", async () => {
    const { socket, lay } = await target();
    const burst = [0, 1, 63, 64, 65, 2, 1200, 64, 0, 7, 8000, 3].map((length, i) => Buffer.alloc(length, i + 1));
    await lay(burst);
    const log = record(socket, ["message"]);
    await log.atLeast(burst.length);
    const got = log.entries.map(({ event }) => event.data);
    expect(got.map((data) => [Object.prototype.toString.call(data), data.byteLength])).toEqual(
      burst.map(({ length }) => ["[object ArrayBuffer]", length]),
    );
    expect(got.map((data) => Buffer.from(data))).toEqual(burst);
  });

  test("each message has an ArrayBuffer of its own, and keeps it however late it is read", async () => {
    const { socket, lay } = await target();
    await lay(numbers(0, 40));
    const kept = [];
    socket.addEventListener("message", (event) => kept.push(event));
    while (kept.length < 40) await events.once(socket, "message");
    await lay(numbers(40, 80));
    while (kept.length < 80) await events.once(socket, "message");
    const buffers = kept.map((event) => event.data);
    expect(buffers.map(textOf)).toEqual(numbers(0, 80));
    expect(new Set(buffers).size).toBe(80);
    expect(kept.map((event) => event.data)).toEqual(buffers);
    kept.forEach((event, i) => expect(event.data).toBe(buffers[i]));
    new Uint8Array(buffers[0]).fill(0);
    expect(buffers.slice(1).map(textOf)).toEqual(numbers(1, 80));
  });

  test("microtasks run between two messages", async () => {
    const { socket, lay } = await target();
    await lay(numbers(0, 100));
    const log = [];
    await new Promise((resolve) => {
      socket.onmessage = ({ data }) => {
        log.push(textOf(data));
        void Promise.resolve().then(() => {
          log.push("microtask");
          if (log.length === 200) resolve();
        });
      };
    });
    expect(log).toEqual(numbers(0, 100).flatMap((number) => [number, "microtask"]));
  });

  test("bytesRead counts exactly the messages that have been delivered", async () => {
    const { socket, lay } = await target();
    await lay(Array.from({ length: 70 }, (_, i) => Buffer.alloc(i % 60)));
    let expected = 0;
    let messages = 0;
    await new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => {
        expected += data.byteLength;
        messages += 1;
        if (socket.bytesRead !== expected) reject(new Error(`${socket.bytesRead} instead of ${expected}`));
        if (messages === 70) resolve();
      };
    });
    expect(socket.bytesRead).toBe(expected);
  });

  test("after close() in a handler no message fires", async () => {
    const { socket, lay } = await target();
    await lay(numbers(0, 20));
    const log = record(socket, ["message"]);
    socket.addEventListener("message", () => log.entries.length === 3 && socket.close());
    await log.atLeast(3);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(log.entries.length).toBe(3);
  });

  test.each([
    ["in the handler", (stop) => stop()],
    ["in a microtask", (stop) => void Promise.resolve().then(stop)],
  ])("a listener that is removed %s leaves the rest for the next one", async (_when, act) => {
    const { socket, lay } = await target();
    await lay(numbers(0, 50));
    const got = [];
    await new Promise((resolve) => {
      const listener = ({ data }) => {
        got.push(textOf(data));
        if (got.length === 5) {
          act(() => {
            socket.removeEventListener("message", listener);
            resolve();
          });
        }
      };
      socket.addEventListener("message", listener);
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(got).toEqual(numbers(0, 5));
    const log = record(socket, ["message"]);
    await log.atLeast(45);
    expect(log.entries.map(({ event }) => textOf(event.data))).toEqual(numbers(5, 50));
  });

  test("answers that are sent in the handlers go out, and disturb nothing", async () => {
    const { socket, peer, lay } = await target();
    await lay(numbers(0, 64));
    const back = [];
    const all = new Promise((resolve) => peer.on("message", (data) => back.push(textOf(data)) === 64 && resolve()));
    socket.onmessage = ({ data, remoteAddress, remotePort }) => socket.send(data, remoteAddress, remotePort);
    await all;
    expect(back).toEqual(numbers(0, 64));
  });

  test("a loop that is left in the middle leaves the rest for the next loop", async () => {
    const { socket, lay } = await target();
    await lay(numbers(0, 60));
    const got = [];
    for await (const { data } of socket) {
      expect(data).toBeInstanceOf(Uint8Array);
      expect([data.byteOffset, data.buffer.byteLength]).toEqual([0, data.byteLength]);
      if (got.push(textOf(data)) === 7) break;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    for await (const { data } of socket) {
      if (got.push(textOf(data)) === 60) break;
    }
    expect(got).toEqual(numbers(0, 60));
  });

  test("a loop that does something else for a while gets each datagram", async () => {
    const { socket, lay } = await target();
    await lay(numbers(0, 40));
    const got = [];
    for await (const { data } of socket) {
      if (got.push(textOf(data)) === 40) break;
      if (got.length % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(got).toEqual(numbers(0, 40));
  });

  test("`readable` gives one chunk for each datagram", async () => {
    const { socket, lay } = await target();
    await lay(numbers(0, 90));
    const reader = socket.readable.getReader();
    const got = [];
    while (got.length < 90) got.push(textOf((await reader.read()).value.data));
    expect(got).toEqual(numbers(0, 90));
  });

  test("a handler that throws, and a microtask that throws, lose none of the rest", async () => {
    const { got, thrown } = await runJSON(`
      const dgram = require("node:dgram");
      const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      const peer = dgram.createSocket("udp4");
      const got = [];
      let thrown = 0;
      process.on("uncaughtException", () => (thrown += 1));
      let left = 30;
      const listen = () => {
        socket.onmessage = ({ data }) => {
          const number = Number(Buffer.from(data).toString());
          got.push(number);
          if (got.length === 30) setImmediate(() => {
            report({ got, thrown });
            socket.close();
            peer.close();
          });
          if (number === 3) throw new Error("handler");
          if (number === 7) process.nextTick(() => { throw new Error("microtask"); });
        };
      };
      for (let i = 0; i < 30; i++) peer.send(String(i), socket.localPort, "127.0.0.1", () => (left -= 1) === 0 && listen());
    `);
    expect(got).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect(thrown).toBe(2);
  });
});
