"use strict";

const net = require("node:net");
const { udp, datagrams, once, record, text, pattern, sha256, turn, hasIPv6 } = require("../helpers");
const packageExports = require("../..");
const { udpTo, fence, textsOf } = require("../helpers/udp");

/** A UDPSocket and a node:dgram peer whose send() goes to it. */
async function pair(options) {
  const peer = await datagrams();
  const socket = udp(options);
  return { socket, peer, send: (data) => peer.send(data, socket.localPort, socket.localAddress) };
}

describe("UDPSocket message event (draft, upon a new UDP datagram, steps 2–6)", () => {
  test("it carries the datagram, and the address and port that it came from", async () => {
    const { socket, peer, send } = await pair();
    const message = once(socket, "message");
    await send(Uint8Array.of(0, 1, 254, 255));
    const event = await message;
    expect([...new Uint8Array(event.data)]).toEqual([0, 1, 254, 255]);
    expect(event.remoteAddress).toBe("127.0.0.1");
    expect(event.remotePort).toBe(peer.port);
  });

  test("it is a UDPMessageEvent, which is a MessageEvent and an Event, fired at the socket", async () => {
    const { socket, send } = await pair();
    const message = once(socket, "message");
    await send("x");
    const event = await message;
    expect(Object.prototype.toString.call(event)).toBe("[object UDPMessageEvent]");
    expect(event instanceof MessageEvent).toBe(true);
    expect(event instanceof Event).toBe(true);
    expect(event.type).toBe("message");
    expect(event.target).toBe(socket);
    expect([event.bubbles, event.cancelable, event.defaultPrevented]).toEqual([false, false, false]);
  });

  test("the rest of MessageEvent has its initial values", async () => {
    const { socket, send } = await pair();
    const message = once(socket, "message");
    await send("x");
    const event = await message;
    expect(event.origin).toBe("");
    expect(event.lastEventId).toBe("");
    expect(event.source).toBe(null);
    expect([...event.ports]).toEqual([]);
  });

  test("UDPMessageEvent and ErrorEvent are not exported as values (R-noif)", () => {
    for (const name of ["UDPMessageEvent", "ErrorEvent", "ConnectEvent"]) {
      expect(Object.keys(packageExports)).not.toContain(name);
    }
  });

  test("its attributes are read-only", async () => {
    const { socket, send } = await pair();
    const message = once(socket, "message");
    await send("x");
    const event = await message;
    for (const name of ["data", "remoteAddress", "remotePort"]) {
      const before = event[name];
      expect(() => {
        event[name] = null;
      }).toThrow(TypeError);
      expect(event[name]).toBe(before);
    }
  });

  test("its data is an ArrayBuffer of exactly the received bytes, the same at each read (R-data)", async () => {
    const { socket, send } = await pair();
    for (const size of [1, 2, 100, 1500, 16384, 40000]) {
      const message = once(socket, "message");
      await send(pattern(size));
      const { data } = await message;
      expect(Object.prototype.toString.call(data)).toBe("[object ArrayBuffer]");
      expect(data.byteLength).toBe(size);
      expect(sha256(data)).toBe(sha256(pattern(size)));
    }
    const message = once(socket, "message");
    await send("x");
    const event = await message;
    expect(event.data).toBe(event.data);
  });

  const immutable = typeof ArrayBuffer.prototype.transferToImmutable === "function";

  (immutable ? test : test.skip)("where the engine has immutable ArrayBuffers, its data is one (R-data)", async () => {
    const { socket, send } = await pair();
    const message = once(socket, "message");
    await send("x");
    expect((await message).data.immutable).toBe(true);
  });

  (immutable ? test.skip : test)("its data belongs to the receiver alone: writing to it shows nowhere else (R-data)", async () => {
    const { socket, send } = await pair();
    const log = record(socket, ["message"]);
    await send("first");
    await send("second");
    await log.atLeast(2);
    const [first, second] = log.entries.map(({ event }) => event.data);
    expect(first).not.toBe(second);
    new Uint8Array(first).fill(0);
    await send("third");
    await log.atLeast(3);
    expect(text(second)).toBe("second");
    expect(text(log.entries[2].event.data)).toBe("third");
    expect([...new Uint8Array(first)]).toEqual([0, 0, 0, 0, 0]);
  });

  test("received data stays as it is when much more comes (it is no view of a reused buffer)", async () => {
    const { socket, send } = await pair();
    const log = record(socket, ["message"]);
    for (let i = 0; i < 200; i++) {
      await send(pattern(500, i + 1));
      if (i % 50 === 49) {
        // No more at once than the system's buffer holds.
        await log.atLeast(i + 1);
      }
    }
    for (const [i, { event }] of log.entries.entries()) {
      expect(Buffer.compare(Buffer.from(event.data), pattern(500, i + 1))).toBe(0);
    }
  });
});

