"use strict";

const { namespaceTest, inNamespace, setups } = require("../helpers/netns");

jest.setTimeout(30_000);

/** Two links, each with a second IPv6 address to send from. */
const two = `${setups.links}
  ip -6 addr add 2001:db8:1::2/64 dev w0 nodad`;

/** What every script here needs. */
const TOOLS = `
  const attempt = (call) => {
    try {
      call();
    } catch (error) {
      return plain(error);
    }
  };
  const ip = (...args) => execFileSync("ip", args, { stdio: ["ignore", "pipe", "inherit"] });
  const textOf = ({ event }) => Buffer.from(event.data).toString();
  /** Sends to a group's members on this host, by this interface, from this address. */
  const send = (localAddress, multicastInterface, text, group, port) =>
    new UDPSocket({ localAddress, loopback: true, multicastInterface }).send(text, group, port);
  const GROUP4 = "239.7.7.7";
  const GROUP6 = "ff15::77";
`;

/** @param {string} script */
const run = (script, setup = two) => inNamespace(`${TOOLS}\n${script}\nprocess.exit(0);`, { setup, timeout: 25_000 });

describe("a group is joined on an interface, and received from there alone (R-udp-group)", () => {
  namespaceTest("two sockets on one port, one group, an interface each: each gets its own interface's datagrams", async () => {
    const result = await run(`
      const heard = {};
      for (const [group, localAddress, v, w] of [[GROUP4, "0.0.0.0", HERE, "203.0.113.1"], [GROUP6, "::", "v0", "w0"]]) {
        const first = new UDPSocket({ localAddress });
        const sockets = [first, new UDPSocket({ localAddress, localPort: first.localPort + 1 })];
        const logs = sockets.map((socket) => record(socket, ["message"]));
        sockets[0].joinMulticastGroup(group, { interfaceAddress: v });
        sockets[1].joinMulticastGroup(group, { interfaceAddress: w });
        for (const socket of sockets) {
          for (const name of [v, w]) send(localAddress, name, name, group, socket.localPort);
        }
        await Promise.all(logs.map((log) => log.until("message")));
        await settle();
        heard[group] = logs.map((log) => log.entries.map(textOf));
      }
      report(heard);`);
    expect(result).toEqual({ "239.7.7.7": [["198.51.100.1"], ["203.0.113.1"]], "ff15::77": [["v0"], ["w0"]] });
  });

  namespaceTest("IPv6: after leaving on one interface only the other's come; unicast comes all the time", async () => {
    const result = await run(`
      const socket = new UDPSocket({ localAddress: "::" });
      const log = record(socket, ["message"]);
      const both = async (count) => {
        for (const name of ["v0", "w0"]) send("::", name, name, GROUP6, socket.localPort);
        new UDPSocket({ localAddress: "::1" }).send("unicast", "::1", socket.localPort);
        await log.atLeast(count);
        await settle();
      };
      socket.joinMulticastGroup(GROUP6, { interfaceAddress: "v0" });
      socket.joinMulticastGroup(GROUP6, { interfaceAddress: "w0" });
      await both(3);
      socket.leaveMulticastGroup(GROUP6, { interfaceAddress: "v0" });
      await both(5);
      socket.leaveMulticastGroup(GROUP6, { interfaceAddress: "w0" });
      await both(6);
      report(log.entries.map(textOf).sort());`);
    expect(result).toEqual(["unicast", "unicast", "unicast", "v0", "w0", "w0"]);
  });

  namespaceTest("IPv6: sources that are listed on one interface say nothing about another", async () => {
    const result = await run(`
      const heard = [];
      const [v1, v2, w1, w2] = ["2001:db8::1", "2001:db8::2", "2001:db8:1::1", "2001:db8:1::2"];
      const flood = async (socket, log) => {
        log.clear?.();
        const before = log.entries.length;
        for (const from of [v1, v2]) send(from, "v0", from, GROUP6, socket.localPort);
        for (const from of [w1, w2]) send(from, "w0", from, GROUP6, socket.localPort);
        await settle();
        heard.push(log.entries.slice(before).map(textOf).sort());
      };
      const on = (interfaceAddress, sourceAddress) => ({ interfaceAddress, sourceAddress });
      const socket = new UDPSocket({ localAddress: "::" });
      const log = record(socket, ["message"]);
      // One source on each.
      socket.joinMulticastGroup(GROUP6, on("v0", v1));
      socket.joinMulticastGroup(GROUP6, on("w0", w2));
      await flood(socket, log);
      // One more on the first.
      socket.joinMulticastGroup(GROUP6, on("v0", v2));
      await flood(socket, log);
      // Any source on the second.
      socket.leaveMulticastGroup(GROUP6, on("w0", w2));
      socket.joinMulticastGroup(GROUP6, on("w0"));
      await flood(socket, log);
      // The first is left, source by source.
      socket.leaveMulticastGroup(GROUP6, on("v0", v1));
      await flood(socket, log);
      socket.leaveMulticastGroup(GROUP6, on("v0", v2));
      await flood(socket, log);
      const fs = require("node:fs");
      const inKernel = () => fs.readFileSync("/proc/net/igmp6", "utf8").split("\\n").filter((line) => line.includes("ff150000000000000000000000000077")).length;
      const left = [inKernel()];
      socket.leaveMulticastGroup(GROUP6, on("w0"));
      left.push(inKernel());
      report({ heard, left });`);
    const [v1, v2, w1, w2] = ["2001:db8::1", "2001:db8::2", "2001:db8:1::1", "2001:db8:1::2"];
    expect(result.heard).toEqual([[w2, v1].sort(), [v1, v2, w2].sort(), [v1, v2, w1, w2].sort(), [v2, w1, w2].sort(), [w1, w2].sort()]);
    expect(result.left).toEqual([1, 0]);
  });

  namespaceTest("an interface may be named for IPv4, and given by an address for IPv6; it is the same one under each name", async () => {
    const result = await run(`
      const results = {};
      for (const [group, localAddress, names] of [
        [GROUP4, "0.0.0.0", ["v0", HERE, "2001:db8::1"]],
        [GROUP6, "::", ["v0", "2001:db8::1", "2001:db8::2", HERE]],
      ]) {
        const socket = new UDPSocket({ localAddress });
        const log = record(socket, ["message"]);
        const outcome = [];
        for (const name of names) {
          socket.joinMulticastGroup(group, { interfaceAddress: name });
          for (const other of names) {
            outcome.push(attempt(() => socket.joinMulticastGroup(group, { interfaceAddress: other }))?.name);
          }
          const count = log.types.length;
          send(localAddress, "v0", name, group, socket.localPort);
          await log.atLeast(count + 1);
          socket.leaveMulticastGroup(group, { interfaceAddress: names.at(-1) });
        }
        results[group] = { outcome: [...new Set(outcome)], heard: log.entries.map(textOf) };
      }
      const socket = new UDPSocket({ localAddress: "0.0.0.0" });
      results.unknown = attempt(() => socket.joinMulticastGroup(GROUP4, { interfaceAddress: "eth77" }));
      report(results);`);
    const outcome = ["InvalidAccessError"];
    expect(result["239.7.7.7"]).toEqual({ outcome, heard: ["v0", "198.51.100.1", "2001:db8::1"] });
    expect(result["ff15::77"]).toEqual({ outcome, heard: ["v0", "2001:db8::1", "2001:db8::2", "198.51.100.1"] });
    expect(result.unknown).toMatchObject({ name: "InvalidAccessError", code: "ENODEV" });
    expect(result.unknown.message).toMatch(/eth77/);
    expect(result.unknown.message).not.toMatch(/connect\(\)/);
  });

  namespaceTest("multicastInterface may be named for IPv4; one without an IPv4 address is refused", async () => {
    const result = await run(
      `const member = new UDPSocket({ localAddress: "0.0.0.0" });
      member.joinMulticastGroup(GROUP4, { interfaceAddress: "v0" });
      const log = record(member, ["message"]);
      send("0.0.0.0", "w0", "other", GROUP4, member.localPort);
      send("0.0.0.0", "v0", "named", GROUP4, member.localPort);
      // A dual-stack socket takes the name for both of its halves.
      send("::", "v0", "dual", GROUP4, member.localPort);
      await log.atLeast(2);
      await settle();
      report({ heard: log.entries.map(textOf), bare: attempt(() => new UDPSocket({ multicastInterface: "v1" })) });`,
      two,
    );
    expect(result.heard).toEqual(["named", "dual"]);
    expect(result.bare).toMatchObject({ name: "InvalidAccessError" });
    expect(result.bare.message).toMatch(/v1.*no IPv4 address/);
  });
});

