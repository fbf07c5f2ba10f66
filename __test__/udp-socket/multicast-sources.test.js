"use strict";

const { udp, record, text, expectDOMException, expectTypeError } = require("../helpers");
const { freshGroup, fence, textsOf } = require("../helpers/udp");
const { namespaceTest, inNamespace, setups } = require("../helpers/netns");

jest.setTimeout(20_000);

/** Join on the loopback interface, from one of its addresses: nothing leaves this host. */
const from = (sourceAddress) => ({ interfaceAddress: "127.0.0.1", sourceAddress });
const ANY = { interfaceAddress: "127.0.0.1" };

function member(options) {
  return udp({ localAddress: "0.0.0.0", ...options });
}

// 127.0.0.2 and more are this host's without being asked for only there.
const linux = process.platform === "linux" ? describe : describe.skip;

linux("source-specific multicast (extensions MulticastOptions; R-udp-group)", () => {
  /** Sends to the group from these addresses of this host, in order. */
  function sendFrom(addresses, socket, group) {
    for (const localAddress of addresses) {
      udp({ localAddress, loopback: true, multicastInterface: "127.0.0.1" }).send(localAddress, group, socket.localPort);
    }
  }

  test("only the listed sources are received; leaving one leaves the others", async () => {
    const group = freshGroup();
    const socket = member();
    const log = record(socket, ["message"]);
    socket.joinMulticastGroup(group, from("127.0.0.2"));
    socket.joinMulticastGroup(group, from("127.0.0.3"));
    sendFrom(["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"], socket, group);
    await log.atLeast(2);
    await fence();
    expect(textsOf(log)).toEqual(["127.0.0.2", "127.0.0.3"]);
    socket.leaveMulticastGroup(group, from("127.0.0.2"));
    sendFrom(["127.0.0.2", "127.0.0.3"], socket, group);
    await log.atLeast(3);
    await fence();
    expect(textsOf(log).slice(2)).toEqual(["127.0.0.3"]);
    socket.leaveMulticastGroup(group, from("127.0.0.3"));
    sendFrom(["127.0.0.3"], socket, group);
    await fence();
    expect(log.types).toHaveLength(3);
  });

  test("mixing any source and listed ones throws InvalidAccessError, and changes nothing", async () => {
    const group = freshGroup();
    const socket = member();
    const log = record(socket, ["message"]);
    socket.joinMulticastGroup(group, ANY);
    expect(expectDOMException(() => socket.joinMulticastGroup(group, from("127.0.0.2")), "InvalidAccessError").message).toMatch(/any source/);
    sendFrom(["127.0.0.3"], socket, group);
    await log.until("message");
    socket.leaveMulticastGroup(group, ANY);
    socket.joinMulticastGroup(group, from("127.0.0.2"));
    expect(expectDOMException(() => socket.joinMulticastGroup(group, ANY), "InvalidAccessError").message).toMatch(/listed sources/);
    sendFrom(["127.0.0.3", "127.0.0.2"], socket, group);
    await log.atLeast(2);
    await fence();
    expect(text(log.entries.at(-1).event.data)).toBe("127.0.0.2");
    expect(log.types).toHaveLength(2);
  });

  test("leaving otherwise than joined, and joining a source twice, throw InvalidAccessError", () => {
    const group = freshGroup();
    const socket = member();
    socket.joinMulticastGroup(group, from("127.0.0.2"));
    for (const options of [ANY, from("127.0.0.3"), { sourceAddress: "127.0.0.2" }, undefined, { interfaceAddress: "all" }]) {
      expectDOMException(() => socket.leaveMulticastGroup(group, options), "InvalidAccessError");
    }
    expectDOMException(() => socket.joinMulticastGroup(group, from("127.0.0.2")), "InvalidAccessError");
    socket.leaveMulticastGroup(group, from("127.0.0.2"));
    expectDOMException(() => socket.leaveMulticastGroup(group, from("127.0.0.2")), "InvalidAccessError");
    socket.joinMulticastGroup(group, ANY);
    expectDOMException(() => socket.leaveMulticastGroup(group, from("127.0.0.2")), "InvalidAccessError");
    socket.leaveMulticastGroup(group, ANY);
  });

  test("the interface that was left out, named: what the system mixes is refused, and nothing is lost", () => {
    const group = freshGroup();
    // Bound to one address, it joins there.
    const socket = udp();
    socket.joinMulticastGroup(group);
    expectDOMException(() => socket.joinMulticastGroup(group, from("127.0.0.2")), "InvalidAccessError");
    socket.leaveMulticastGroup(group);
    socket.joinMulticastGroup(group, { sourceAddress: "127.0.0.2" });
    expectDOMException(() => socket.joinMulticastGroup(group, from("127.0.0.2")), "InvalidAccessError");
    expectDOMException(() => socket.joinMulticastGroup(group, ANY), "InvalidAccessError");
    socket.leaveMulticastGroup(group, { sourceAddress: "127.0.0.2" });
    socket.joinMulticastGroup(group, ANY);
  });

  test("more sources than the system allows throw NetworkError with code ENOBUFS, and the others stay", () => {
    const group = freshGroup();
    const socket = member();
    let joined = 0;
    const error = expectDOMException(
      () => {
        for (; joined < 10_000; joined++) {
          socket.joinMulticastGroup(group, from(`127.1.${joined >> 8}.${joined & 255}`));
        }
      },
      "NetworkError",
      "ENOBUFS",
    );
    expect(joined).toBeGreaterThan(0);
    expect(error.message).toContain(group);
    socket.leaveMulticastGroup(group, from("127.1.0.0"));
    socket.joinMulticastGroup(group, from(`127.1.${joined >> 8}.${joined & 255}`));
  });
});

