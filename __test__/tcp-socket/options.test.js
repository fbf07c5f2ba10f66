"use strict";

const { setImmediate } = require("node:timers");
const { TCPSocket, tcp, tcpPair, acceptedPair, tcpServer, udp, listen, once, collect, settle, hasIPv6, runJSON } = require("../helpers");

const testIPv6 = hasIPv6 ? test : test.skip;

test.each([
  ["true", true],
  ["false", false],
  ["a number", 1],
  ["a string", ""],
  ["null", null],
  ["a Symbol", Symbol("boolean")],
  ["an object", {}],
])("noDelay and allowHalfOpen take %s as a boolean (extensions TCPOptions, Web IDL)", async (_, value) => {
  const { socket, peer } = await tcpPair({ options: { noDelay: value, allowHalfOpen: value } });
  const inbox = collect(peer);
  socket.send("hello");
  await inbox.until(5);
});

testIPv6.each([true, false])("ipv6Only: %s changes nothing for an IPv6 connection (extensions TCPOptions)", async (ipv6Only) => {
  const { socket, peer } = await tcpPair({ host: "::1", options: { ipv6Only } });
  const inbox = collect(peer);
  socket.send("hello");
  await inbox.until(5);
});

test.each([true, false])("small sends of several turns all arrive with noDelay %s (R-tcp-nodelay)", async (noDelay) => {
  const { socket, peer } = await tcpPair({ options: { noDelay } });
  const inbox = collect(peer);
  for (let i = 0; i < 5; i++) {
    socket.send("x");
    await settle(4);
  }
  await inbox.until(5);
});

/** How long `count` pairs of small writes take, each answered only when both have come: Nagle's worst case. */
async function writeWriteRead(socket, peer, count) {
  socket.onmessage = () => {};
  let pending = 0;
  let answered;
  peer.on("data", (chunk) => {
    pending += chunk.length;
    if (pending === 2) {
      pending = 0;
      answered();
    }
  });
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) {
    const answer = new Promise((resolve) => {
      answered = resolve;
    });
    socket.send("a");
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    socket.send("b");
    await answer;
    peer.write("ok");
  }
  return Number(process.hrtime.bigint() - start) / 1e6;
}

test("Nagle's algorithm is off unless asked for: a second small write does not wait for an acknowledgement (R-tcp-nodelay)", async () => {
  const connected = await tcpPair();
  const accepted = await acceptedPair();
  // With Nagle each of the 20 would wait for a delayed acknowledgement, 40 ms on Linux.
  expect(await writeWriteRead(connected.socket, connected.peer, 20)).toBeLessThan(400);
  expect(await writeWriteRead(accepted.socket, accepted.peer, 20)).toBeLessThan(400);
});

describe("ref(), unref() and hasRef()", () => {
  test("a socket is ref'd at first; unref() and ref() change that, idempotently (extensions, R-keep)", async () => {
    const { socket } = await tcpPair();
    for (const each of [socket, tcpServer(), udp()]) {
      expect(each.hasRef()).toBe(true);
      each.unref();
      each.unref();
      expect(each.hasRef()).toBe(false);
      each.ref();
      expect(each.hasRef()).toBe(true);
    }
  });

  test("ref() and unref() return the socket, as Node's do (extensions)", async () => {
    const { socket } = await tcpPair();
    for (const each of [socket, tcpServer(), udp()]) {
      expect(each.unref() === each).toBe(true);
      expect(each.ref() === each).toBe(true);
    }
  });

  test("an unref'd socket still works (R-keep)", async () => {
    const server = await listen();
    const socket = tcp("127.0.0.1", server.port);
    socket.unref();
    const peer = await server.next();
    if (socket.readyState === "connecting") {
      await once(socket, "open");
    }
    peer.write("hello");
    await once(socket, "message");
  });

  test("they do nothing and do not throw once closed (extensions)", async () => {
    const { socket } = await tcpPair();
    socket.reset();
    await once(socket, "close");
    socket.unref();
    socket.ref();
    expect(typeof socket.hasRef()).toBe("boolean");
  });

  test("they are on the prototype, as methods are (extensions, R-shape)", () => {
    for (const name of ["ref", "unref", "hasRef", "reset"]) {
      const { enumerable, writable, configurable, value } = Object.getOwnPropertyDescriptor(TCPSocket.prototype, name);
      expect({ name, enumerable, writable, configurable }).toEqual({ name, enumerable: true, writable: true, configurable: true });
      expect([value.name, value.length]).toEqual([name, 0]);
    }
  });
});

test("the copy of the package that ESM imports is the one that require() gives (packaging: one copy of each class)", async () => {
  const result = await runJSON(`
    import("tcp-udp-sockets").then((esm) => {
      const cjs = require("tcp-udp-sockets");
      report(["UDPSocket", "TCPSocket", "TCPServerSocket"].map((name) => esm[name] === cjs[name]));
    });
  `);
  expect(result).toEqual([true, true, true]);
});
