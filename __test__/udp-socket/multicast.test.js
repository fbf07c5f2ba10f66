"use strict";

const fs = require("node:fs");
const { udp, record, text, turn, expectDOMException, expectTypeError, badDictionaries } = require("../helpers");
const { freshGroup, multicastSender, fence, freeUdpPort, textsOf, isFree } = require("../helpers/udp");

/** Join on the loopback interface: nothing leaves this host. */
const LO = { interfaceAddress: "127.0.0.1" };

/** A UDPSocket that gets multicast: on the wildcard, as a group's datagrams are not addressed to 127.0.0.1. */
function member(options) {
  return udp({ localAddress: "0.0.0.0", ...options });
}

/** Whether the kernel has this IPv4 group on the loopback interface. */
function kernelHas(group) {
  const hex = group
    .split(".")
    .reverse()
    .map((octet) => Number(octet).toString(16).padStart(2, "0"))
    .join("")
    .toUpperCase();
  const lines = fs.readFileSync("/proc/net/igmp", "utf8").split("\n");
  let onLoopback = false;
  for (const line of lines) {
    if (/^\d/.test(line)) {
      onLoopback = /\blo\b/.test(line);
    } else if (onLoopback && line.includes(hex)) {
      return true;
    }
  }
  return false;
}

const linuxTest = process.platform === "linux" ? test : test.skip;

