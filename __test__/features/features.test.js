"use strict";

// `features`: each value is compared with what really happens here.

const { AsyncLocalStorage } = require("node:async_hooks");
const { execFileSync } = require("node:child_process");
const os = require("node:os");
const { TCPServerSocket, TCPSocket, UDPSocket, UnixServerSocket, features } = require("../..");
const { expendable, once, tcp, tcpPair, tcpServer, track, udp } = require("../helpers");
const { kernelOptions, kernelTest } = require("../helpers/kernel-options");
const { socketPath, unixPair } = require("../helpers/unix");

/** The name of the loopback interface. */
const LOOPBACK = Object.entries(os.networkInterfaces()).find(([, all]) => all.some(({ address }) => address === "127.0.0.1"))?.[0];

/** Whether `make` works. It may only throw NotSupportedError (R-platform). */
function works(make) {
  try {
    track(make());
    return true;
  } catch (error) {
    expect(error.name).toBe("NotSupportedError");
    return false;
  }
}

test("is a frozen object of booleans", () => {
  expect(Object.isFrozen(features)).toBe(true);
  expect(Object.values(features).every((value) => typeof value === "boolean")).toBe(true);
  expect(Object.keys(features).sort()).toEqual([
    "abstractUnixPaths", "asyncContext", "datagramsDropped", "immutableData", "networkInterface", "packetInfo", "peerCredentials", "reusePort",
    "sourceSpecificMulticast", "tcpStats", "tlsInTasks", "tlsInTurns", "typeOfService", "udpCoalescing", "udpSegmentation", "unixSockets", "userTimeout",
  ]);
  expect(Object.getPrototypeOf(features)).toBe(Object.prototype);
});

test.each([
  ["reusePort", "a server", () => new TCPServerSocket({ localAddress: "127.0.0.1", reusePort: true })],
  ["reusePort", "a UDPSocket", () => new UDPSocket({ localAddress: "127.0.0.1", reusePort: true })],
  ["typeOfService", "a server", () => new TCPServerSocket({ localAddress: "127.0.0.1", typeOfService: 184 })],
  ["typeOfService", "a UDPSocket", () => new UDPSocket({ localAddress: "127.0.0.1", typeOfService: 184 })],
  ["userTimeout", "a server", () => new TCPServerSocket({ localAddress: "127.0.0.1", userTimeout: 1000 })],
  ["unixSockets", "a UnixServerSocket", () => new UnixServerSocket({ path: socketPath() })],
  ["abstractUnixPaths", "a UnixServerSocket", () => new UnixServerSocket({ path: `\0features-${process.pid}` })],
  ["packetInfo", "a UDPSocket", () => new UDPSocket({ localAddress: "127.0.0.1", packetInfo: true })],
  ["networkInterface", "a UDPSocket", () => new UDPSocket({ localAddress: "127.0.0.1", networkInterface: LOOPBACK })],
  ["sourceSpecificMulticast", "a UDPSocket", () => {
    const socket = track(new UDPSocket());
    socket.joinMulticastGroup("232.1.2.3", { sourceAddress: "127.0.0.1", interfaceAddress: "127.0.0.1" });
    return socket;
  }],
])("%s is true exactly where %s does not throw NotSupportedError (R-platform)", (name, _, make) => {
  expect(works(make)).toBe(features[name]);
});

test.each(["typeOfService", "userTimeout"])("%s is true exactly where a TCPSocket takes the option", (name) => {
  const server = tcpServer();
  expect(works(() => expendable(new TCPSocket("127.0.0.1", server.localPort, { [name]: 184 })))).toBe(features[name]);
});

test("tcpStats is true exactly where getStats() has values (R-stats)", async () => {
  const { socket } = await tcpPair();
  expect(socket.getStats().congestionWindow !== null).toBe(features.tcpStats);
});

test("datagramsDropped is true exactly where a full buffer is counted (R-stats)", async () => {
  const receiver = udp({ receiveBufferSize: 2000 });
  const sender = udp();
  for (let count = 0; count < 60; count++) {
    sender.send(new Uint8Array(1000), "127.0.0.1", receiver.localPort);
  }
  // Closing hands all of them to the system.
  sender.close();
  await sender.closed;
  expect(receiver.datagramsDropped > 0).toBe(features.datagramsDropped);
});

(features.unixSockets ? test : test.skip)("peerCredentials is true exactly where a connection has them (R-unix)", async () => {
  const { socket } = await unixPair();
  expect(socket.peerCredentials !== null).toBe(features.peerCredentials);
});

test("immutableData is true exactly where a message's data is immutable (R-data)", async () => {
  const { socket, peer } = await tcpPair();
  peer.write("x");
  const { data } = await once(socket, "message");
  expect(data.immutable === true).toBe(features.immutableData);
});

test("asyncContext is true exactly where a handler finds the store of the code that made the socket (R-context)", async () => {
  const storage = new AsyncLocalStorage();
  const server = tcpServer();
  const client = storage.run("the maker's", () => tcp("127.0.0.1", server.localPort));
  const found = await new Promise((resolve) => {
    client.onopen = () => resolve(storage.getStore());
  });
  expect(found === "the maker's").toBe(features.asyncContext);
});

kernelTest("udpSegmentation is true exactly where this kernel takes UDP_SEGMENT, and udpCoalescing false, since no socket asks for it", () => {
  // The level SOL_UDP; the options UDP_SEGMENT and UDP_GRO.
  const ask = 'use Socket; socket(my $s, AF_INET, SOCK_DGRAM, 0) or die; print setsockopt($s, 17, 103, pack("l", 0)) ? "yes" : "no"';
  expect(execFileSync("perl", ["-e", ask], { encoding: "utf8" }) === "yes").toBe(features.udpSegmentation);
  expect(kernelOptions(udp(), ["UDP_GRO"])).toEqual({ UDP_GRO: features.udpCoalescing ? 1 : 0 });
});
