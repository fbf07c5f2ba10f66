"use strict";

const { setTimeout } = require("node:timers");
const { TCPServerSocket, tcp, track, listen, dial, collect, once, keep, hasIPv6, settle, sha256 } = require("../helpers");
const { exchange, random, randomChunks } = require("../helpers/exchange");

const ipv6Test = hasIPv6 ? test : test.skip;

/** A TCPSocket connected to a node:net server on `host`. */
async function outgoing(host, options) {
  const server = await listen({ host, allowHalfOpen: true });
  const socket = tcp(host, server.port, options);
  const [peer] = await Promise.all([server.next(), once(socket, "open")]);
  return { socket, peer };
}

/** A TCPSocket that a server with these options accepted from a node:net client that dialled `host`. */
async function incoming(options, host) {
  const server = track(new TCPServerSocket(options));
  const connect = once(server, "connect");
  const peer = await dial(server.localPort, { host, allowHalfOpen: true });
  const { connectedSocket } = await connect;
  return { server, socket: track(connectedSocket), peer };
}

describe("TCP with node:net: random sizes both ways at once, by checksum", () => {
  test.each([1, 2, 3])("our client, their server, IPv4 (seed %d)", async (seed) => {
    const { socket, peer } = await outgoing("127.0.0.1");
    await exchange(socket, peer, seed);
  });

  test.each([4, 5, 6])("their client, our server, IPv4 (seed %d)", async (seed) => {
    const { socket, peer } = await incoming({ localAddress: "127.0.0.1" }, "127.0.0.1");
    await exchange(socket, peer, seed);
  });

  ipv6Test("our client, their server, IPv6", async () => {
    const { socket, peer } = await outgoing("::1");
    expect([socket.remoteAddress, socket.localAddress]).toEqual(["::1", "::1"]);
    await exchange(socket, peer, 7);
  });

  ipv6Test("their client, our server, IPv6", async () => {
    const { socket, peer } = await incoming({ localAddress: "::1" }, "::1");
    expect([socket.remoteAddress, socket.localAddress]).toEqual(["::1", "::1"]);
    await exchange(socket, peer, 8);
  });

  ipv6Test.each(["127.0.0.1", "::1"])("a client of %s at our server's default address, dual-stack", async (host) => {
    const { server, socket, peer } = await incoming({}, host);
    expect(server.localAddress).toBe("::");
    // R-address: an IPv4-mapped address is reported as IPv4.
    expect([socket.remoteAddress, socket.localAddress]).toEqual([host, host]);
    expect(socket.remotePort).toBe(String(peer.localPort));
    await exchange(socket, peer, 9, { count: 60 });
  });

  /** Both servers on one port. Its IPv4 half may be another test's: then the next one is tried. */
  async function onOnePort() {
    for (let tries = 1; ; tries++) {
      const server = track(new TCPServerSocket({ localAddress: "::", ipv6Only: true }));
      try {
        return { server, theirs: await listen({ host: "0.0.0.0", port: server.localPort }) };
      } catch (error) {
        server.close();
        if (error.code !== "EADDRINUSE" || tries === 10) throw error;
      }
    }
  }

  ipv6Test("an ipv6Only server leaves IPv4 to a node:net server on the same port", async () => {
    const { server, theirs } = await onOnePort();
    const connect = once(server, "connect");
    await Promise.all([dial(server.localPort, { host: "127.0.0.1" }), dial(server.localPort, { host: "::1" })]);
    expect(track((await connect).connectedSocket).remoteAddress).toBe("::1");
    expect((await theirs.next()).remoteAddress).toBe("127.0.0.1");
  });

  ipv6Test("our client reaches a dual-stack node:net server by an IPv4-mapped address", async () => {
    const server = await listen({ host: "::", allowHalfOpen: true });
    const socket = tcp("::ffff:127.0.0.1", server.port);
    const [peer] = await Promise.all([server.next(), once(socket, "open")]);
    expect([socket.remoteAddress, socket.localAddress]).toEqual(["127.0.0.1", "127.0.0.1"]);
    await exchange(socket, peer, 10, { count: 40 });
  });

  test("one byte at a time, 5,000 of them, each way", async () => {
    const { socket, peer } = await outgoing("127.0.0.1");
    peer.setNoDelay(true);
    await exchange(socket, peer, 11, { count: 5000, most: 2 });
  });

  test("few large pieces of up to 8 MiB, each way", async () => {
    const { socket, peer } = await outgoing("127.0.0.1");
    await exchange(socket, peer, 12, { count: 12, most: 8 << 20 });
  });

  test("20 connections at once, ten each way round, with different seeds", async () => {
    const pairs = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? outgoing("127.0.0.1") : incoming({ localAddress: "127.0.0.1" }, "127.0.0.1"))),
    );
    await Promise.all(pairs.map(({ socket, peer }, i) => exchange(socket, peer, 100 + i, { count: 30, most: 50_000 })));
  });
});

