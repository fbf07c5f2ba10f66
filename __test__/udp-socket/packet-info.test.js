"use strict";

const { udp, datagrams, hasIPv6, once, record, text, track, UDPSocket } = require("../helpers");
const { namespaceTest, inNamespace, setups } = require("../helpers/netns");
const { kernelOptions, kernelTest } = require("../helpers/kernel-options");
const { texts } = require("../helpers/udp");

jest.setTimeout(20_000);

const linuxTest = process.platform === "linux" ? test : test.skip;

/** What the event of the next datagram, and a message of a stream and of a loop, say about where it came in. */
const detailsOf = ({ localAddress, localInterface, typeOfService }) => ({ localAddress, localInterface, typeOfService });

/** A UDPSocket with packetInfo. */
function informed(options = {}) {
  return udp({ localAddress: "0.0.0.0", packetInfo: true, ...options });
}

describe("UDPSocket: packetInfo (R-udp-reply)", () => {
  test("without it the three attributes of a message are null, and messages of loops do not have them", async () => {
    for (const packetInfo of [undefined, false]) {
      const socket = udp({ packetInfo });
      const message = once(socket, "message");
      socket.send("x", "127.0.0.1", socket.localPort);
      expect(detailsOf(await message)).toEqual({ localAddress: null, localInterface: null, typeOfService: null });
      const next = socket[Symbol.asyncIterator]().next();
      socket.send("y", "127.0.0.1", socket.localPort);
      expect(Object.keys((await next).value)).toEqual(["data", "remoteAddress", "remotePort"]);
    }
  });

  linuxTest("a message says to which address it was sent, by which interface it came, and its type of service", async () => {
    const socket = informed();
    const log = record(socket, ["message"]);
    const peer = await datagrams();
    await peer.send("one", socket.localPort, "127.0.0.1");
    await peer.send("two", socket.localPort, "127.0.0.2");
    udp({ typeOfService: 0xb9 }).send("three", "127.0.0.3", socket.localPort);
    await log.atLeast(3);
    const details = new Map(log.entries.map(({ event }) => [text(event.data), detailsOf(event)]));
    expect(details.get("one")).toEqual({ localAddress: "127.0.0.1", localInterface: "lo", typeOfService: 0 });
    expect(details.get("two")).toEqual({ localAddress: "127.0.0.2", localInterface: "lo", typeOfService: 0 });
    expect(details.get("three")).toEqual({ localAddress: "127.0.0.3", localInterface: "lo", typeOfService: 0xb9 });
  });

  linuxTest("IPv6, and IPv4 on a dual-stack socket, which is reported as IPv4 (R-address)", async () => {
    if (!hasIPv6) return;
    const socket = informed({ localAddress: "::" });
    const log = record(socket, ["message"]);
    udp({ localAddress: "::1", typeOfService: 0x2e << 2 }).send("six", "::1", socket.localPort);
    await log.atLeast(1);
    udp({ typeOfService: 4 }).send("four", "127.0.0.5", socket.localPort);
    await log.atLeast(2);
    expect(log.entries.map(({ event }) => detailsOf(event))).toEqual([
      { localAddress: "::1", localInterface: "lo", typeOfService: 0xb8 },
      { localAddress: "127.0.0.5", localInterface: "lo", typeOfService: 4 },
    ]);
  });

  linuxTest("messages of a stream and of a loop have the same members", async () => {
    const expected = { localAddress: "127.0.0.7", localInterface: "lo", typeOfService: 0 };
    const peer = await datagrams();
    const looped = informed();
    await peer.send("x", looped.localPort, "127.0.0.7");
    const { value } = await looped[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ ...expected, remoteAddress: "127.0.0.1", remotePort: peer.port });
    const streamed = informed();
    const reader = streamed.readable.getReader();
    await peer.send("y", streamed.localPort, "127.0.0.7");
    expect((await reader.read()).value).toMatchObject(expected);
  });

  linuxTest("datagrams that waited for resume() keep what was known of them", async () => {
    const socket = informed();
    const log = record(socket, ["message"]);
    const peer = await datagrams();
    socket.onmessage = () => {
      socket.onmessage = null;
      socket.suspend();
    };
    // 20 to each address: some are in memory when the first one suspends the socket.
    for (let n = 0; n < 40; n++) await peer.send(`127.0.0.${1 + (n % 2)}`, socket.localPort, `127.0.0.${1 + (n % 2)}`);
    await log.atLeast(1);
    socket.resume();
    await log.atLeast(40);
    for (const { event } of log.entries) {
      expect(detailsOf(event)).toEqual({ localAddress: text(event.data), localInterface: "lo", typeOfService: 0 });
    }
  });

  linuxTest("datagrams that came in a run each have it (UDP_SEGMENT)", async () => {
    const socket = informed({ receiveBufferSize: 4 * 1024 * 1024 });
    const log = record(socket, ["message"]);
    const sender = udp({ typeOfService: 8 });
    for (let n = 0; n < 60; n++) sender.send(new Uint8Array(1000).fill(n), "127.0.0.9", socket.localPort);
    await log.atLeast(60);
    expect(log.entries.map(({ event }) => new Uint8Array(event.data)[0])).toEqual(Array.from({ length: 60 }, (_, n) => n));
    expect(new Set(log.entries.map(({ event }) => JSON.stringify(detailsOf(event))))).toEqual(
      new Set([JSON.stringify({ localAddress: "127.0.0.9", localInterface: "lo", typeOfService: 8 })]),
    );
  });

  linuxTest("with connected, too", async () => {
    const peer = await datagrams();
    const socket = track(new UDPSocket({ remoteAddress: peer.host, remotePort: peer.port, connected: true, packetInfo: true }));
    const message = once(socket, "message");
    socket.send("x");
    await texts(peer, 1);
    await peer.send("y", socket.localPort);
    expect(detailsOf(await message)).toEqual({ localAddress: "127.0.0.1", localInterface: "lo", typeOfService: 0 });
  });

  kernelTest("the kernel is asked for it where packetInfo says so, and not otherwise", () => {
    expect(kernelOptions(informed(), ["IP_PKTINFO", "IP_RECVTOS"])).toEqual({ IP_PKTINFO: 1, IP_RECVTOS: 1 });
    expect(kernelOptions(udp(), ["IP_PKTINFO", "IP_RECVTOS"])).toEqual({ IP_PKTINFO: 0, IP_RECVTOS: 0 });
    const names = ["IPV6_RECVPKTINFO", "IPV6_RECVTCLASS", "IP_RECVTOS"];
    expect(kernelOptions(informed({ localAddress: "::" }), names)).toEqual({ IPV6_RECVPKTINFO: 1, IPV6_RECVTCLASS: 1, IP_RECVTOS: 1 });
    expect(kernelOptions(udp({ localAddress: "::" }), names)).toEqual({ IPV6_RECVPKTINFO: 0, IPV6_RECVTCLASS: 0, IP_RECVTOS: 0 });
  });

  (process.platform === "linux" ? test.skip : test)("where the system does not report it, true throws NotSupportedError (R-platform)", () => {
    expect(() => new UDPSocket({ packetInfo: true })).toThrow(expect.objectContaining({ name: "NotSupportedError" }));
    new UDPSocket({ packetInfo: false }).close();
  });

  namespaceTest("a group's and a broadcast's datagrams report that address, and the interface that they came in by", async () => {
    const result = await inNamespace(`
      const results = [];
      const ask = async (options, prepare, to, from) => {
        const socket = new UDPSocket({ packetInfo: true, ...options });
        const log = record(socket, ["message"]);
        prepare(socket);
        new UDPSocket({ loopback: true, broadcast: true, ...from }).send("x", to, socket.localPort);
        const { event: { localAddress, localInterface } } = await log.until("message");
        results.push([localAddress, localInterface]);
        socket.close();
      };
      const join = (group, interfaceAddress) => (socket) => socket.joinMulticastGroup(group, { interfaceAddress });
      await ask({}, join("239.7.7.7", "v0"), "239.7.7.7", { multicastInterface: "v0" });
      await ask({}, join("239.7.7.7", "w0"), "239.7.7.7", { multicastInterface: "w0" });
      await ask({ localAddress: "::" }, join("239.7.7.7", "w0"), "239.7.7.7", { localAddress: "::", multicastInterface: "w0" });
      await ask({ localAddress: "::" }, join("ff15::77", "v0"), "ff15::77", { localAddress: "::", multicastInterface: "v0" });
      await ask({ localAddress: "::" }, join("ff02::77", "w0"), "ff02::77%w0", { localAddress: "::" });
      await ask({}, () => {}, "127.255.255.255", {});
      // Its own broadcast comes back to the host.
      await ask({}, () => {}, "198.51.100.255", {});
      report(results);
      process.exit(0);`, { setup: setups.links });
    expect(result).toEqual([
      ["239.7.7.7", "v0"],
      ["239.7.7.7", "w0"],
      ["239.7.7.7", "w0"],
      ["ff15::77", "v0"],
      ["ff02::77%w0", "w0"],
      ["127.255.255.255", "lo"],
      ["198.51.100.255", "v0"],
    ]);
  });

  namespaceTest("an interface that gets another name is reported by that name", async () => {
    const result = await inNamespace(`
      const socket = new UDPSocket({ packetInfo: true });
      socket.joinMulticastGroup("239.7.7.7", { interfaceAddress: "v0" });
      const sender = new UDPSocket({ localAddress: HERE, loopback: true });
      const names = [];
      socket.onmessage = ({ localInterface }) => {
        if (localInterface !== names.at(-1)) names.push(localInterface);
        sender.send("x", "239.7.7.7", socket.localPort);
      };
      sender.send("x", "239.7.7.7", socket.localPort);
      await eventually(() => names.length === 1);
      // Not every kernel renames an interface that is up.
      execFileSync("sh", ["-c", "ip link set v0 down && ip link set v0 name renamed && ip link set renamed up"]);
      await eventually(() => names.length === 2);
      report(names);
      process.exit(0);`, { setup: setups.link });
    expect(result).toEqual(["v0", "renamed"]);
  });

  namespaceTest("a link-local destination has its zone (R-address)", async () => {
    const result = await inNamespace(`
      const address = JSON.parse(execFileSync("ip", ["-j", "addr", "show", "dev", "v0"], { encoding: "utf8" }))[0].addr_info.find(({ scope, family }) => scope === "link" && family === "inet6").local;
      const socket = new UDPSocket({ localAddress: "::", packetInfo: true });
      const log = record(socket, ["message"]);
      new UDPSocket({ localAddress: "::" }).send("x", address + "%v0", socket.localPort);
      const { event: { localAddress, remoteAddress, localInterface } } = await log.until("message");
      report({ address: address + "%v0", localAddress, remoteAddress, localInterface });
      process.exit(0);`,
      { setup: `${setups.links}\nip -6 addr add fe80::77/64 dev v0 nodad` });
    // What a host sends to itself counts as received by the interface that has the address.
    expect(result).toEqual({ address: result.address, localAddress: result.address, remoteAddress: result.address, localInterface: "v0" });
  });
});
