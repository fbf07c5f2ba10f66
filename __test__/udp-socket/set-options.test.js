"use strict";

// setOptions() of a UDPSocket, and its typeOfService (R-live).

const os = require("node:os");
const { UDPSocket, datagrams, expectDOMException, hasIPv6, udp } = require("../helpers");
const { kernelOptions, kernelTest } = require("../helpers/kernel-options");
const { texts } = require("../helpers/udp");

const V4 = ["SO_BROADCAST", "IP_TTL", "IP_MULTICAST_TTL", "IP_MULTICAST_LOOP", "IP_TOS", "SO_SNDBUF", "SO_RCVBUF"];
const [loopback] = Object.entries(os.networkInterfaces()).find(([, addresses]) => addresses.some(({ internal }) => internal));

kernelTest("sets each option in the kernel", () => {
  const socket = udp({ localAddress: "127.0.0.1" });
  expect(kernelOptions(socket, V4)).toMatchObject({ SO_BROADCAST: 0, IP_MULTICAST_TTL: 1, IP_MULTICAST_LOOP: 0, IP_TOS: 0 });
  socket.setOptions({
    broadcast: true, loopback: true, multicastInterface: "127.0.0.1", multicastTimeToLive: 5, receiveBufferSize: 30_000, sendBufferSize: 20_000,
    timeToLive: 7, typeOfService: 185,
  });
  expect(kernelOptions(socket, V4)).toEqual({
    SO_BROADCAST: 1, IP_TTL: 7, IP_MULTICAST_TTL: 5, IP_MULTICAST_LOOP: 1, IP_TOS: 185, SO_SNDBUF: 40_000, SO_RCVBUF: 60_000,
  });
  // Bytes of an address, as a little-endian number.
  expect(kernelOptions(socket, ["IP_MULTICAST_IF"])).toEqual({ IP_MULTICAST_IF: 0x0100007f });
  expect(socket.loopback).toBe(true);
  socket.setOptions({ broadcast: false, loopback: false, typeOfService: 0 });
  expect(kernelOptions(socket, V4)).toMatchObject({ SO_BROADCAST: 0, IP_MULTICAST_LOOP: 0, IP_TOS: 0, IP_TTL: 7 });
  expect(socket.loopback).toBe(false);
});

if (hasIPv6) {
  kernelTest("a dual-stack socket has those of both families", () => {
    const socket = udp({ localAddress: "::", typeOfService: 8 });
    expect(kernelOptions(socket, ["IPV6_TCLASS", "IP_TOS"])).toEqual({ IPV6_TCLASS: 8, IP_TOS: 8 });
    socket.setOptions({ loopback: true, multicastInterface: loopback, multicastTimeToLive: 5, timeToLive: 7, typeOfService: 16 });
    const names = [
      "IPV6_UNICAST_HOPS", "IP_TTL", "IPV6_MULTICAST_HOPS", "IP_MULTICAST_TTL", "IPV6_MULTICAST_LOOP", "IP_MULTICAST_LOOP", "IPV6_TCLASS", "IP_TOS",
      "IPV6_MULTICAST_IF",
    ];
    expect(kernelOptions(socket, names)).toEqual({
      IPV6_UNICAST_HOPS: 7, IP_TTL: 7, IPV6_MULTICAST_HOPS: 5, IP_MULTICAST_TTL: 5, IPV6_MULTICAST_LOOP: 1, IP_MULTICAST_LOOP: 1,
      IPV6_TCLASS: 16, IP_TOS: 16, IPV6_MULTICAST_IF: 1,
    });
  });
}

test("highWaterMark counts from the next send() on", async () => {
  const peer = await datagrams();
  const socket = udp({ localAddress: "127.0.0.1", remoteAddress: peer.host, remotePort: peer.port });
  expect(socket.send("one")).toBe(true);
  socket.setOptions({ highWaterMark: 0 });
  expect(socket.send("two")).toBe(false);
  socket.setOptions({ highWaterMark: 1000 });
  expect(socket.send("three")).toBe(true);
  expect(await texts(peer, 3)).toEqual(["one", "two", "three"]);
});

test("maxBufferedAmount is taken, and what it was before counts no more", () => {
  const socket = udp({ localAddress: "127.0.0.1", maxBufferedAmount: 0 });
  expect(socket.setOptions({ maxBufferedAmount: 1_000_000 })).toBeUndefined();
  expect(socket.send("x".repeat(1000), "127.0.0.1", socket.localPort)).toBe(true);
});

test.each([
  ["an option of the constructor alone", { localPort: 1 }],
  ["one of TCP", { noDelay: true }],
  ["an unknown one", { nonsense: 1 }],
])("refuses %s, and changes nothing", (_, options) => {
  const socket = udp();
  expectDOMException(() => socket.setOptions({ loopback: true, ...options }), "InvalidAccessError");
  expect(socket.loopback).toBe(false);
});

test.each(["multicastInterface", "timeToLive", "sendBufferSize", "receiveBufferSize"])("%s: what is no value of it changes nothing", (name) => {
  const socket = udp();
  const value = name === "multicastInterface" ? "none-such" : 0;
  expectDOMException(() => socket.setOptions({ loopback: true, [name]: value }), "InvalidAccessError");
  expect(socket.loopback).toBe(false);
});

test("throws InvalidStateError on a closed socket, and TypeError without an argument or with a wrong type", () => {
  const socket = udp();
  expect(() => socket.setOptions()).toThrow(TypeError);
  expect(() => socket.setOptions(1)).toThrow(TypeError);
  expect(() => socket.setOptions({ typeOfService: 256 })).toThrow(TypeError);
  expect(socket.setOptions(undefined)).toBeUndefined();
  expect(UDPSocket.prototype.setOptions.length).toBe(1);
  socket.close();
  expectDOMException(() => socket.setOptions({ broadcast: true }), "InvalidStateError");
});