describe("interfaces come and go (R-udp-group)", () => {
  namespaceTest("an address that moves takes no membership along: leaving by it leaves where it was joined", async () => {
    const result = await run(`
      const results = [];
      for (const sourceAddress of [undefined, "198.51.100.9"]) {
        const socket = new UDPSocket({ localAddress: "0.0.0.0" });
        const log = record(socket, ["message"]);
        const options = { interfaceAddress: HERE, sourceAddress };
        socket.joinMulticastGroup(GROUP4, options);
        ip("addr", "del", HERE + "/24", "dev", "v0");
        ip("addr", "add", "198.51.100.9/24", "dev", "v0");
        ip("addr", "add", HERE + "/24", "dev", "w0");
        const speak = () => send("198.51.100.9", "198.51.100.9", "x", GROUP4, socket.localPort);
        speak();
        await log.until("message");
        const left = attempt(() => socket.leaveMulticastGroup(GROUP4, options));
        speak();
        await settle();
        results.push({ left, heard: log.types.length, again: attempt(() => socket.leaveMulticastGroup(GROUP4, options))?.name });
        ip("addr", "del", HERE + "/24", "dev", "w0");
        ip("addr", "del", "198.51.100.9/24", "dev", "v0");
        ip("addr", "add", HERE + "/24", "dev", "v0");
      }
      report(results);`);
    const expected = { heard: 1, again: "InvalidAccessError" };
    expect(result).toEqual([expected, expected]);
  });

  namespaceTest("an interface that is made again is joined and left 25 times, whether it was left or not", async () => {
    const result = await run(`
      const make = () => {
        ip("link", "add", "x0", "type", "veth", "peer", "name", "x1");
        ip("addr", "add", "192.0.2.1/24", "dev", "x0");
        ip("-6", "addr", "add", "2001:db8:2::1/64", "dev", "x0", "nodad");
        ip("link", "set", "x0", "up");
        ip("link", "set", "x1", "up");
      };
      const cases = [
        [GROUP4, "0.0.0.0", { interfaceAddress: "192.0.2.1" }],
        [GROUP4, "0.0.0.0", { interfaceAddress: "192.0.2.1", sourceAddress: "192.0.2.9" }],
        [GROUP6, "::", { interfaceAddress: "x0" }],
        [GROUP6, "::", { interfaceAddress: "x0", sourceAddress: "2001:db8:2::9" }],
      ].flatMap(([group, localAddress, options]) => [true, false].map((leaves) => ({ socket: new UDPSocket({ localAddress }), group, options, leaves })));
      for (let round = 0; round < 25; round++) {
        make();
        for (const { socket, group, options } of cases) socket.joinMulticastGroup(group, options);
        ip("link", "del", "x0");
        for (const { socket, group, options, leaves } of cases) if (leaves) socket.leaveMulticastGroup(group, options);
      }
      report("all joined");`);
    expect(result).toBe("all joined");
  });
});

