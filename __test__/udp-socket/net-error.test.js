"use strict";

const { udp, datagrams, record, run, text, turn, expectIsDOMException } = require("../helpers");
const { texts, recordAll, fence } = require("../helpers/udp");
const { namespaceTest, inNamespace, setups, HERE } = require("../helpers/netns");

jest.setTimeout(20_000);

/** The loopback interface's broadcast address: without SO_BROADCAST the system answers EACCES, and nothing leaves. */
const FORBIDDEN = "127.255.255.255";

describe("UDPSocket: what the system reports about one datagram (R-udp-neterr)", () => {
  test("a destination that is not permitted fires error, with code, syscall, address and port (R-error)", async () => {
    const socket = udp();
    const log = recordAll(socket);
    expect(socket.send("x", FORBIDDEN, 4567)).toBe(true);
    expect(log.types).toEqual([]);
    const { event } = await log.until("error");
    expectIsDOMException(event.error, "NetworkError", "EACCES");
    expect(event.error).toMatchObject({ address: FORBIDDEN, port: 4567 });
    expect(event.error.syscall).toMatch(/^send/);
    expect(event.error.message).toContain(FORBIDDEN);
  });

  test("error.error is the same object at each read, and inherits from Error", async () => {
    const socket = udp();
    const log = recordAll(socket);
    socket.send("x", FORBIDDEN, 9);
    const { event } = await log.until("error");
    expect(event.error).toBe(event.error);
    expect(Object.prototype.toString.call(event.error)).toBe("[object DOMException]");
    expect(typeof event.error.stack).toBe("string");
  });

  test("the socket stays open and goes on sending and receiving", async () => {
    const peer = await datagrams();
    const socket = udp();
    const log = recordAll(socket);
    socket.send("x", FORBIDDEN, 9);
    const { readyState } = await log.until("error");
    expect(readyState).toBe("open");
    socket.send("ping", peer.host, peer.port);
    expect(await texts(peer, 1)).toEqual(["ping"]);
    await peer.send("pong", socket.localPort);
    expect(text((await log.until("message")).event.data)).toBe("pong");
    expect(log.types).toEqual(["error", "message"]);
  });

  test("in one turn, one error for each bad datagram, and the good ones around them all arrive in order", async () => {
    const peer = await datagrams();
    const socket = udp();
    const log = recordAll(socket);
    const expected = [];
    for (let i = 0; i < 40; i++) {
      if (i % 4 === 2) {
        socket.send(`bad ${i}`, FORBIDDEN, 1000 + i);
      } else {
        expected.push(`good ${i}`);
        socket.send(`good ${i}`, peer.host, peer.port);
      }
    }
    expect(await texts(peer, 30)).toEqual(expected);
    await log.atLeast(10, "error");
    await fence();
    expect(log.entries.map(({ event }) => event.error.port)).toEqual([1002, 1006, 1010, 1014, 1018, 1022, 1026, 1030, 1034, 1038]);
  });

  test("what failed no longer counts in bufferedAmount, and drain follows all the same", async () => {
    const socket = udp({ highWaterMark: 0 });
    const log = recordAll(socket);
    expect(socket.send("12345", FORBIDDEN, 9)).toBe(false);
    expect(socket.bufferedAmount).toBe(5);
    await log.until("error");
    await log.until("drain");
    expect(socket.bufferedAmount).toBe(0);
    await fence();
    expect(log.types.sort()).toEqual(["drain", "error"]);
  });

  test("close() before the error is told: it is not (R-udp-close)", async () => {
    const socket = udp();
    const log = recordAll(socket);
    for (let i = 0; i < 70; i++) {
      socket.send("x", FORBIDDEN, 9);
    }
    socket.close();
    await fence();
    expect(log.types).toEqual([]);
  });

  test("close() in the first error's handler silences the rest", async () => {
    const socket = udp();
    const log = recordAll(socket);
    socket.onerror = () => socket.close();
    socket.send("x", FORBIDDEN, 9);
    socket.send("x", FORBIDDEN, 9);
    await log.until("error");
    await fence();
    expect(log.types).toEqual(["error"]);
  });

  test("a refusing port brings no error to an unconnected socket, or one that leaves it open", async () => {
    const gone = await datagrams();
    await new Promise((resolve) => gone.socket.close(resolve));
    const peer = await datagrams();
    const socket = udp();
    const log = record(socket, ["error", "message"]);
    for (let i = 0; i < 20; i++) {
      socket.send("x", "127.0.0.1", gone.port);
      await turn();
    }
    await peer.send("still here", socket.localPort);
    await log.until("message");
    expect(socket.readyState).toBe("open");
    for (const { event } of log.entries.filter(({ type }) => type === "error")) {
      expectIsDOMException(event.error, "NetworkError", "ECONNREFUSED");
    }
    socket.send("works", peer.host, peer.port);
    expect(await texts(peer, 1)).toEqual(["works"]);
  });

  test("an error that nobody hears throws nothing and leaves the socket open (R-unheard)", async () => {
    const peer = await datagrams();
    // In a child, since it is warned of.
    const { code, stderr } = await run(`
      const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      process.once("warning", () => {
        socket.send("works", "${peer.host}", ${peer.port});
        socket.close();
      });
      socket.send("x", "${FORBIDDEN}", 9);`);
    expect(await texts(peer, 1)).toEqual(["works"]);
    expect([code, stderr.match(/UnheardSocketError/g)]).toEqual([0, ["UnheardSocketError"]]);
  });

  namespaceTest("an unreachable network fires error with code ENETUNREACH and leaves the socket open", async () => {
    const result = await inNamespace(
      `const socket = new UDPSocket();
      const log = record(socket, ["error", "message"]);
      const returned = [socket.send("a", "203.0.113.1", 1001), socket.send("b", "127.0.0.1", socket.localPort), socket.send("c", "203.0.113.2", 1003)];
      await log.until("message");
      await log.atLeast(2, "error");
      await settle();
      const errors = log.entries.filter(({ type }) => type === "error").map(({ event }) => plain(event.error));
      report({ returned, types: log.types.sort(), errors, readyState: socket.readyState });
      socket.close();`,
    );
    expect(result.returned).toEqual([true, true, true]);
    expect(result.types).toEqual(["error", "error", "message"]);
    expect(result.errors).toMatchObject([
      { name: "NetworkError", code: "ENETUNREACH", address: "203.0.113.1", port: 1001, isDOMException: true },
      { name: "NetworkError", code: "ENETUNREACH", address: "203.0.113.2", port: 1003 },
    ]);
    expect(result.readyState).toBe("open");
  });

  namespaceTest("an IPv6 destination without a route likewise", async () => {
    const result = await inNamespace(
      `const socket = new UDPSocket({ localAddress: "::", remoteAddress: "2001:db8::1", remotePort: 9 });
      const log = record(socket, ["error"]);
      socket.send("x");
      const { event } = await log.until("error");
      report({ error: plain(event.error), readyState: socket.readyState });
      socket.close();`,
    );
    expect(result.error).toMatchObject({ name: "NetworkError", address: "2001:db8::1", port: 9 });
    expect(["ENETUNREACH", "EADDRNOTAVAIL", "EHOSTUNREACH"]).toContain(result.error.code);
    expect(result.readyState).toBe("open");
  });

  namespaceTest("the link going down and up again leaves the socket usable", async () => {
    const result = await inNamespace(
      `const socket = new UDPSocket({ localAddress: HERE });
      const log = record(socket, ["error"]);
      execFileSync("ip", ["link", "set", "v0", "down"]);
      socket.send("x", NEIGHBOUR, 9);
      const { event } = await log.until("error");
      execFileSync("ip", ["link", "set", "v0", "up"]);
      const receiver = new UDPSocket({ localAddress: HERE });
      const message = once(receiver, "message");
      socket.send("again", HERE, receiver.localPort);
      report({ code: event.error.code, name: event.error.name, from: (await message).remoteAddress });
      process.exit(0);`,
      { setup: setups.link },
    );
    expect(result.name).toBe("NetworkError");
    expect(["ENETUNREACH", "ENETDOWN", "EHOSTUNREACH", "EINVAL"]).toContain(result.code);
    expect(result.from).toBe(HERE);
  });

  test("errors come as ErrorEvents to onerror, with the socket as this (R-handler)", async () => {
    const socket = udp();
    const seen = new Promise((resolve) => {
      socket.onerror = function (event) {
        resolve([this, event.type, event.target]);
      };
    });
    socket.send("x", FORBIDDEN, 9);
    expect(await seen).toEqual([socket, "error", socket]);
  });
});
