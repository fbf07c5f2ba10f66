"use strict";

const { udp, datagrams, hasIPv6, record, text, track, expectDOMException, expectIsDOMException, expectTypeError, UDPSocket } = require("../helpers");
const { namespaceTest, inNamespace, setups } = require("../helpers/netns");
const { fence, recordAll, texts } = require("../helpers/udp");

jest.setTimeout(20_000);

const linuxTest = process.platform === "linux" ? test : test.skip;

/** A socket on the wildcard. */
function open(options = {}) {
  return track(new UDPSocket({ localAddress: "0.0.0.0", ...options }));
}

/** A socket that reports where its datagrams came from and their type of service, as [text, source, type of service]. */
function listener(options = {}) {
  const socket = open({ packetInfo: true, receiveBufferSize: 4 * 1024 * 1024, ...options });
  const log = record(socket, ["message"]);
  return {
    port: socket.localPort,
    async next(count) {
      await log.atLeast(count);
      return log.entries.map(({ event }) => [text(event.data), event.remoteAddress, event.typeOfService]);
    },
  };
}

describe("UDPSocket.send(): localAddress, localInterface and typeOfService (R-udp-reply)", () => {
  linuxTest("a datagram leaves from localAddress with typeOfService, the next one as before", async () => {
    const heard = listener();
    const socket = open({ typeOfService: 4 });
    socket.send("from 2", "127.0.0.1", heard.port, { localAddress: "127.0.0.2" });
    socket.send("plain", "127.0.0.1", heard.port);
    socket.send("marked", "127.0.0.1", heard.port, { typeOfService: 184 });
    socket.send("both", "127.0.0.1", heard.port, { localAddress: "127.0.0.3", typeOfService: 0 });
    socket.send("none", "127.0.0.1", heard.port, {});
    expect(await heard.next(5)).toEqual([
      ["from 2", "127.0.0.2", 4],
      ["plain", "127.0.0.1", 4],
      ["marked", "127.0.0.1", 184],
      ["both", "127.0.0.3", 0],
      ["none", "127.0.0.1", 4],
    ]);
  });

  linuxTest("an answer leaves from the address that was asked: the message's details are options", async () => {
    const server = open({ packetInfo: true });
    server.onmessage = (event) => server.send(event.data, event.remoteAddress, event.remotePort, event);
    const client = await datagrams();
    await client.send("question", server.localPort, "127.0.0.9");
    const { data, rinfo } = await client.next();
    expect([String(data), rinfo.address]).toEqual(["question", "127.0.0.9"]);
  });

  test.each([undefined, null, {}, { localAddress: null, localInterface: null, typeOfService: null }, { localAddress: undefined }])(
    "%p says nothing: absent, undefined and null members are defaults, on every system",
    async (options) => {
      const peer = await datagrams();
      const socket = udp();
      socket.send("x", peer.host, peer.port, options);
      expect(await texts(peer, 1)).toEqual(["x"]);
    },
  );

  linuxTest("a run of one size that differs in its options is not merged: each datagram has its own (UDP_SEGMENT)", async () => {
    const heard = listener();
    const socket = open();
    const expected = [];
    for (let n = 0; n < 120; n++) {
      const [address, typeOfService] = [`127.0.0.${2 + (Math.floor(n / 10) % 3)}`, n % 40 < 20 ? 8 : 16];
      expected.push([String(n).padStart(3, "0"), address, typeOfService]);
      socket.send(expected[n][0], "127.0.0.1", heard.port, { localAddress: address, typeOfService });
    }
    expect(await heard.next(120)).toEqual(expected);
  });

  linuxTest("Blobs and empty datagrams take their options along", async () => {
    const heard = listener();
    const socket = open();
    socket.send(new Blob(["a Blob"]), "127.0.0.1", heard.port, { localAddress: "127.0.0.4", typeOfService: 12 });
    expect(socket.bufferedAmount).toBe(6);
    socket.send(new Blob([]), "127.0.0.1", heard.port, { localAddress: "127.0.0.5" });
    socket.send("", "127.0.0.1", heard.port, { localAddress: "127.0.0.6" });
    socket.send("a string of more than the scratch memory holds: " + "x".repeat(9000), "127.0.0.1", heard.port, { localAddress: "127.0.0.7" });
    socket.send("end", "127.0.0.1", heard.port);
    const sources = (await heard.next(5)).map(([, source, typeOfService]) => [source, typeOfService]);
    expect(sources).toEqual([["127.0.0.4", 12], ["127.0.0.5", 0], ["127.0.0.6", 0], ["127.0.0.7", 0], ["127.0.0.1", 0]]);
  });

  linuxTest("an object written to `writable` has the same members", async () => {
    const heard = listener();
    const writer = open({ remoteAddress: "127.0.0.1", remotePort: heard.port }).writable.getWriter();
    await writer.write({ data: "one", localAddress: "127.0.0.8", typeOfService: 20 });
    await writer.write({ data: "two", localAddress: null, localInterface: null, typeOfService: null });
    await writer.write({ data: "three", localInterface: "lo" });
    expect(await heard.next(3)).toEqual([["one", "127.0.0.8", 20], ["two", "127.0.0.1", 0], ["three", "127.0.0.1", 0]]);
    await expect(writer.write({ data: "x", localAddress: "239.1.1.1" })).rejects.toMatchObject({ name: "InvalidAccessError" });
  });

  linuxTest("a connected socket takes them", async () => {
    const heard = listener();
    const socket = open({ remoteAddress: "127.0.0.1", remotePort: heard.port, connected: true });
    socket.send("x", null, null, { localAddress: "127.0.0.2", typeOfService: 32 });
    expect(await heard.next(1)).toEqual([["x", "127.0.0.2", 32]]);
  });

  linuxTest("IPv4 on a dual-stack socket", async () => {
    const heard = listener();
    const socket = open({ localAddress: "::" });
    socket.send("x", "127.0.0.1", heard.port, { localAddress: "127.0.0.2", localInterface: "lo", typeOfService: 36 });
    socket.send("y", "127.0.0.1", heard.port, { localAddress: "::ffff:127.0.0.3" });
    expect(await heard.next(2)).toEqual([["x", "127.0.0.2", 36], ["y", "127.0.0.3", 0]]);
  });

  linuxTest("what cannot be a source throws InvalidAccessError, and changes nothing", async () => {
    const heard = listener();
    const socket = open({ remoteAddress: "127.0.0.1", remotePort: heard.port });
    for (const [options, says] of [
      [{ localAddress: "239.1.1.1" }, "a group"],
      [{ localAddress: "0.0.0.0" }, "the wildcard"],
      [{ localAddress: "255.255.255.255" }, "a broadcast address"],
      [{ localAddress: "127.255.255.255" }, "a broadcast address"],
      [{ localAddress: "::1" }, "another family"],
      [{ localAddress: "localhost" }, "localAddress"],
      [{ localAddress: "" }, "localAddress"],
      [{ localAddress: "fe80::1%no-such" }, "localAddress"],
      [{ localInterface: "no-such" }, "localInterface"],
      [{ localInterface: "" }, "localInterface"],
      [{ localInterface: "lo\0" }, "localInterface"],
      [{ localAddress: "127.0.0.1", localInterface: "no-such" }, "localInterface"],
    ]) {
      expect(expectDOMException(() => socket.send("x", null, null, options), "InvalidAccessError").message).toContain(says);
      expect(expectDOMException(() => socket.send(new Blob(["x"]), null, null, options), "InvalidAccessError").message).toContain(says);
      expect([socket.bufferedAmount, socket.readyState]).toEqual([0, "open"]);
    }
    expectDOMException(() => socket.send("x", null, null, { localInterface: "no-such" }), "InvalidAccessError", "ENODEV");
    socket.send("fine");
    expect(await heard.next(1)).toEqual([["fine", "127.0.0.1", 0]]);
  });

  linuxTest("an IPv6 destination takes no IPv4 source", () => {
    if (!hasIPv6) return;
    const socket = open({ localAddress: "::" });
    for (const localAddress of ["127.0.0.1", "ff02::1", "::"]) {
      expectDOMException(() => socket.send("x", "::1", 9, { localAddress }), "InvalidAccessError");
    }
  });

  test.each([[256], [-1], [NaN], ["x"], [Infinity]])("typeOfService %p throws TypeError", (typeOfService) => {
    const socket = udp();
    expectTypeError(() => socket.send("x", "127.0.0.1", 9, { typeOfService }));
    expect(socket.bufferedAmount).toBe(0);
  });

  test("options that are no object throw TypeError; unknown members are ignored", async () => {
    const peer = await datagrams();
    const socket = udp();
    for (const options of [1, "127.0.0.1", true, Symbol("x")]) {
      expectTypeError(() => socket.send("x", peer.host, peer.port, options));
    }
    socket.send("y", peer.host, peer.port, { localPort: 1, ttl: 3 });
    expect(await texts(peer, 1)).toEqual(["y"]);
  });

  test("arguments are converted left to right, members in their order, and then checked in the draft's order (R-shape)", () => {
    const socket = udp();
    const read = [];
    const noted = (name, value) => ({ toString: () => (read.push(name), value), valueOf: () => (read.push(name), value) });
    const options = {
      get typeOfService() {
        read.push("typeOfService");
        return 1;
      },
      get localInterface() {
        read.push("localInterface");
        return "no-such";
      },
      get localAddress() {
        read.push("localAddress");
        return "bad";
      },
    };
    // No data: checked before the destination and the options.
    expect(expectDOMException(() => socket.send(null, noted("remoteAddress", "bad"), noted("remotePort", 0), options), "InvalidAccessError").message).toContain("send() takes");
    expect(read).toEqual(["remoteAddress", "remotePort", "localAddress", "localInterface", "typeOfService"]);
    expect(expectDOMException(() => socket.send("x", "bad", 0, options), "InvalidAccessError").message).toContain("remotePort");
    expect(expectDOMException(() => socket.send("x", "bad", 9, options), "InvalidAccessError").message).toContain("remoteAddress");
    socket.close();
    read.length = 0;
    expectDOMException(() => socket.send("x", "127.0.0.1", 9, options), "InvalidStateError");
    expect(read).toEqual(["localAddress", "localInterface", "typeOfService"]);
  });

  (process.platform === "linux" ? test.skip : test)("where the system has none of it, each member throws NotSupportedError (R-platform)", () => {
    const socket = udp();
    for (const options of [{ localAddress: "127.0.0.1" }, { localInterface: "lo" }, { typeOfService: 4 }]) {
      expectDOMException(() => socket.send("x", "127.0.0.1", 9, options), "NotSupportedError");
    }
  });

  linuxTest("an address that is not the host's is an error of that datagram, EADDRNOTAVAIL (R-udp-neterr)", async () => {
    const heard = listener();
    const socket = open();
    const log = recordAll(socket);
    for (let n = 0; n < 20; n++) {
      socket.send(`good ${n}`, "127.0.0.1", heard.port, { localAddress: "127.0.0.2" });
      if (n % 5 === 0) socket.send(`bad ${n}`, "127.0.0.1", heard.port, { localAddress: "203.0.113.77" });
    }
    expect((await heard.next(20)).map(([data]) => data)).toEqual(Array.from({ length: 20 }, (_, n) => `good ${n}`));
    await log.atLeast(4, "error");
    await fence();
    expect(log.types).toEqual(Array(4).fill("error"));
    for (const { event, readyState } of log.entries) {
      expectIsDOMException(event.error, "NetworkError", "EADDRNOTAVAIL");
      expect(event.error).toMatchObject({ address: "127.0.0.1", port: heard.port });
      expect(readyState).toBe("open");
    }
  });

  namespaceTest("IPv6: from an address, by an interface, and what is not the host's", async () => {
    const result = await inNamespace(`
      const receiver = new UDPSocket({ localAddress: "::", packetInfo: true });
      const log = record(receiver, ["message"]);
      const socket = new UDPSocket({ localAddress: "::" });
      const errors = [];
      socket.onerror = ({ error }) => errors.push(plain(error));
      const to = (data, options) => socket.send(data, "2001:db8::1", receiver.localPort, options);
      to("one", { localAddress: "2001:db8::1", typeOfService: 184 });
      to("two", { localAddress: "2001:db8::2" });
      to("bad", { localAddress: "2001:db8::77" });
      to("three", { localAddress: "2001:db8:1::1", typeOfService: 4 });
      await log.atLeast(3);
      await eventually(() => errors.length === 1);
      report({ errors, heard: log.entries.map(({ event }) => [Buffer.from(event.data).toString(), event.remoteAddress, event.typeOfService]) });
      process.exit(0);`, { setup: setups.links });
    expect(result.heard).toEqual([["one", "2001:db8::1", 184], ["two", "2001:db8::2", 0], ["three", "2001:db8:1::1", 4]]);
    expect(result.errors).toMatchObject([{ name: "NetworkError", code: "EADDRNOTAVAIL", address: "2001:db8::1" }]);
  });

  namespaceTest("localInterface is the interface that a datagram leaves by, alone and with localAddress", async () => {
    const result = await inNamespace(`
      const results = [];
      const attempt = (call) => { try { call(); } catch (error) { return plain(error); } };
      for (const [group, localAddress, vAddress, wAddress] of [["239.7.7.7", "0.0.0.0", HERE, "203.0.113.1"], ["ff15::77", "::", "2001:db8::1", "2001:db8:1::1"]]) {
        const member = new UDPSocket({ localAddress, packetInfo: true });
        for (const interfaceAddress of ["v0", "w0"]) member.joinMulticastGroup(group, { interfaceAddress });
        const log = record(member, ["message"]);
        const socket = new UDPSocket({ localAddress, loopback: true });
        const heard = [];
        for (const options of [{ localInterface: "w0" }, { localInterface: "v0" }, { localInterface: "w0", localAddress: wAddress }, { localInterface: "w0", localAddress: vAddress }]) {
          socket.send("x", group, member.localPort, options);
          await log.atLeast(heard.length + 1);
          const { event } = log.entries.at(-1);
          heard.push([event.localInterface, event.remoteAddress]);
        }
        results.push(heard);
      }
      const socket = new UDPSocket({ localAddress: "::" });
      const zone = attempt(() => socket.send("x", "ff02::77%v0", 9, { localAddress: "fe80::1%v0", localInterface: "w0" }));
      report({ results, zone, directed: attempt(() => socket.send("x", HERE, 9, { localAddress: "198.51.100.255" })) });
      process.exit(0);`, { setup: setups.links });
    expect(result.results).toEqual([
      [["w0", "203.0.113.1"], ["v0", "198.51.100.1"], ["w0", "203.0.113.1"], ["w0", "198.51.100.1"]],
      // The host has two addresses on v0.
      [["w0", "2001:db8:1::1"], ["v0", expect.stringMatching(/^2001:db8::[12]$/)], ["w0", "2001:db8:1::1"], ["w0", "2001:db8::1"]],
    ]);
    expect(result.zone).toMatchObject({ name: "InvalidAccessError" });
    expect(result.directed).toMatchObject({ name: "InvalidAccessError", message: expect.stringContaining("a broadcast address") });
  });

  namespaceTest("datagrams that the system refuses for the moment are kept with their options (R-udp-full)", async () => {
    const result = await inNamespace(`
      const receiver = new UDPSocket({ packetInfo: true, receiveBufferSize: 4 * 1024 * 1024 });
      const log = record(receiver, ["message"]);
      const socket = new UDPSocket({ sendBufferSize: 4096 });
      // Fills the socket's buffer with datagrams for a neighbour whose MAC address is not known.
      let sent = 0;
      const expected = [];
      while (socket.bufferedAmount < 20_000 || sent < 64) {
        socket.send(new Uint8Array(1000), NEIGHBOUR, 9);
        sent += 1;
        if (sent % 64 === 0) await turn();
      }
      for (let n = 0; n < 10; n++) {
        expected.push(["kept " + n, "127.0.0." + (2 + (n % 3)), 4 * n]);
        socket.send(expected[n][0], "127.0.0.1", receiver.localPort, { localAddress: expected[n][1], typeOfService: 4 * n });
      }
      await settle();
      const before = log.types.length;
      release();
      await log.atLeast(10);
      report({ before, expected, heard: log.entries.map(({ event }) => [Buffer.from(event.data).toString(), event.remoteAddress, event.typeOfService]) });
      process.exit(0);`, { setup: `${setups.link}\n${setups.silent}` });
    expect(result.before).toBe(0);
    expect(result.heard).toEqual(result.expected);
  });
});