describe('"all" interfaces (R-udp-group)', () => {
  /** Shell lines that make so many links; `each` is run for each with $i. */
  const many = (count, each) => `ip link set lo up
    for i in $(seq 1 ${count}); do
      ip link add c$i type veth peer name d$i
      ${each}
      ip link set c$i up
    done`;

  namespaceTest("IPv4: interfaces without an IPv4 address do not count, so a host with many containers joins", async () => {
    const result = await run(
      `const socket = new UDPSocket({ localAddress: "0.0.0.0" });
      const log = record(socket, ["message"]);
      socket.joinMulticastGroup(GROUP4, { interfaceAddress: "all" });
      send("0.0.0.0", "c3", "x", GROUP4, socket.localPort);
      await log.until("message");
      socket.leaveMulticastGroup(GROUP4, { interfaceAddress: "all" });
      report("joined");`,
      many(30, "[ $i -ne 3 ] || ip addr add 192.0.2.3/24 dev c3"),
    );
    expect(result).toBe("joined");
  });

  namespaceTest("more IPv4 interfaces than the system allows memberships: ENOBUFS, the setting is named, nothing is joined", async () => {
    const result = await run(
      `const socket = new UDPSocket({ localAddress: "0.0.0.0" });
      const all = { interfaceAddress: "all" };
      const error = attempt(() => socket.joinMulticastGroup(GROUP4, all));
      const left = attempt(() => socket.leaveMulticastGroup(GROUP4, all))?.name;
      const lines = require("node:fs").readFileSync("/proc/net/igmp", "utf8").split("\\n").filter((line) => line.includes("070707EF"));
      report({ error, left, lines });`,
      many(25, "ip addr add 192.0.$i.1/24 dev c$i"),
    );
    expect(result.error).toMatchObject({ name: "NetworkError", code: "ENOBUFS" });
    expect(result.error.message).toContain("net.ipv4.igmp_max_memberships");
    expect(result).toMatchObject({ left: "InvalidAccessError", lines: [] });
  });

  namespaceTest("one that is joined already does not undo the rest, and stays joined while either membership lasts", async () => {
    const result = await run(`
      const results = {};
      for (const [group, localAddress, v, w] of [[GROUP4, "0.0.0.0", HERE, "203.0.113.1"], [GROUP6, "::", "v0", "w0"]]) {
        const socket = new UDPSocket({ localAddress });
        const log = record(socket, ["message"]);
        const heard = [];
        const speak = async () => {
          const before = log.entries.length;
          for (const name of [v, w]) send(localAddress, name, name, group, socket.localPort);
          await settle();
          heard.push(log.entries.slice(before).map(textOf).sort());
        };
        const [here, all] = [{ interfaceAddress: v }, { interfaceAddress: "all" }];
        socket.joinMulticastGroup(group, here);
        socket.joinMulticastGroup(group, all);
        await speak();
        socket.leaveMulticastGroup(group, here);
        await speak();
        socket.leaveMulticastGroup(group, all);
        await speak();
        socket.joinMulticastGroup(group, here);
        socket.joinMulticastGroup(group, all);
        socket.leaveMulticastGroup(group, all);
        await speak();
        // Listed sources there: then the two cannot be mixed, and nothing changes.
        socket.leaveMulticastGroup(group, here);
        const listed = { ...here, sourceAddress: group === GROUP4 ? HERE : "2001:db8::1" };
        socket.joinMulticastGroup(group, listed);
        const mixed = attempt(() => socket.joinMulticastGroup(group, all))?.name;
        socket.leaveMulticastGroup(group, listed);
        results[group] = { heard, mixed };
      }
      report(results);`);
    const expected = (v, w) => ({ heard: [[v, w], [v, w], [], [v]], mixed: "InvalidAccessError" });
    expect(result).toEqual({ "239.7.7.7": expected("198.51.100.1", "203.0.113.1"), "ff15::77": expected("v0", "w0") });
  });
});

