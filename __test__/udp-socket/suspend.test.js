"use strict";

const { setImmediate } = require("node:timers");
const { udp, datagrams, record, text, turn, once } = require("../helpers");
const { udpTo, texts, textsOf, fence } = require("../helpers/udp");

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => String(from + i));

/** A receiving UDPSocket, a log of its messages, and a sender of this package towards it. */
function receiver(options) {
  const socket = udp(options);
  const sender = udp({ remoteAddress: "127.0.0.1", remotePort: socket.localPort });
  return { socket, sender, log: record(socket, ["message"]) };
}

describe("UDPSocket suspend() and resume() (draft, suspend, resume; R-udp-suspend)", () => {
  test("after suspend() no message fires until resume(); what waited comes then, in order", async () => {
    const { socket, sender, log } = receiver();
    socket.suspend();
    for (const number of numbers(0, 50)) {
      sender.send(number);
    }
    await fence();
    expect(log.types).toEqual([]);
    socket.resume();
    await log.atLeast(50);
    expect(textsOf(log)).toEqual(numbers(0, 50));
  });

  test("suspend() inside a handler holds back the rest of the batch, those already taken included", async () => {
    const { socket, sender, log } = receiver();
    socket.addEventListener("message", () => {
      if (log.entries.length === 3) {
        socket.suspend();
      }
    });
    for (const number of numbers(0, 40)) {
      sender.send(number);
    }
    await log.atLeast(3);
    await fence();
    expect(textsOf(log)).toEqual(["0", "1", "2"]);
    socket.resume();
    await log.atLeast(40);
    expect(textsOf(log)).toEqual(numbers(0, 40));
  });

  test("suspending and resuming at every message loses nothing and keeps the order", async () => {
    const { socket, sender, log } = receiver();
    socket.addEventListener("message", () => {
      socket.suspend();
      setImmediate(() => socket.resume());
    });
    for (const number of numbers(0, 60)) {
      sender.send(number);
    }
    await log.atLeast(60);
    expect(textsOf(log)).toEqual(numbers(0, 60));
  });

  test("what comes after resume() comes after what waited", async () => {
    const { socket, sender, log } = receiver();
    socket.suspend();
    sender.send("waited");
    await fence();
    socket.resume();
    sender.send("later");
    await log.atLeast(2);
    expect(textsOf(log)).toEqual(["waited", "later"]);
  });

  test("no message fires inside resume() (R-task)", async () => {
    const { socket, sender, log } = receiver();
    socket.suspend();
    sender.send("x");
    await fence();
    socket.resume();
    expect(log.types).toEqual([]);
    await null;
    expect(log.types).toEqual([]);
    await log.atLeast(1);
  });

  test("both are idempotent: one resume() ends two suspend()s, a second one changes nothing", async () => {
    const { socket, sender, log } = receiver();
    socket.suspend();
    socket.suspend();
    sender.send("a");
    await fence();
    expect(log.types).toEqual([]);
    socket.resume();
    socket.resume();
    await log.atLeast(1);
    sender.send("b");
    await log.atLeast(2);
    expect(textsOf(log)).toEqual(["a", "b"]);
  });

  test("resume() without suspend() changes nothing", async () => {
    const { socket, sender, log } = receiver();
    socket.resume();
    sender.send("a");
    await log.atLeast(1);
    expect(textsOf(log)).toEqual(["a"]);
  });

  test("suspend() and resume() in one turn leave messages flowing", async () => {
    const { socket, sender, log } = receiver();
    sender.send("a");
    await turn();
    socket.suspend();
    socket.resume();
    sender.send("b");
    await log.atLeast(2);
    expect(textsOf(log)).toEqual(["a", "b"]);
  });

  test("resume() then suspend() in one turn lets nothing through", async () => {
    const { socket, sender, log } = receiver();
    socket.suspend();
    sender.send("a");
    await fence();
    socket.resume();
    socket.suspend();
    await fence();
    expect(log.types).toEqual([]);
  });

  test("a suspended socket still sends, and drain still fires", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 0 });
    socket.suspend();
    const drain = once(socket, "drain");
    expect(socket.send("out")).toBe(false);
    await drain;
    expect(await texts(peer, 1)).toEqual(["out"]);
  });

  test("one socket's suspend() holds no other socket back", async () => {
    const held = receiver();
    const free = receiver();
    held.socket.suspend();
    held.sender.send("held");
    free.sender.send("free");
    await free.log.atLeast(1);
    expect(held.log.types).toEqual([]);
  });

  test("readyState and the other attributes do not change", () => {
    const socket = udp();
    socket.suspend();
    expect(socket.readyState).toBe("open");
    socket.resume();
    expect(socket.readyState).toBe("open");
  });

  test("what neither memory nor the system's buffer holds is dropped; what is kept is bounded, and the rest works on", async () => {
    const { socket, sender, log } = receiver();
    socket.suspend();
    const size = 1024;
    const total = 16 * 1024;
    for (let i = 0; i < total; i++) {
      sender.send(String(i).padEnd(size));
      if (i % 500 === 0) {
        await turn();
      }
    }
    await fence();
    socket.resume();
    await log.atLeast(1);
    await fence();
    // 256 KiB in memory, the rest in SO_RCVBUF (which holds less payload than its size).
    expect(log.entries.length * size).toBeLessThan(4 * 1024 * 1024);
    const kept = textsOf(log).map((data) => Number(data.trim()));
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
    expect(new Set(kept).size).toBe(kept.length);
    expect(kept[0]).toBe(0);
    expect(kept.length).toBeLessThan(total);
    const seen = log.entries.length;
    sender.send("and on");
    await log.atLeast(seen + 1);
    expect(text(log.entries.at(-1).event.data)).toBe("and on");
  });

  test("once closed they do nothing and throw nothing", async () => {
    const { socket, sender, log } = receiver();
    sender.send("x");
    socket.suspend();
    socket.close();
    expect(socket.suspend()).toBe(undefined);
    expect(socket.resume()).toBe(undefined);
    expect(socket.readyState).toBe("closed");
    await fence();
    expect(log.types).toEqual([]);
  });
});
