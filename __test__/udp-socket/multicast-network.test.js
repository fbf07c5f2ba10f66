"use strict";

const { namespaceTest, inNamespace, setups } = require("../helpers/netns");

jest.setTimeout(20_000);

const GROUP = "239.7.7.7";

describe("UDPSocket multicast on a network of its own (R-udp-loop, R-udp-group)", () => {
  namespaceTest("loopback: true loops what is sent back to this host, loopback: false (the default) does not", async () => {
    const result = await inNamespace(
      `const receiver = new UDPSocket({ localAddress: "0.0.0.0" });
      receiver.joinMulticastGroup("${GROUP}", { interfaceAddress: HERE });
      const log = record(receiver, ["message"]);
      const from = (options) => new UDPSocket({ localAddress: HERE, remoteAddress: "${GROUP}", remotePort: receiver.localPort, ...options });
      from({}).send("default");
      from({ loopback: false }).send("false");
      from({ loopback: true }).send("true");
      await log.until("message");
      await settle();
      report(log.entries.map(({ event }) => Buffer.from(event.data).toString()));
      process.exit(0);`,
      { setup: setups.link },
    );
    expect(result).toEqual(["true"]);
  });

  namespaceTest("loopback concerns multicast only: unicast to this host arrives whatever it says", async () => {
    const result = await inNamespace(
      `const receiver = new UDPSocket({ localAddress: HERE });
      const log = record(receiver, ["message"]);
      for (const loopback of [false, true]) {
        new UDPSocket({ localAddress: HERE, loopback }).send(String(loopback), HERE, receiver.localPort);
        await log.atLeast(loopback ? 2 : 1);
      }
      report(log.entries.map(({ event }) => Buffer.from(event.data).toString()));
      process.exit(0);`,
      { setup: setups.link },
    );
    expect(result).toEqual(["false", "true"]);
  });

  namespaceTest("loopback holds for IPv6 too (IPV6_MULTICAST_LOOP)", async () => {
    const result = await inNamespace(
      `const receiver = new UDPSocket({ localAddress: "::" });
      receiver.joinMulticastGroup("ff15::7777", { interfaceAddress: "v0" });
      const log = record(receiver, ["message"]);
      const from = (options) => new UDPSocket({ localAddress: "::", remoteAddress: "ff15::7777", remotePort: receiver.localPort, ...options });
      from({}).send("default");
      from({ loopback: true }).send("true");
      await log.until("message");
      await settle();
      report(log.entries.map(({ event }) => Buffer.from(event.data).toString()));
      process.exit(0);`,
      { setup: `${setups.link}\nip -6 addr add 2001:db8::1/64 dev v0 nodad\nip -6 route add table local multicast ff00::/8 dev v0 metric 1` },
    );
    expect(result).toEqual(["true"]);
  });

  namespaceTest("an IPv6 group is joined by zone, told by RFC 5952 addresses, and left again", async () => {
    const result = await inNamespace(
      `const fs = require("node:fs");
      const has = () => /v0\\s+ff150000000000000000000000007777/.test(fs.readFileSync("/proc/net/igmp6", "utf8"));
      const socket = new UDPSocket({ localAddress: "::", ipv6Only: true });
      const seen = [has()];
      socket.joinMulticastGroup("FF15:0:0::7777", { interfaceAddress: "v0" });
      seen.push(has());
      let twice;
      try {
        socket.joinMulticastGroup("ff15::7777", { interfaceAddress: "v0" });
      } catch (error) {
        twice = plain(error);
      }
      let family;
      try {
        socket.joinMulticastGroup("${GROUP}", { interfaceAddress: HERE });
      } catch (error) {
        family = plain(error);
      }
      socket.leaveMulticastGroup("ff15::7777", { interfaceAddress: "v0" });
      seen.push(has());
      let zone;
      try {
        socket.joinMulticastGroup("ff15::7777", { interfaceAddress: "none9" });
      } catch (error) {
        zone = plain(error);
      }
      report({ seen, twice, family, zone });
      socket.close();`,
      { setup: setups.link },
    );
    expect(result.seen).toEqual([false, true, false]);
    expect(result.twice).toMatchObject({ name: "InvalidAccessError" });
    expect(result.family).toMatchObject({ name: "InvalidAccessError" });
    expect(result.zone).toMatchObject({ name: "NetworkError", code: "ENODEV" });
  });

  namespaceTest("without interfaceAddress the system's choice is joined, once; it is a membership of its own", async () => {
    const result = await inNamespace(
      `const socket = new UDPSocket({ localAddress: "0.0.0.0" });
      socket.joinMulticastGroup("${GROUP}");
      const attempt = (call) => {
        try {
          call();
        } catch (error) {
          return plain(error);
        }
      };
      const twice = attempt(() => socket.joinMulticastGroup("${GROUP}"));
      const elsewhere = attempt(() => socket.leaveMulticastGroup("${GROUP}", { interfaceAddress: HERE }));
      const log = record(socket, ["message"]);
      new UDPSocket({ localAddress: HERE, loopback: true }).send("x", "${GROUP}", socket.localPort);
      await log.until("message");
      const leave = attempt(() => socket.leaveMulticastGroup("${GROUP}"));
      const again = attempt(() => socket.leaveMulticastGroup("${GROUP}"));
      report({ twice, elsewhere, leave, again, count: log.entries.length });
      process.exit(0);`,
      { setup: `${setups.link}\nip route add default dev v0` },
    );
    expect(result.twice).toMatchObject({ name: "InvalidAccessError" });
    expect(result.elsewhere).toMatchObject({ name: "InvalidAccessError" });
    expect(result.leave).toBe(undefined);
    expect(result.again).toMatchObject({ name: "InvalidAccessError" });
    expect(result.count).toBe(1);
  });

  namespaceTest("where no interface could join, NetworkError with code ENODEV, and nothing is joined", async () => {
    const result = await inNamespace(
      `const socket = new UDPSocket({ localAddress: "0.0.0.0" });
      const attempt = (call) => {
        try {
          call();
        } catch (error) {
          return plain(error);
        }
      };
      const join = attempt(() => socket.joinMulticastGroup("${GROUP}"));
      const leave = attempt(() => socket.leaveMulticastGroup("${GROUP}"));
      const loopback = attempt(() => socket.joinMulticastGroup("${GROUP}", { interfaceAddress: "127.0.0.1" }));
      report({ join, leave, loopback, readyState: socket.readyState });
      socket.close();`,
      { setup: setups.loopback },
    );
    expect(result.join).toMatchObject({ name: "NetworkError", code: "ENODEV", isDOMException: true });
    expect(result.join.message).toContain(GROUP);
    expect(result.leave).toMatchObject({ name: "InvalidAccessError" });
    expect(result.loopback).toBe(undefined);
    expect(result.readyState).toBe("open");
  });

  namespaceTest("one group on two interfaces is two memberships", async () => {
    const result = await inNamespace(
      `const socket = new UDPSocket({ localAddress: "0.0.0.0" });
      socket.joinMulticastGroup("${GROUP}", { interfaceAddress: HERE });
      socket.joinMulticastGroup("${GROUP}", { interfaceAddress: "127.0.0.1" });
      socket.leaveMulticastGroup("${GROUP}", { interfaceAddress: HERE });
      const log = record(socket, ["message"]);
      new UDPSocket({ localAddress: "127.0.0.1", loopback: true }).send("lo", "${GROUP}", socket.localPort);
      await log.until("message");
      socket.leaveMulticastGroup("${GROUP}", { interfaceAddress: "127.0.0.1" });
      report("both left");
      process.exit(0);`,
      { setup: setups.link },
    );
    expect(result).toBe("both left");
  });
});
