"use strict";

const { udp, datagrams, record, once, sha256, hasIPv6 } = require("../helpers");
const { fence } = require("../helpers/udp");
const { randomChunks } = require("../helpers/exchange");

const ipv6Test = hasIPv6 ? test : test.skip;

/** Our address, theirs, and what each sees of the other. */
const routes = [
  ["IPv4", { localAddress: "127.0.0.1" }, "udp4", "127.0.0.1"],
  ["IPv6", { localAddress: "::1" }, "udp6", "::1"],
  ["dual-stack to IPv4", { localAddress: "::" }, "udp4", "127.0.0.1"],
  ["dual-stack to IPv6", { localAddress: "::" }, "udp6", "::1"],
  ["the IPv4 wildcard", { localAddress: "0.0.0.0" }, "udp4", "127.0.0.1"],
].filter(([, { localAddress }]) => hasIPv6 || !localAddress.includes(":"));

describe("UDP with node:dgram: random sizes, by checksum", () => {
  test.each(routes)("%s: 200 datagrams of up to 65,507 bytes, from us to them", async (_, options, type, address) => {
    const peer = await datagrams({ type });
    const socket = udp({ ...options, remoteAddress: address, remotePort: peer.port });
    for (const chunk of randomChunks(20, 200, 65508)) {
      socket.send(chunk);
      const { data, rinfo } = await peer.next();
      expect(sha256(data)).toBe(sha256(chunk));
      expect(rinfo).toMatchObject({ address, port: socket.localPort, size: chunk.length });
    }
  });

  test.each(routes)("%s: 200 datagrams of up to 65,507 bytes, from them to us", async (_, options, type, address) => {
    const peer = await datagrams({ type });
    const socket = udp(options);
    for (const chunk of randomChunks(21, 200, 65508)) {
      const message = once(socket, "message");
      await peer.send(chunk, socket.localPort, address);
      const event = await message;
      expect(sha256(event.data)).toBe(sha256(chunk));
      expect([event.remoteAddress, event.remotePort]).toEqual([address, peer.port]);
    }
  });

  test("bursts of 50 both ways at once, each in order", async () => {
    const peer = await datagrams();
    const socket = udp({ remoteAddress: peer.host, remotePort: peer.port });
    const log = record(socket, ["message"]);
    for (let round = 0; round < 10; round++) {
      const ours = randomChunks(30 + round, 50, 1500);
      const theirs = randomChunks(50 + round, 50, 1500);
      ours.forEach((chunk) => socket.send(chunk));
      await Promise.all(theirs.map((chunk) => peer.send(chunk, socket.localPort)));
      for (const chunk of ours) {
        expect(sha256((await peer.next()).data)).toBe(sha256(chunk));
      }
      await log.atLeast(50 * (round + 1));
      expect(log.entries.slice(50 * round).map(({ event }) => sha256(event.data))).toEqual(theirs.map((chunk) => sha256(chunk)));
    }
  });

  test("our socket with 20 node:dgram peers: each gets its own, and we tell them apart", async () => {
    const peers = await Promise.all(Array.from({ length: 20 }, (_, i) => datagrams({ host: `127.0.0.${1 + (i % 5)}` })));
    const socket = udp();
    const log = record(socket, ["message"]);
    for (const [i, peer] of peers.entries()) {
      socket.send(`for ${i}`, peer.host, peer.port);
    }
    for (const [i, peer] of peers.entries()) {
      const { data, rinfo } = await peer.next();
      expect(data.toString()).toBe(`for ${i}`);
      await peer.send(`from ${i}`, rinfo.port, rinfo.address);
    }
    await log.atLeast(20);
    for (const { event } of log.entries) {
      const i = Number(Buffer.from(event.data).toString().slice(5));
      expect([event.remoteAddress, event.remotePort]).toEqual([peers[i].host, peers[i].port]);
    }
  });

  test("equal sizes to one destination, which the system may send as one (GSO), arrive as single datagrams", async () => {
    const peer = await datagrams({ recvBufferSize: 4 << 20 });
    const socket = udp({ remoteAddress: peer.host, remotePort: peer.port });
    for (const size of [1, 100, 1200, 1472]) {
      const sent = randomChunks(70, 60, 2).map((_, i) => Buffer.alloc(size, i));
      // A shorter last one ends such a run.
      sent.push(Buffer.alloc(Math.ceil(size / 2), 255));
      sent.forEach((data) => socket.send(data));
      for (const data of sent) {
        expect(Buffer.compare((await peer.next()).data, data)).toBe(0);
      }
    }
    await fence();
    expect(peer.waiting).toBe(0);
  });

  test("datagrams from node:dgram with empty ones among them keep their order", async () => {
    const peer = await datagrams();
    const socket = udp();
    const log = record(socket, ["message"]);
    const sizes = [0, 1, 0, 0, 1000, 0, 3];
    for (const size of sizes) {
      await peer.send(Buffer.alloc(size, 1), socket.localPort);
    }
    await log.atLeast(sizes.length);
    expect(log.entries.map(({ event }) => event.data.byteLength)).toEqual(sizes);
  });

  ipv6Test("an ipv6Only socket shares its port with a node:dgram IPv4 socket, each with its own family", async () => {
    const socket = udp({ localAddress: "::", ipv6Only: true });
    const four = await datagrams({ host: "0.0.0.0", port: socket.localPort });
    const log = record(socket, ["message"]);
    const [askFour, askSix] = [await datagrams(), await datagrams({ type: "udp6" })];
    await askFour.send("four", socket.localPort, "127.0.0.1");
    await askSix.send("six", socket.localPort, "::1");
    expect((await four.next()).data.toString()).toBe("four");
    await log.atLeast(1);
    await fence();
    expect(log.entries.map(({ event }) => Buffer.from(event.data).toString())).toEqual(["six"]);
  });
});
