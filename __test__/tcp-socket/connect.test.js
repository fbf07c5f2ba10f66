"use strict";

const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const {
  tcp,
  listen,
  once,
  record,
  settle,
  turn,
  refusedPort,
  freePort,
  hasIPv6,
  expectIsDOMException,
  expectDOMException,
} = require("../helpers");

const testIPv6 = hasIPv6 ? test : test.skip;
const testLinux = process.platform === "linux" ? test : test.skip;

test("a new socket is connecting, with nothing buffered (draft TCPSocket constructor)", async () => {
  const server = await listen();
  const socket = tcp("127.0.0.1", server.port);
  expect(socket.readyState).toBe("connecting");
  expect(socket.bufferedAmount).toBe(0);
});

test("remoteAddress and remotePort are the requested ones, the port as a string (draft TCPSocket, raw-sockets.webidl)", async () => {
  const server = await listen();
  const socket = tcp("127.0.0.1", server.port);
  expect(socket.remoteAddress).toBe("127.0.0.1");
  expect(socket.remotePort).toBe(String(server.port));
});

test("localAddress and localPort are the real ones at once (R-tcp-create)", async () => {
  const server = await listen();
  const socket = tcp("127.0.0.1", server.port);
  const { localAddress, localPort } = socket;
  expect(localAddress).toBe("127.0.0.1");
  expect(localPort).toBeGreaterThan(0);
  const peer = await server.next();
  expect(peer.remoteAddress).toBe(localAddress);
  expect(peer.remotePort).toBe(localPort);
});

testLinux("the attempt starts before the constructor returns, not when the program next waits (R-tcp-create)", async () => {
  const server = await listen();
  const { localPort } = tcp("127.0.0.1", server.port);
  // No turn has ended yet: the kernel alone has completed the handshake. Columns: local, remote, state.
  const entry = `0100007F:${hex(localPort)} 0100007F:${hex(server.port)} 01`;
  expect(fs.readFileSync("/proc/self/net/tcp", "latin1")).toContain(entry);
});

function hex(port) {
  return port.toString(16).toUpperCase().padStart(4, "0");
}

test("open fires once, as a simple event, when readyState has become open (draft: connection established)", async () => {
  const server = await listen();
  const socket = tcp("127.0.0.1", server.port);
  const log = record(socket, ["open", "error", "close", "drain"]);
  const { event, readyState } = await log.until("open");
  expect(readyState).toBe("open");
  expect(event).toBeInstanceOf(Event);
  expect(event.target).toBe(socket);
  expect(event.bubbles).toBe(false);
  expect(event.cancelable).toBe(false);
  await settle();
  expect(log.types).toEqual(["open"]);
  expect(socket.readyState).toBe("open");
});

test("a refused connection is closed and fires one error, no open and no close (draft: attempt has failed, §0)", async () => {
  const socket = tcp("127.0.0.1", await refusedPort());
  const log = record(socket, ["open", "error", "close"]);
  expect(socket.readyState).toBe("connecting");
  const { event, readyState } = await log.until("error");
  expect(readyState).toBe("closed");
  expectIsDOMException(event.error, "NetworkError", "ECONNREFUSED");
  await settle();
  expect(log.types).toEqual(["error"]);
  expect(socket.readyState).toBe("closed");
});

test("a connect(2) that fails at once is an error event, and the local ends read as wildcard and 0 (R-tcp-create)", async () => {
  // TCP has no multicast: the system refuses it in the call itself.
  const socket = tcp("224.0.0.1", 9);
  expect(socket.readyState).toBe("connecting");
  expect(socket.localAddress).toBe("0.0.0.0");
  expect(socket.localPort).toBe(0);
  const log = record(socket, ["open", "error", "close"]);
  const { event, readyState } = await log.until("error");
  expect(readyState).toBe("closed");
  expectIsDOMException(event.error, "NetworkError");
  expect(event.error.code).toMatch(/^E[A-Z]+$/);
  await settle();
  expect(log.types).toEqual(["error"]);
});

test("what the address of a failed socket was stays readable (R-task: once closed, attributes keep their last values)", async () => {
  const port = await refusedPort();
  const socket = tcp("127.0.0.1", port);
  const { localPort } = socket;
  await once(socket, "error");
  expect(socket.remoteAddress).toBe("127.0.0.1");
  expect(socket.remotePort).toBe(String(port));
  expect(socket.localAddress).toBe("127.0.0.1");
  expect(socket.localPort).toBe(localPort);
  expect(socket.bufferedAmount).toBe(0);
});

testLinux("localAddress binds the socket to that interface (draft TCPSocket constructor)", async () => {
  const server = await listen({ host: "0.0.0.0" });
  const socket = tcp("127.0.0.1", server.port, { localAddress: "127.0.0.2" });
  expect(socket.localAddress).toBe("127.0.0.2");
  const peer = await server.next();
  expect(peer.remoteAddress).toBe("127.0.0.2");
});

test("localPort binds the socket to that port (draft TCPSocket constructor)", async () => {
  const server = await listen();
  const localPort = await freePort();
  const socket = tcp("127.0.0.1", server.port, { localPort });
  expect(socket.localPort).toBe(localPort);
  const peer = await server.next();
  expect(peer.remotePort).toBe(localPort);
});

test("localPort 0 is any port, as if it were absent (R-port)", async () => {
  const server = await listen();
  const socket = tcp("127.0.0.1", server.port, { localPort: 0 });
  expect(socket.localPort).toBeGreaterThan(0);
  await once(socket, "open");
});

