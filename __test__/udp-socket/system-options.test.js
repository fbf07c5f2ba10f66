"use strict";

const { udp, once, text, datagrams, expectDOMException, expectTypeError } = require("../helpers");
const { namespaceTest, inNamespace, setups } = require("../helpers/netns");

describe("timeToLive, multicastTimeToLive, sendBufferSize, receiveBufferSize (extensions UDPOptions, R-range)", () => {
  test.each(["timeToLive", "sendBufferSize", "receiveBufferSize"])("%s: 0 throws InvalidAccessError, which names it", (name) => {
    for (const value of [0, -0, 0.9, null, "0"]) {
      expect(expectDOMException(() => udp({ [name]: value }), "InvalidAccessError").message).toContain(name);
    }
  });

  test.each([
    ["timeToLive", [1, 64, 255, 255.9, "7"]],
    ["multicastTimeToLive", [0, 1, 255, null]],
    ["sendBufferSize", [1, 65536, 2 ** 32 - 1]],
    ["receiveBufferSize", [1, 65536, 2 ** 32 - 1]],
  ])("%s: what is in range is taken, in both families", async (name, values) => {
    for (const value of values) {
      for (const localAddress of ["127.0.0.1", "::"]) {
        const socket = udp({ localAddress, [name]: value });
        const message = once(socket, "message");
        socket.send("x", "127.0.0.1", socket.localPort);
        expect(text((await message).data)).toBe("x");
      }
    }
  });

  test.each([
    ["timeToLive", 256],
    ["multicastTimeToLive", 256],
    ["sendBufferSize", 2 ** 32],
    ["receiveBufferSize", 2 ** 32],
  ])("%s out of range throws TypeError", (name, past) => {
    for (const value of [-1, past, NaN, Infinity, "many", {}, Symbol("size"), 1n]) {
      expectTypeError(() => udp({ [name]: value }));
    }
  });
});

describe("broadcast (extensions UDPOptions)", () => {
  const script = (options) => `
    const receiver = new UDPSocket({ localAddress: "0.0.0.0" });
    const heard = record(receiver, ["message"]);
    const socket = new UDPSocket(${JSON.stringify(options)});
    const log = record(socket, ["error"]);
    socket.send("x", "198.51.100.255", receiver.localPort);
    const outcome = await Promise.race([heard.until("message").then(() => "received"), log.until("error").then(({ event }) => plain(event.error))]);
    report({ outcome, readyState: socket.readyState });
    process.exit(0);`;

  namespaceTest("with it a datagram to a broadcast address is sent", async () => {
    const result = await inNamespace(script({ broadcast: true }), { setup: setups.link });
    expect(result).toEqual({ outcome: "received", readyState: "open" });
  });

  namespaceTest("without it that is an error that says so, and the socket stays open (R-udp-neterr)", async () => {
    const { outcome, readyState } = await inNamespace(script({}), { setup: setups.link });
    expect(outcome).toMatchObject({ name: "NetworkError", code: "EACCES", address: "198.51.100.255" });
    expect(outcome.message).toMatch(/broadcast/);
    expect(readyState).toBe("open");
  });
});

describe("multicastInterface (extensions UDPOptions)", () => {
  const two = `${setups.link}\nip link add w0 type veth peer name w1\nip addr add 203.0.113.1/24 dev w0\nip link set w0 up\nip link set w1 up\nip route add default dev w0`;

  namespaceTest("multicast leaves by the interface with that address, whatever the routes say", async () => {
    const result = await inNamespace(
      `const member = new UDPSocket({ localAddress: "0.0.0.0" });
      member.joinMulticastGroup("239.7.7.7", { interfaceAddress: HERE });
      const log = record(member, ["message"]);
      const send = (options) => new UDPSocket({ loopback: true, ...options }).send(options.name, "239.7.7.7", member.localPort);
      send({ name: "elsewhere" });
      await settle();
      const before = log.types.length;
      send({ name: "here", multicastInterface: HERE });
      const { event } = await log.until("message");
      report({ before, from: event.remoteAddress, data: Buffer.from(event.data).toString() });
      process.exit(0);`,
      { setup: two },
    );
    expect(result).toEqual({ before: 0, from: "198.51.100.1", data: "here" });
  });

  namespaceTest("IPv6: by the interface of that zone", async () => {
    const result = await inNamespace(
      `const member = new UDPSocket({ localAddress: "::" });
      member.joinMulticastGroup("ff15::77", { interfaceAddress: "v0" });
      const log = record(member, ["message"]);
      const socket = new UDPSocket({ localAddress: "::", loopback: true, multicastInterface: "v0" });
      socket.send("here", "ff15::77", member.localPort);
      await log.until("message");
      const attempt = (options) => { try { new UDPSocket(options); } catch (error) { return plain(error); } };
      report([attempt({ localAddress: "::", multicastInterface: "none9" }), attempt({ multicastInterface: "none9" }), attempt({ multicastInterface: "198.51.100.77" })]);
      process.exit(0);`,
      { setup: `${two}\nip -6 addr add 2001:db8::1/64 dev v0 nodad` },
    );
    expect(result[0]).toMatchObject({ name: "InvalidAccessError", code: "ENODEV" });
    expect(result[1]).toMatchObject({ name: "InvalidAccessError" });
    expect(result[2]).toMatchObject({ name: "InvalidAccessError", code: "EADDRNOTAVAIL" });
    for (const { message } of result) {
      expect(message).toContain("multicastInterface");
    }
  });
});

const linuxTest = process.platform === "linux" ? test : test.skip;

describe("reusePort (extensions UDPOptions)", () => {
  linuxTest("sockets that share a port share its datagrams; without it the port is taken", async () => {
    const options = { reusePort: true, addressReuse: false };
    const first = udp(options);
    const second = udp({ ...options, localPort: first.localPort });
    expectDOMException(() => udp({ addressReuse: false, localPort: first.localPort }), "InvalidAccessError", "EADDRINUSE");
    const heard = [first, second].map((socket) => once(socket, "message"));
    const done = Promise.all(heard);
    for (let i = 0; i < 40; i++) {
      (await datagrams()).send(`${i}`, first.localPort);
    }
    await done;
  });

  test("it is had or refused, never ignored (R-platform)", () => {
    const shares = ["linux", "android", "freebsd", "sunos"].includes(process.platform);
    if (!shares) {
      expect(expectDOMException(() => udp({ reusePort: true }), "NotSupportedError").message).toContain("reusePort");
      return;
    }
    const { localPort } = udp({ reusePort: true, addressReuse: false });
    expect(udp({ reusePort: true, addressReuse: false, localPort }).localPort).toBe(localPort);
  });

  linuxTest("with port 0 no two sockets get the same one", () => {
    const ports = Array.from({ length: 200 }, () => udp({ reusePort: true }).localPort);
    expect(new Set(ports).size).toBe(200);
  });
});
