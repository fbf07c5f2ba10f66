"use strict";

const { udp, datagrams, once, text, track, expectDOMException, expectTypeError, UDPSocket } = require("../helpers");
const { namespaceTest, inNamespace, setups } = require("../helpers/netns");
const { kernelOptions, kernelTest } = require("../helpers/kernel-options");
const { texts, udpTo } = require("../helpers/udp");

jest.setTimeout(20_000);

const hasIt = ["linux", "darwin"].includes(process.platform);
/** The loopback interface's name. */
const LOOPBACK = process.platform === "darwin" ? "lo0" : "lo";

describe("UDPSocket: networkInterface (R-udp-interface)", () => {
  (hasIt ? test : test.skip)("a socket bound to the loopback interface sends and receives by it", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { networkInterface: LOOPBACK });
    socket.send("out");
    expect(await texts(peer, 1)).toEqual(["out"]);
    const message = once(socket, "message");
    await peer.send("in", socket.localPort);
    expect(text((await message).data)).toBe("in");
  });

  kernelTest("the kernel has it, and nothing without the option", () => {
    expect(kernelOptions(udp({ networkInterface: "lo" }), ["SO_BINDTOIFINDEX"])).toEqual({ SO_BINDTOIFINDEX: 1 });
    expect(kernelOptions(udp({ localAddress: "::1", networkInterface: "lo" }), ["SO_BINDTOIFINDEX"])).toEqual({ SO_BINDTOIFINDEX: 1 });
    expect(kernelOptions(udp({ networkInterface: undefined }), ["SO_BINDTOIFINDEX"])).toEqual({ SO_BINDTOIFINDEX: 0 });
  });

  (hasIt ? test : test.skip).each([["no-such"], [""], ["1"], ["lo\0x"], ["127.0.0.1"], ["x".repeat(1000)], ["null"]])("%j names no interface: InvalidAccessError, ENODEV", (networkInterface) => {
    const error = expectDOMException(() => new UDPSocket({ networkInterface }), "InvalidAccessError", "ENODEV");
    expect(error.message).toContain("networkInterface");
    expect(error.message.length).toBeLessThan(300);
  });

  test("it is converted to a string; setOptions() does not take it", () => {
    expectTypeError(() => new UDPSocket({ networkInterface: Symbol("lo") }));
    expectDOMException(() => udp().setOptions({ networkInterface: LOOPBACK }), "InvalidAccessError");
  });

  (hasIt ? test.skip : test)("where the system does not bind both ways, it throws NotSupportedError (R-platform)", () => {
    expectDOMException(() => new UDPSocket({ networkInterface: "lo" }), "NotSupportedError");
    track(new UDPSocket({ networkInterface: undefined }));
  });

  namespaceTest("what comes in by another interface is not received", async () => {
    const result = await inNamespace(`
      const results = {};
      for (const [group, localAddress] of [["239.7.7.7", "0.0.0.0"], ["ff15::77", "::"]]) {
        const socket = new UDPSocket({ localAddress, networkInterface: "v0" });
        const log = record(socket, ["message"]);
        socket.joinMulticastGroup(group, { interfaceAddress: "v0" });
        // The others of this host also join, so that their datagrams do come in.
        const other = new UDPSocket({ localAddress, localPort: socket.localPort + 1 });
        const heard = record(other, ["message"]);
        for (const interfaceAddress of ["v0", "w0"]) other.joinMulticastGroup(group, { interfaceAddress });
        for (const multicastInterface of ["w0", "v0"]) {
          const sender = new UDPSocket({ localAddress, loopback: true, multicastInterface });
          for (const port of [socket.localPort, other.localPort]) sender.send(multicastInterface, group, port);
        }
        // What the host sends to itself counts as received by the interface that has the address.
        const [there, here] = group === "ff15::77" ? ["2001:db8:1::1", "2001:db8::1"] : ["203.0.113.1", HERE];
        for (const to of [there, here]) new UDPSocket({ localAddress }).send(to, to, socket.localPort);
        await heard.atLeast(2);
        await log.atLeast(2);
        await settle();
        results[group] = [log, heard].map(({ entries }) => entries.map(({ event }) => Buffer.from(event.data).toString()));
      }
      report(results);
      process.exit(0);`, { setup: setups.links });
    const expected = (here) => [["v0", here], ["w0", "v0"]];
    expect(result).toEqual({ "239.7.7.7": expected("198.51.100.1"), "ff15::77": expected("2001:db8::1") });
  });

  namespaceTest("what it sends leaves by that interface, and a group is joined there if no interface is named", async () => {
    const result = await inNamespace(`
      const results = {};
      for (const [group, localAddress] of [["239.7.7.7", "0.0.0.0"], ["ff15::77", "::"]]) {
        const member = new UDPSocket({ localAddress, packetInfo: true });
        for (const interfaceAddress of ["v0", "w0"]) member.joinMulticastGroup(group, { interfaceAddress });
        const log = record(member, ["message"]);
        const heard = [];
        for (const networkInterface of ["w0", "v0"]) {
          const socket = new UDPSocket({ localAddress, networkInterface, loopback: true });
          const own = record(socket, ["message"]);
          socket.joinMulticastGroup(group);
          socket.send("x", group, member.localPort);
          socket.send("y", group, socket.localPort);
          await log.atLeast(heard.length + 1);
          await own.atLeast(1);
          heard.push(log.entries.at(-1).event.localInterface);
          socket.leaveMulticastGroup(group);
        }
        results[group] = heard;
      }
      report(results);
      process.exit(0);`, { setup: setups.links });
    expect(result).toEqual({ "239.7.7.7": ["w0", "v0"], "ff15::77": ["w0", "v0"] });
  });

  namespaceTest("two sockets on different interfaces have the same port, and each gets what comes by its own", async () => {
    const result = await inNamespace(`
      const one = new UDPSocket({ networkInterface: "v0" });
      const two = new UDPSocket({ networkInterface: "w0", localPort: one.localPort, addressReuse: false });
      const logs = [one, two].map((socket) => record(socket, ["message"]));
      for (const socket of [one, two]) socket.joinMulticastGroup("239.7.7.7");
      for (const multicastInterface of ["v0", "w0"]) new UDPSocket({ loopback: true, multicastInterface }).send(multicastInterface, "239.7.7.7", one.localPort);
      for (const log of logs) await log.atLeast(1);
      await settle();
      report(logs.map(({ entries }) => entries.map(({ event }) => Buffer.from(event.data).toString())));
      process.exit(0);`, { setup: setups.links });
    expect(result).toEqual([["v0"], ["w0"]]);
  });

  namespaceTest("without privileges, too; and an interface that has gone makes sending an error", async () => {
    const result = await inNamespace(`
      process.setegid(65534);
      process.seteuid(65534);
      const socket = new UDPSocket({ networkInterface: "v0" });
      process.seteuid(0);
      process.setegid(0);
      const log = record(socket, ["error"]);
      execFileSync("ip", ["link", "del", "v0"]);
      socket.send("x", NEIGHBOUR, 9);
      const { event, readyState } = await log.until("error");
      report({ error: plain(event.error), readyState });
      process.exit(0);`, { setup: setups.link });
    expect(result.error.name).toBe("NetworkError");
    expect(["ENODEV", "ENETUNREACH", "ENXIO"]).toContain(result.error.code);
    expect(result.readyState).toBe("open");
  });
});
