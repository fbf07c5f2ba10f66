"use strict";

const os = require("node:os");
const { UDPSocket, udp, track, datagrams, once, text, hasIPv6, expectDOMException } = require("../helpers");
const { texts, isFree } = require("../helpers/udp");

const describeIPv6 = hasIPv6 ? describe : describe.skip;

/** What a UDPSocket with these options gets when a node:dgram socket of this type sends to `address`. */
async function received(options, type, address) {
  const socket = track(new UDPSocket(options));
  const peer = await datagrams({ type });
  const message = once(socket, "message");
  await peer.send("hello", socket.localPort, address);
  const event = await message;
  expect(text(event.data)).toBe("hello");
  expect(event.remotePort).toBe(peer.port);
  return event.remoteAddress;
}

describe("UDPSocket families, IPv4 (R-udp-family)", () => {
  test("an IPv4 socket refuses an IPv6 destination with InvalidAccessError, and nothing changes", () => {
    const socket = udp({ localAddress: "127.0.0.1" });
    const error = expectDOMException(() => socket.send("x", "::1", 9), "InvalidAccessError");
    expect(error.message).toContain("::1");
    expect(socket.bufferedAmount).toBe(0);
    expect(socket.readyState).toBe("open");
  });

  test("the socket without options is an IPv4 one: an IPv6 destination throws", () => {
    expectDOMException(() => track(new UDPSocket()).send("x", "::1", 9), "InvalidAccessError");
  });

  test("the default remoteAddress is checked so in the constructor", () => {
    expectDOMException(
      () => new UDPSocket({ localAddress: "127.0.0.1", remoteAddress: "::1", remotePort: 9 }),
      "InvalidAccessError",
    );
    expectDOMException(() => new UDPSocket({ localAddress: "0.0.0.0", remoteAddress: "::1" }), "InvalidAccessError");
  });

  test("an IPv4-mapped destination counts as IPv4 (R-address)", async () => {
    const peer = await datagrams();
    udp().send("x", "::ffff:127.0.0.1", peer.port);
    udp().send("y", "::FFFF:7F00:1", peer.port);
    expect((await texts(peer, 2)).sort()).toEqual(["x", "y"]);
  });
});

describeIPv6("UDPSocket families, IPv6 and both (R-udp-bind, R-udp-family, R-address)", () => {
  test("an IPv6 socket sends and receives; addresses read in RFC 5952 form", async () => {
    const socket = udp({ localAddress: "::1" });
    const peer = await datagrams({ type: "udp6" });
    const message = once(socket, "message");
    await peer.send("in", socket.localPort, "::1");
    expect((await message).remoteAddress).toBe("::1");
    socket.send("out", "0:0:0:0:0:0:0:1", peer.port);
    expect((await peer.next()).rinfo).toMatchObject({ address: "::1", port: socket.localPort });
  });

  test(":: is dual-stack: IPv6 and IPv4 datagrams come, the latter's source told as IPv4", async () => {
    expect(await received({ localAddress: "::" }, "udp6", "::1")).toBe("::1");
    expect(await received({ localAddress: "::" }, "udp4", "127.0.0.1")).toBe("127.0.0.1");
  });

  test("an IPv6 wildcard chosen for remoteAddress is dual-stack too", async () => {
    expect(await received({ remoteAddress: "::1", remotePort: 9 }, "udp4", "127.0.0.1")).toBe("127.0.0.1");
  });

  test("a dual-stack socket sends to IPv4 as IPv4", async () => {
    const peer = await datagrams();
    const socket = udp({ localAddress: "::" });
    socket.send("x", "127.0.0.1", peer.port);
    expect((await peer.next()).rinfo).toMatchObject({ address: "127.0.0.1", family: "IPv4", port: socket.localPort });
  });

  test("a dual-stack socket sends to both families in one turn", async () => {
    const [four, six] = [await datagrams(), await datagrams({ type: "udp6" })];
    const socket = udp({ localAddress: "::" });
    for (let i = 0; i < 40; i++) {
      const peer = i % 3 === 0 ? six : four;
      socket.send(String(i), peer.host, peer.port);
    }
    const numbers = Array.from({ length: 40 }, (_, i) => i);
    expect(await texts(six, 14)).toEqual(numbers.filter((i) => i % 3 === 0).map(String));
    expect(await texts(four, 26)).toEqual(numbers.filter((i) => i % 3 !== 0).map(String));
  });

  test("a dual-stack socket takes an IPv4 default destination", async () => {
    const peer = await datagrams();
    const socket = udp({ localAddress: "::", remoteAddress: "127.0.0.1", remotePort: peer.port });
    expect(socket.remoteAddress).toBe("127.0.0.1");
    socket.send("x");
    expect(await texts(peer, 1)).toEqual(["x"]);
  });

  test("ipv6Only leaves the port's IPv4 half to others", async () => {
    const both = udp({ localAddress: "::" });
    expect(await isFree(both.localPort, { host: "0.0.0.0" })).toBe(false);
    const only = udp({ localAddress: "::", ipv6Only: true });
    expect(await isFree(only.localPort, { host: "0.0.0.0" })).toBe(true);
  });

  test("ipv6Only still receives IPv6", async () => {
    expect(await received({ localAddress: "::", ipv6Only: true }, "udp6", "::1")).toBe("::1");
  });

  test("ipv6Only refuses an IPv4 destination, in send() and in the constructor", () => {
    const socket = udp({ localAddress: "::", ipv6Only: true });
    expectDOMException(() => socket.send("x", "127.0.0.1", 9), "InvalidAccessError");
    expectDOMException(() => socket.send("x", "::ffff:127.0.0.1", 9), "InvalidAccessError");
    expectDOMException(
      () => new UDPSocket({ localAddress: "::", ipv6Only: true, remoteAddress: "127.0.0.1", remotePort: 9 }),
      "InvalidAccessError",
    );
  });

  test("a socket on one IPv6 address refuses an IPv4 destination, in send() and in the constructor", () => {
    const socket = udp({ localAddress: "::1" });
    expectDOMException(() => socket.send("x", "127.0.0.1", 9), "InvalidAccessError");
    expect(socket.bufferedAmount).toBe(0);
    expectDOMException(
      () => new UDPSocket({ localAddress: "::1", remoteAddress: "127.0.0.1", remotePort: 9 }),
      "InvalidAccessError",
    );
  });

  test("a refused destination does not disturb what the same turn sends elsewhere", async () => {
    const peer = await datagrams();
    const socket = udp();
    socket.send("before", peer.host, peer.port);
    expectDOMException(() => socket.send("x", "::1", peer.port), "InvalidAccessError");
    socket.send("after", peer.host, peer.port);
    expect(await texts(peer, 2)).toEqual(["before", "after"]);
  });

  test("a dual-stack socket's port is held against node:dgram for both families", async () => {
    const socket = udp({ localAddress: "::" });
    expect(await isFree(socket.localPort, { type: "udp6", host: "::" })).toBe(false);
  });

  test("a zone that names an interface is kept in the address (R-address)", () => {
    const [zone] = Object.entries(os.networkInterfaces()).find(([, addresses]) => addresses.some(({ internal }) => internal));
    // On Windows a zone is a number, and that of the loopback interface is 1.
    const written = process.platform === "win32" ? "1" : zone;
    const socket = udp({ localAddress: "::", remoteAddress: `FE80:0::1%${written}`, remotePort: 9 });
    expect(socket.remoteAddress).toBe(`fe80::1%${written}`);
  });
});