describe("UDPSocket multicast (draft, joinMulticastGroup and leaveMulticastGroup; R-udp-group)", () => {
  test("after joining, the group's datagrams come as messages", async () => {
    const group = freshGroup();
    const socket = member();
    expect(socket.joinMulticastGroup(group, LO)).toBe(undefined);
    const log = record(socket, ["message"]);
    const sender = await multicastSender();
    await sender.send("to the group", socket.localPort, group);
    const { event } = await log.until("message");
    expect(text(event.data)).toBe("to the group");
    expect([event.remoteAddress, event.remotePort]).toEqual(["127.0.0.1", sender.port]);
  });

  test("a UDPSocket sends to a group", async () => {
    const group = freshGroup();
    const socket = member();
    socket.joinMulticastGroup(group, LO);
    const log = record(socket, ["message"]);
    // Bound to 127.0.0.1: its multicast leaves by the loopback interface.
    const sender = udp({ loopback: true, remoteAddress: group, remotePort: socket.localPort });
    expect(sender.remoteAddress).toBe(group);
    sender.send("by default");
    sender.send("by argument", group, socket.localPort);
    await log.atLeast(2);
    expect(textsOf(log)).toEqual(["by default", "by argument"]);
  });

  test("after leaving, they come no more; unicast does", async () => {
    const group = freshGroup();
    const socket = member();
    socket.joinMulticastGroup(group, LO);
    const log = record(socket, ["message"]);
    const sender = await multicastSender();
    await sender.send("member", socket.localPort, group);
    await log.atLeast(1);
    expect(socket.leaveMulticastGroup(group, LO)).toBe(undefined);
    await sender.send("no member", socket.localPort, group).catch(() => {});
    await sender.send("unicast", socket.localPort, "127.0.0.1");
    await log.atLeast(2);
    await fence();
    expect(textsOf(log)).toEqual(["member", "unicast"]);
  });

  test("a socket may join many groups, and leave each", async () => {
    const groups = Array.from({ length: 10 }, freshGroup);
    const socket = member();
    for (const group of groups) {
      socket.joinMulticastGroup(group, LO);
    }
    const log = record(socket, ["message"]);
    const sender = await multicastSender();
    for (const group of groups) {
      await sender.send(group, socket.localPort, group);
    }
    await log.atLeast(10);
    expect(textsOf(log)).toEqual(groups);
    for (const group of groups) {
      socket.leaveMulticastGroup(group, LO);
    }
    expectDOMException(() => socket.leaveMulticastGroup(groups[0], LO), "InvalidAccessError");
  });

  test("two sockets on one port are both members (the draft's SSDP example; addressReuse)", async () => {
    const group = freshGroup();
    const localPort = await freeUdpPort();
    const logs = [member({ localPort }), member({ localPort })].map((socket) => {
      socket.joinMulticastGroup(group, LO);
      return record(socket, ["message"]);
    });
    const sender = await multicastSender();
    await sender.send("NOTIFY", localPort, group);
    await Promise.all(logs.map((log) => log.atLeast(1)));
    expect(logs.map(textsOf)).toEqual([["NOTIFY"], ["NOTIFY"]]);
  });

  test("joining twice throws InvalidAccessError, and the first membership stays", async () => {
    const group = freshGroup();
    const socket = member();
    socket.joinMulticastGroup(group, LO);
    expectDOMException(() => socket.joinMulticastGroup(group, LO), "InvalidAccessError");
    const log = record(socket, ["message"]);
    const sender = await multicastSender();
    await sender.send("still", socket.localPort, group);
    await log.atLeast(1);
    socket.leaveMulticastGroup(group, LO);
  });

  test("leaving what was not joined throws InvalidAccessError", () => {
    const socket = member();
    expectDOMException(() => socket.leaveMulticastGroup(freshGroup(), LO), "InvalidAccessError");
  });

  test("leaving twice throws InvalidAccessError; joining again works", () => {
    const group = freshGroup();
    const socket = member();
    socket.joinMulticastGroup(group, LO);
    socket.leaveMulticastGroup(group, LO);
    expectDOMException(() => socket.leaveMulticastGroup(group, LO), "InvalidAccessError");
    socket.joinMulticastGroup(group, LO);
    socket.leaveMulticastGroup(group, LO);
  });

  test("an interface left out counts as one of its own: leaving there what was joined here throws", () => {
    const group = freshGroup();
    const socket = member();
    socket.joinMulticastGroup(group, LO);
    expectDOMException(() => socket.leaveMulticastGroup(group), "InvalidAccessError");
    socket.leaveMulticastGroup(group, LO);
  });

  linuxTest("the interface that was left out, named: it is joined already, and what throws changes nothing", () => {
    const group = freshGroup();
    // Bound to one address, it joins there.
    const socket = udp({ localAddress: "127.0.0.1" });
    socket.joinMulticastGroup(group);
    const error = expectDOMException(() => socket.joinMulticastGroup(group, LO), "InvalidAccessError");
    expect(error.message).toMatch(/joined already on that interface/);
    expectDOMException(() => socket.joinMulticastGroup(group, { interfaceAddress: "0.0.0.0" }), "InvalidAccessError");
    expectDOMException(() => socket.leaveMulticastGroup(group, LO), "InvalidAccessError");
    socket.leaveMulticastGroup(group);
    socket.joinMulticastGroup(group, LO);
    socket.leaveMulticastGroup(group, LO);
  });

  test("one socket's membership is not another's", () => {
    const group = freshGroup();
    const [first, second] = [member(), member()];
    first.joinMulticastGroup(group, LO);
    expectDOMException(() => second.leaveMulticastGroup(group, LO), "InvalidAccessError");
    second.joinMulticastGroup(group, LO);
    first.leaveMulticastGroup(group, LO);
    second.leaveMulticastGroup(group, LO);
  });

  test.each([
    ["a unicast address", "127.0.0.1"],
    ["the address below the range", "223.255.255.255"],
    ["the address above the range", "240.0.0.0"],
    ["the broadcast address", "255.255.255.255"],
    ["no address", "group"],
    ["a host name", "localhost"],
    ["an empty string", ""],
    ["a group with a port", "239.1.2.3:1900"],
    ["null", null],
    ["undefined", undefined],
    ["a number", 239],
    ["an IPv6 group on an IPv4 socket", "ff02::1234"],
    ["an IPv6 unicast address", "::1"],
  ])("a bad group address throws InvalidAccessError in both methods: %s", (_, group) => {
    const socket = member();
    expectDOMException(() => socket.joinMulticastGroup(group, LO), "InvalidAccessError");
    expectDOMException(() => socket.leaveMulticastGroup(group, LO), "InvalidAccessError");
    expect(socket.readyState).toBe("open");
  });

  test("an address that no interface has throws NetworkError with code ENODEV, and changes nothing", () => {
    const group = freshGroup();
    const socket = member();
    const error = expectDOMException(
      () => socket.joinMulticastGroup(group, { interfaceAddress: "198.51.100.99" }),
      "NetworkError",
      "ENODEV",
    );
    expect(error.message).toContain(group);
    expectDOMException(() => socket.leaveMulticastGroup(group, { interfaceAddress: "198.51.100.99" }), "InvalidAccessError");
    socket.joinMulticastGroup(group, LO);
    socket.leaveMulticastGroup(group, LO);
  });

  test.each([["nonsense"], [""], ["localhost"]])("interfaceAddress %p throws InvalidAccessError", (interfaceAddress) => {
    expectDOMException(() => member().joinMulticastGroup(freshGroup(), { interfaceAddress }), "InvalidAccessError");
  });

  test.each(badDictionaries)("options that are %s throw TypeError", (_, options) => {
    const socket = member();
    expectTypeError(() => socket.joinMulticastGroup(freshGroup(), options));
    expectTypeError(() => socket.leaveMulticastGroup(freshGroup(), options));
  });

  test("no argument throws TypeError; a Symbol too", () => {
    const socket = member();
    expectTypeError(() => socket.joinMulticastGroup());
    expectTypeError(() => socket.leaveMulticastGroup());
    expectTypeError(() => socket.joinMulticastGroup(Symbol("group"), LO));
    expectTypeError(() => socket.joinMulticastGroup(freshGroup(), { interfaceAddress: Symbol("interface") }));
  });

  linuxTest("the system's membership follows: there after join, gone after leave", () => {
    const group = freshGroup();
    const socket = member();
    expect(kernelHas(group)).toBe(false);
    socket.joinMulticastGroup(group, LO);
    expect(kernelHas(group)).toBe(true);
    socket.leaveMulticastGroup(group, LO);
    expect(kernelHas(group)).toBe(false);
  });

  linuxTest("memberships end with close() (R-udp-close)", async () => {
    const group = freshGroup();
    const socket = member();
    socket.joinMulticastGroup(group, LO);
    expect(kernelHas(group)).toBe(true);
    socket.close();
    await turn();
    expect(kernelHas(group)).toBe(false);
    expect(await isFree(socket.localPort, { host: "0.0.0.0" })).toBe(true);
  });

  linuxTest("a join that throws leaves no membership in the system", () => {
    const group = freshGroup();
    const socket = member();
    expectDOMException(() => socket.joinMulticastGroup(group, { interfaceAddress: "198.51.100.99" }), "NetworkError");
    expect(kernelHas(group)).toBe(false);
  });

  test("a member that is suspended gets the group's datagrams after resume()", async () => {
    const group = freshGroup();
    const socket = member();
    socket.joinMulticastGroup(group, LO);
    const log = record(socket, ["message"]);
    socket.suspend();
    const sender = await multicastSender();
    await sender.send("waits", socket.localPort, group);
    await fence();
    expect(log.types).toEqual([]);
    socket.resume();
    await log.atLeast(1);
  });
});