describe("TCP with node:net: flow control and ends", () => {
  test("our suspend() and resume() at random moments lose and reorder nothing", async () => {
    const { socket, peer } = await outgoing("127.0.0.1");
    const next = random(13);
    let suspended = false;
    let late = 0;
    socket.addEventListener("message", () => {
      late += suspended;
      if (next() < 0.3) {
        socket.suspend();
        suspended = true;
        setTimeout(() => {
          suspended = false;
          socket.resume();
        }, next() * 5);
      }
    });
    await exchange(socket, peer, 14, { count: 100, most: 100_000 });
    expect(late).toBe(0);
  });

  test("their pause() and resume() at random moments lose and reorder nothing", async () => {
    const { socket, peer } = await incoming({ localAddress: "127.0.0.1" }, "127.0.0.1");
    const next = random(15);
    peer.on("data", () => {
      if (next() < 0.2) {
        peer.pause();
        setTimeout(() => peer.resume(), next() * 5);
      }
    });
    await exchange(socket, peer, 16, { count: 200, most: 200_000 });
  });

  test("their pause() for good holds our sender back, their resume() lets it go on", async () => {
    const { socket, peer } = await outgoing("127.0.0.1");
    peer.pause();
    const block = Buffer.alloc(65536, 7);
    let sent = 0;
    while (socket.send(block)) {
      sent += block.length;
    }
    sent += block.length;
    for (let held = false; !held; ) {
      const drained = once(socket, "drain", 300).then(
        () => true,
        () => false,
      );
      held = !(await drained);
      while (!held && socket.send(block)) {
        sent += block.length;
      }
      sent += held ? 0 : block.length;
    }
    expect(sent).toBeLessThan(32 << 20);
    expect(socket.bufferedAmount).toBeGreaterThan(0);
    const drain = once(socket, "drain");
    const inbox = collect(peer);
    peer.resume();
    await drain;
    await inbox.until(sent, 10_000);
    expect(inbox.length).toBe(sent);
  });

  test("strings in both directions arrive as UTF-8 whatever the pieces", async () => {
    const { socket, peer } = await outgoing("127.0.0.1");
    const words = Array.from({ length: 500 }, (_, i) => `${i} é € 😀\n`);
    const inbox = collect(peer);
    const ours = collect(socket);
    for (const word of words) {
      socket.send(word);
      peer.write(word);
    }
    const length = Buffer.byteLength(words.join(""));
    await Promise.all([inbox.until(length), ours.until(length)]);
    expect(inbox.text()).toBe(words.join(""));
    expect(ours.text()).toBe(words.join(""));
  });

  test("their end() with everything before it: all arrives, then our close", async () => {
    const { socket, peer } = await incoming({ localAddress: "127.0.0.1" }, "127.0.0.1");
    const inbox = collect(socket);
    const closed = once(socket, "close");
    const body = Buffer.concat(randomChunks(18, 40, 100_000));
    peer.end(body);
    await closed;
    expect(inbox.sha256()).toBe(sha256(body));
    expect(socket.readyState).toBe("closed");
  });

  test("our close() with everything before it: all arrives, then their end and close, without an error", async () => {
    const { socket, peer } = await outgoing("127.0.0.1");
    const errors = [];
    peer.on("error", (error) => errors.push(error));
    const inbox = collect(peer);
    const body = Buffer.concat(randomChunks(19, 40, 100_000));
    socket.send(body);
    socket.close();
    await inbox.end();
    peer.end();
    await once(socket, "close");
    expect(inbox.sha256()).toBe(sha256(body));
    expect(errors).toEqual([]);
  });

  test("200 short connections one after the other, each way round", async () => {
    const theirs = await listen();
    const ours = track(new TCPServerSocket({ localAddress: "127.0.0.1" }));
    ours.onconnect = ({ connectedSocket }) => {
      connectedSocket.onmessage = ({ data }) => {
        connectedSocket.send(data);
        connectedSocket.close();
      };
    };
    for (let i = 0; i < 100; i++) {
      const client = tcp("127.0.0.1", theirs.port);
      const back = once(client, "message");
      const peer = keep(await theirs.next());
      peer.end(`hello ${i}`);
      expect(Buffer.from((await back).data).toString()).toBe(`hello ${i}`);
      const asker = await dial(ours.localPort);
      const inbox = collect(asker);
      asker.write(`echo ${i}`);
      await inbox.end();
      expect(inbox.text()).toBe(`echo ${i}`);
    }
    await settle();
    expect(ours.readyState).toBe("open");
  });
});