test("a local address that this host has not throws InvalidAccessError (R-tcp-create)", async () => {
  const server = await listen();
  const error = expectDOMException(
    () => tcp("127.0.0.1", server.port, { localAddress: "203.0.113.77" }),
    "InvalidAccessError",
    "EADDRNOTAVAIL",
  );
  expect(error.message).toContain("203.0.113.77");
});

test("a local port that is in use throws InvalidAccessError (R-tcp-create, R-error)", async () => {
  const server = await listen();
  const other = await listen();
  const options = { localAddress: "127.0.0.1", localPort: other.port };
  const error = expectDOMException(() => tcp("127.0.0.1", server.port, options), "InvalidAccessError", "EADDRINUSE");
  expect(error.syscall).toBe("bind");
  expect(error.address).toBe("127.0.0.1");
  expect(error.port).toBe(other.port);
  await settle();
  expect(server.waiting).toBe(0);
});

test.each([
  ["IPv6", "IPv4", "127.0.0.1", "::1"],
  ["IPv4", "IPv6", "::1", "127.0.0.1"],
])("an %s local address for an %s remote one throws InvalidAccessError (R-tcp-create)", async (local, remote, address, localAddress) => {
  expectDOMException(() => tcp(address, 9, { localAddress }), "InvalidAccessError");
});

testIPv6("an IPv6 connection opens, and reports its addresses (draft TCPSocket)", async () => {
  const server = await listen({ host: "::1" });
  const socket = tcp("::1", server.port);
  expect(socket.remoteAddress).toBe("::1");
  expect(socket.localAddress).toBe("::1");
  await once(socket, "open");
  const peer = await server.next();
  expect(peer.remotePort).toBe(socket.localPort);
});

testIPv6.each([
  ["0:0:0:0:0:0:0:1", "::1"],
  ["0000:0000:0000:0000:0000:0000:0000:0001", "::1"],
  ["::0.0.0.1", "::1"],
])("an IPv6 address given as %s is reported in RFC 5952 form (R-address)", async (given, reported) => {
  const server = await listen({ host: "::1" });
  const socket = tcp(given, server.port);
  expect(socket.remoteAddress).toBe(reported);
  await once(socket, "open");
});

test.each([
  ["2001:DB8::A", "2001:db8::a"],
  ["2001:0db8:0000:0001:0000:0000:0000:0001", "2001:db8:0:1::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
])("%s is reported as %s (R-address, RFC 5952)", (given, reported) => {
  // Nobody is there; whatever becomes of the attempt, the attribute is set by the constructor.
  const socket = tcp(given, 9);
  socket.addEventListener("error", () => {});
  expect(socket.remoteAddress).toBe(reported);
});

test.each([["::ffff:127.0.0.1"], ["::FFFF:7f00:1"], ["0:0:0:0:0:ffff:127.0.0.1"]])(
  "the IPv4-mapped %s counts and is reported as IPv4 (R-address)",
  async (mapped) => {
    const server = await listen();
    const socket = tcp(mapped, server.port);
    expect(socket.remoteAddress).toBe("127.0.0.1");
    expect(socket.localAddress).toBe("127.0.0.1");
    await once(socket, "open");
    const peer = await server.next();
    expect(peer.remotePort).toBe(socket.localPort);
  },
);

test("an IPv4-mapped local address counts as IPv4 (R-address)", async () => {
  const server = await listen();
  const socket = tcp("127.0.0.1", server.port, { localAddress: "::ffff:127.0.0.1" });
  expect(socket.localAddress).toBe("127.0.0.1");
  await once(socket, "open");
});

/** A zone is the interface's name, on Windows its number. */
const linkLocal = Object.entries(os.networkInterfaces())
  .flatMap(([name, addresses]) => addresses.map(({ address, scopeid }) => ({ zone: process.platform === "win32" ? scopeid : name, address: address.split("%")[0] })))
  .find(({ address }) => address.startsWith("fe80:"));

(linkLocal ? test : test.skip)("a link-local address carries its zone, there and back (R-address)", async () => {
  const { address, zone } = linkLocal;
  const server = await listen({ host: "::" });
  const socket = tcp(`${address}%${zone}`, server.port);
  expect(socket.remoteAddress).toBe(`${address}%${zone}`);
  expect(socket.localAddress).toBe(`${address}%${zone}`);
  await once(socket, "open");
});

test("a thousand sockets connect at once, each to its own peer (R-tcp-create)", async () => {
  const server = await listen({ backlog: 1024 });
  const sockets = Array.from({ length: 1000 }, () => tcp("127.0.0.1", server.port));
  const ports = new Set(sockets.map((socket) => socket.localPort));
  expect(ports.size).toBe(1000);
  await Promise.all(sockets.map((socket) => once(socket, "open", 15_000)));
  const seen = new Set();
  for (let i = 0; i < 1000; i++) {
    seen.add((await server.next()).remotePort);
  }
  expect(seen).toEqual(ports);
}, 20_000);

test("two sockets of one turn are told of in the turn after, not before it ends (R-task)", async () => {
  const server = await listen();
  const first = tcp("127.0.0.1", server.port);
  const log = record(first, ["open"]);
  const second = tcp("127.0.0.1", server.port);
  expect(log.types).toEqual([]);
  await Promise.all([log.until("open"), once(second, "open")]);
  await turn();
  expect(log.types).toEqual(["open"]);
});

test("a self-made peer sees the connection end when its socket is reset before open (R-reset)", async () => {
  const server = await listen();
  const socket = tcp("127.0.0.1", server.port);
  socket.addEventListener("error", () => {});
  socket.reset();
  expect(net.isIP(socket.remoteAddress)).toBe(4);
  const peer = await server.next();
  await once(peer.resume(), "close");
});