test.each([
  ["a multicast address", "239.1.2.3"],
  ["the wildcard", "0.0.0.0"],
  ["the broadcast address", "255.255.255.255"],
  ["of the other family", "::1"],
  ["no address", "localhost"],
  ["an empty string", ""],
  ["null", null],
])("sourceAddress %s throws InvalidAccessError (R-udp-group: unicast)", (_, sourceAddress) => {
  const socket = member();
  expectDOMException(() => socket.joinMulticastGroup(freshGroup(), from(sourceAddress)), "InvalidAccessError");
  expectDOMException(() => socket.leaveMulticastGroup(freshGroup(), from(sourceAddress)), "InvalidAccessError");
});

test("sourceAddress: a Symbol throws TypeError", () => {
  expectTypeError(() => member().joinMulticastGroup(freshGroup(), from(Symbol("source"))));
});

const TRY = `const attempt = (call) => { try { call(); } catch (error) { return plain(error); } };`;

describe("on a network of its own (R-udp-group)", () => {
  namespaceTest("what the system chose, named, is not switched from any source to a listed one", async () => {
    const result = await inNamespace(
      `${TRY}
      const heard = [];
      for (const [group, localAddress, name, source] of [["239.7.7.7", "0.0.0.0", HERE, "198.51.100.9"], ["ff35::77", "::", "v0", "2001:db8::2"]]) {
        const socket = new UDPSocket({ localAddress });
        const log = record(socket, ["message"]);
        socket.joinMulticastGroup(group);
        const error = attempt(() => socket.joinMulticastGroup(group, { interfaceAddress: name, sourceAddress: source }));
        new UDPSocket({ localAddress, loopback: true, multicastInterface: name }).send("x", group, socket.localPort);
        await log.until("message");
        socket.leaveMulticastGroup(group);
        socket.joinMulticastGroup(group, { interfaceAddress: name, sourceAddress: source });
        heard.push(error?.name);
      }
      report(heard);
      process.exit(0);`,
      { setup: `${setups.links}\nip route add default dev v0\nip -6 route add table local multicast ff00::/8 dev v0 metric 1` },
    );
    expect(result).toEqual(["InvalidAccessError", "InvalidAccessError"]);
  });

  namespaceTest("IPv6: only the listed sources are received, and one is left as it was joined", async () => {
    const result = await inNamespace(
      `${TRY}
      const socket = new UDPSocket({ localAddress: "::" });
      const log = record(socket, ["message"]);
      const options = { interfaceAddress: "v0", sourceAddress: "2001:db8::2" };
      socket.joinMulticastGroup("ff35::77", options);
      const send = () => {
        for (const localAddress of ["2001:db8::1", "2001:db8::2"]) {
          new UDPSocket({ localAddress, loopback: true, multicastInterface: "v0" }).send(localAddress, "ff35::77", socket.localPort);
        }
      };
      send();
      await log.until("message");
      await settle();
      const errors = [
        attempt(() => socket.joinMulticastGroup("ff35::77", options)),
        attempt(() => socket.joinMulticastGroup("ff35::77", { interfaceAddress: "v0" })),
        attempt(() => socket.joinMulticastGroup("ff35::77", { interfaceAddress: "v0", sourceAddress: "10.0.0.1" })),
        attempt(() => socket.leaveMulticastGroup("ff35::77", { interfaceAddress: "v0" })),
        attempt(() => socket.leaveMulticastGroup("ff35::77", options)),
      ];
      send();
      await settle();
      report({ heard: log.entries.map(({ event }) => event.remoteAddress), names: errors.map((error) => error?.name) });
      process.exit(0);`,
      { setup: setups.links },
    );
    expect(result.heard).toEqual(["2001:db8::2"]);
    const refused = "InvalidAccessError";
    expect(result.names).toEqual([refused, refused, refused, refused, null]);
  });

  namespaceTest("a dual-stack socket joins an IPv4 group from a listed source", async () => {
    const result = await inNamespace(
      `const socket = new UDPSocket({ localAddress: "::" });
      const log = record(socket, ["message"]);
      socket.joinMulticastGroup("239.7.7.7", { interfaceAddress: HERE, sourceAddress: HERE });
      new UDPSocket({ localAddress: HERE, loopback: true }).send("x", "239.7.7.7", socket.localPort);
      const { event } = await log.until("message");
      report(event.remoteAddress);
      process.exit(0);`,
      { setup: setups.links },
    );
    expect(result).toBe("198.51.100.1");
  });

  namespaceTest('"all" joins on every multicast interface that is up, and counts as an interface of its own', async () => {
    const result = await inNamespace(
      `${TRY}
      const result = {};
      for (const [group, localAddress, here, there] of [
        ["239.7.7.7", "0.0.0.0", HERE, "203.0.113.1"],
        ["ff15::77", "::", "v0", "w0"],
      ]) {
        const socket = new UDPSocket({ localAddress });
        const log = record(socket, ["message"]);
        const send = () => {
          for (const multicastInterface of [here, there]) {
            new UDPSocket({ localAddress, loopback: true, multicastInterface }).send(multicastInterface, group, socket.localPort);
          }
        };
        socket.joinMulticastGroup(group, { interfaceAddress: "all" });
        send();
        await log.atLeast(2);
        const errors = [
          attempt(() => socket.joinMulticastGroup(group, { interfaceAddress: "all" })),
          attempt(() => socket.joinMulticastGroup(group, { interfaceAddress: here })),
          attempt(() => socket.leaveMulticastGroup(group, { interfaceAddress: here })),
          attempt(() => socket.leaveMulticastGroup(group)),
          attempt(() => socket.leaveMulticastGroup(group, { interfaceAddress: "all" })),
          attempt(() => socket.leaveMulticastGroup(group, { interfaceAddress: "all" })),
        ];
        send();
        await settle();
        const heard = log.entries.map(({ event }) => Buffer.from(event.data).toString());
        result[group] = { heard, names: errors.map((error) => error?.name) };
      }
      report(result);
      process.exit(0);`,
      { setup: setups.links },
    );
    const refused = "InvalidAccessError";
    const names = [refused, refused, refused, refused, null, refused];
    expect(result["239.7.7.7"]).toEqual({ heard: ["198.51.100.1", "203.0.113.1"], names });
    expect(result["ff15::77"]).toEqual({ heard: ["v0", "w0"], names });
  });

  namespaceTest('"all" with a source, in both families', async () => {
    const result = await inNamespace(
      `const heard = [];
      for (const [group, localAddress, sourceAddress, other, multicastInterface] of [
        ["239.7.7.7", "0.0.0.0", HERE, "198.51.100.9", HERE],
        ["ff35::77", "::", "2001:db8::2", "2001:db8::1", "v0"],
      ]) {
        const socket = new UDPSocket({ localAddress });
        const log = record(socket, ["message"]);
        socket.joinMulticastGroup(group, { interfaceAddress: "all", sourceAddress });
        for (const from of [other, sourceAddress]) {
          new UDPSocket({ localAddress: from, loopback: true, multicastInterface }).send("x", group, socket.localPort);
        }
        await log.until("message");
        await settle();
        heard.push(log.entries.map(({ event }) => event.remoteAddress));
        socket.leaveMulticastGroup(group, { interfaceAddress: "all", sourceAddress });
      }
      report(heard);
      process.exit(0);`,
      { setup: `${setups.links}\nip addr add 198.51.100.9/24 dev v0` },
    );
    expect(result).toEqual([["198.51.100.1"], ["2001:db8::2"]]);
  });

  namespaceTest('where no multicast interface is up, "all" is NetworkError with code ENODEV, and nothing is joined', async () => {
    const result = await inNamespace(
      `${TRY}
      const socket = new UDPSocket({ localAddress: "0.0.0.0" });
      report([
        attempt(() => socket.joinMulticastGroup("239.7.7.7", { interfaceAddress: "all" })),
        attempt(() => socket.leaveMulticastGroup("239.7.7.7", { interfaceAddress: "all" })),
      ]);
      socket.close();`,
      { setup: setups.loopback },
    );
    expect(result[0]).toMatchObject({ name: "NetworkError", code: "ENODEV" });
    expect(result[1]).toMatchObject({ name: "InvalidAccessError" });
  });

  namespaceTest("a socket receives only from groups that it joined itself, not from what another socket joined", async () => {
    const result = await inNamespace(
      `const counts = [];
      for (const [group, localAddress, name] of [["239.7.7.7", "0.0.0.0", HERE], ["ff15::77", "::", "v0"]]) {
        const joined = new UDPSocket({ localAddress });
        joined.joinMulticastGroup(group, { interfaceAddress: name });
        const bystander = new UDPSocket({ localAddress, localPort: joined.localPort + 1 });
        const log = record(bystander, ["message"]);
        new UDPSocket({ localAddress, loopback: true, multicastInterface: name }).send("x", group, bystander.localPort);
        await settle();
        counts.push(log.types.length);
      }
      report(counts);
      process.exit(0);`,
      { setup: setups.links },
    );
    expect(result).toEqual([0, 0]);
  });
});
