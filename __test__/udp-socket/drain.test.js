"use strict";

const { setImmediate } = require("node:timers");
const { udp, datagrams, record, turn, eventually } = require("../helpers");
const { udpTo, texts, recordAll, fence } = require("../helpers/udp");

describe("UDPSocket drain and bufferedAmount (draft, in the process of sending; R-tcp-drain, R-udp-full)", () => {
  test("drain fires once after a send() that returned false, when bufferedAmount is back at 0", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 10 });
    const log = recordAll(socket);
    expect(socket.send("more than ten bytes")).toBe(false);
    const { bufferedAmount, readyState, event } = await log.until("drain");
    expect(bufferedAmount).toBe(0);
    expect(readyState).toBe("open");
    expect(event instanceof Event).toBe(true);
    expect(Object.prototype.toString.call(event)).toBe("[object Event]");
    expect([event.bubbles, event.cancelable]).toEqual([false, false]);
    await fence();
    expect(log.types).toEqual(["drain"]);
    expect(await texts(peer, 1)).toEqual(["more than ten bytes"]);
  });

  test("several sends that returned false bring one drain", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 0 });
    const log = recordAll(socket);
    const results = Array.from({ length: 100 }, (_, i) => socket.send(String(i)));
    expect(results).not.toContain(true);
    await log.until("drain");
    await texts(peer, 100);
    await fence();
    expect(log.types).toEqual(["drain"]);
  });

  test("it never fires after sends that all returned true", async () => {
    const peer = await datagrams({ recvBufferSize: 4 << 20 });
    const socket = udpTo(peer);
    const log = recordAll(socket);
    for (let i = 0; i < 500; i++) {
      expect(socket.send("small")).toBe(true);
    }
    await texts(peer, 500);
    await fence();
    expect(log.types).toEqual([]);
    expect(socket.bufferedAmount).toBe(0);
  });

  test("it never fires inside the call or in the task that sent (R-task)", async () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: udp().localPort, highWaterMark: 0 });
    const log = recordAll(socket);
    for (let i = 0; i < 300; i++) {
      socket.send("x");
      expect(log.types).toEqual([]);
    }
    await null;
    expect(log.types).toEqual([]);
    await log.until("drain");
  });

  test("each round of false and drain is a round of its own", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 100 });
    const log = recordAll(socket);
    for (let round = 1; round <= 20; round++) {
      while (socket.send(`round ${round}`)) {
        // Up to the mark.
      }
      await log.atLeast(round, "drain");
      expect(socket.bufferedAmount).toBe(0);
    }
    await fence();
    expect(log.count("drain")).toBe(20);
  });

  test("sending in the drain handler, again above the mark, brings the next drain", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 0 });
    let sent = 0;
    await new Promise((resolve) => {
      socket.ondrain = () => {
        if (sent < 50) {
          socket.send(String((sent += 1)));
        } else {
          resolve();
        }
      };
      socket.send(String((sent += 1)));
    });
    expect(await texts(peer, 50)).toEqual(Array.from({ length: 50 }, (_, i) => String(i + 1)));
  });

  test("a sender that goes on after false, and one that waits for drain, lose nothing", async () => {
    const receiver = udp();
    const inbox = record(receiver, ["message"]);
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: receiver.localPort, highWaterMark: 2000 });
    for (let i = 0; i < 60; i++) {
      if (!socket.send(new Uint8Array(1000)) && i % 2 === 0) {
        await new Promise((resolve) => socket.addEventListener("drain", resolve, { once: true }));
      }
    }
    await inbox.atLeast(60);
  });

  test("without a listener, bufferedAmount falls to 0 all the same", async () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: udp().localPort, highWaterMark: 0 });
    socket.send("x");
    expect(socket.bufferedAmount).toBe(1);
    await eventually(() => socket.bufferedAmount === 0, "bufferedAmount 0");
  });

  test("after close() it does not fire", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 0 });
    const log = recordAll(socket);
    expect(socket.send("x")).toBe(false);
    socket.close();
    await texts(peer, 1);
    await fence();
    expect(log.types).toEqual([]);
  });

  test("drain is a task of its own: what is queued by setImmediate meanwhile is not lost or doubled", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 0 });
    const log = recordAll(socket);
    setImmediate(() => socket.send("second"));
    socket.send("first");
    expect(await texts(peer, 2)).toEqual(["first", "second"]);
    await log.until("drain");
    await turn();
    await fence();
    expect(log.count("drain")).toBeGreaterThanOrEqual(1);
    expect(log.count("drain")).toBeLessThanOrEqual(2);
  });
});