describe("UDPSocket datagram bounds (R-udp-bounds, R-udp-empty)", () => {
  test("an empty datagram is received as an empty ArrayBuffer", async () => {
    const { socket, send } = await pair();
    const log = record(socket, ["message"]);
    await send("");
    await send("x");
    await send(Buffer.alloc(0));
    await log.atLeast(3);
    expect(textsOf(log)).toEqual(["", "x", ""]);
    expect(log.entries[0].event.data.byteLength).toBe(0);
  });

  test("a burst of datagrams of every size up to 120 comes one by one, whole and in order", async () => {
    const { socket, send } = await pair();
    const log = record(socket, ["message"]);
    await Promise.all(Array.from({ length: 120 }, (_, size) => send(pattern(size, size + 1))));
    await log.atLeast(120);
    for (const [size, { event }] of log.entries.entries()) {
      expect(event.data.byteLength).toBe(size);
      expect(Buffer.compare(Buffer.from(event.data), pattern(size, size + 1))).toBe(0);
    }
  });

  test("runs of equal size from one sender are not merged", async () => {
    const receiver = udp();
    const sender = udp({ remoteAddress: "127.0.0.1", remotePort: receiver.localPort });
    const log = record(receiver, ["message"]);
    for (let i = 0; i < 100; i++) {
      sender.send(`0123${String(i).padStart(4, "0")}`);
    }
    await log.atLeast(100);
    await fence();
    expect(textsOf(log)).toEqual(Array.from({ length: 100 }, (_, i) => `0123${String(i).padStart(4, "0")}`));
  });

  test.each([1, 1471, 1472, 1473, 8192, 16383, 16384, 16385, 65506, 65507])("%d bytes come whole over IPv4", async (size) => {
    const { socket, send } = await pair();
    const message = once(socket, "message");
    await send(pattern(size));
    const { data } = await message;
    expect(data.byteLength).toBe(size);
    expect(sha256(data)).toBe(sha256(pattern(size)));
  });

  (hasIPv6 ? test : test.skip)("65,527 bytes come whole over IPv6", async () => {
    const receiver = udp({ localAddress: "::1" });
    const sender = udp({ localAddress: "::1", remoteAddress: "::1", remotePort: receiver.localPort });
    const message = once(receiver, "message");
    expect(sender.send(pattern(65527))).toBe(true);
    expect(sender.readyState).toBe("open");
    expect(sha256((await message).data)).toBe(sha256(pattern(65527)));
  });
});

describe("UDPSocket message event order and tasks (R-task)", () => {
  test("no message fires inside send(), close(), resume() or before code that runs in the same task after new", async () => {
    const target = udp();
    const sender = udp({ remoteAddress: "127.0.0.1", remotePort: target.localPort });
    let count = 0;
    target.onmessage = () => {
      count += 1;
    };
    for (let i = 0; i < 200; i++) {
      sender.send("x");
      target.suspend();
      target.resume();
    }
    expect(count).toBe(0);
    await null;
    expect(count).toBe(0);
    while (count < 200) {
      await turn();
    }
  });

  test("two sockets of one process talk both ways", async () => {
    const first = udp();
    const second = udp({ remoteAddress: "127.0.0.1", remotePort: first.localPort });
    const there = once(first, "message");
    second.send("ping");
    const event = await there;
    const back = once(second, "message");
    first.send("pong", event.remoteAddress, event.remotePort);
    expect(text((await back).data)).toBe("pong");
  });

  test("a socket receives what it sends to itself", async () => {
    const socket = udp();
    const message = once(socket, "message");
    socket.send("to myself", socket.localAddress, socket.localPort);
    const event = await message;
    expect([text(event.data), event.remotePort]).toEqual(["to myself", socket.localPort]);
  });

  test("remoteAddress is a literal, right for every datagram of a batch", async () => {
    const senders = await Promise.all(["127.0.0.1", "127.0.0.2", "127.255.255.254"].map((host) => datagrams({ host })));
    const socket = udp();
    const log = record(socket, ["message"]);
    for (let i = 0; i < 30; i++) {
      await senders[i % 3].send(senders[i % 3].host, socket.localPort, "127.0.0.1");
    }
    await log.atLeast(30);
    for (const { event } of log.entries) {
      expect(net.isIPv4(event.remoteAddress)).toBe(true);
      expect(event.remoteAddress).toBe(text(event.data));
      expect(event.remotePort).toBe(senders.find(({ host }) => host === event.remoteAddress).port);
    }
  });

  test("the peer of udpTo() answers to the event's address and port", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    socket.send("ping");
    const { rinfo } = await peer.next();
    const message = once(socket, "message");
    await peer.send("pong", rinfo.port, rinfo.address);
    expect(text((await message).data)).toBe("pong");
  });
});