describe("no membership is lost to what else happens (R-udp-group)", () => {
  namespaceTest("while the process has no descriptor left, nothing is left that was joined", async () => {
    const result = await run(`
      const { fill, release } = require(${JSON.stringify(require.resolve("../fixtures/descriptors"))});
      const results = {};
      for (const [group, localAddress, v, w] of [[GROUP4, "0.0.0.0", "v0", "w0"], [GROUP6, "::", "v0", "w0"]]) {
        const socket = new UDPSocket({ localAddress });
        const log = record(socket, ["message"]);
        const sender = new UDPSocket({ localAddress, loopback: true, multicastInterface: v });
        socket.joinMulticastGroup(group, { interfaceAddress: v });
        fill();
        const error = attempt(() => socket.joinMulticastGroup(group, { interfaceAddress: w }));
        release();
        sender.send("still here", group, socket.localPort);
        await log.until("message");
        results[group] = { name: error?.name, code: error?.code, heard: log.entries.map(textOf) };
        // Now it can be joined, and both be left.
        socket.joinMulticastGroup(group, { interfaceAddress: w });
        for (const interfaceAddress of [v, w]) socket.leaveMulticastGroup(group, { interfaceAddress });
      }
      report(results);`, `${two}\nulimit -n 200`);
    const expected = { name: "NetworkError", code: "EMFILE", heard: ["still here"] };
    expect(result).toEqual({ "239.7.7.7": expected, "ff15::77": expected });
  });

  namespaceTest("an IPv4 group's datagrams that came before the first IPv6 group was joined are delivered", async () => {
    const result = await run(`
      const socket = new UDPSocket({ localAddress: "::" });
      const log = record(socket, ["message"]);
      socket.suspend();
      socket.joinMulticastGroup(GROUP4, { interfaceAddress: "v0" });
      send("0.0.0.0", "v0", "before", GROUP4, socket.localPort);
      socket.joinMulticastGroup(GROUP6, { interfaceAddress: "v0" });
      send("0.0.0.0", "v0", "after", GROUP4, socket.localPort);
      socket.resume();
      await log.atLeast(2);
      report(log.entries.map(textOf));`);
    expect(result).toEqual(["before", "after"]);
  });
});
