"use strict";

// The data path over TLS does what the plain one does: order, completeness, back-pressure, suspend, drain, limits.

const { collect, deadline, eventually, expendable, once, pattern, record, settle, sha256, turn } = require("../helpers");
const { unreadableBlob } = require("../helpers/blobs");
const { exchange, randomChunks } = require("../helpers/exchange");
const { authority } = require("../helpers/certificates");
const { opened, secureAccepted, secureBoth, secureClient, securePair } = require("../helpers/tls");

const { ca, server: identity } = authority();
const own = { cert: identity.cert, key: identity.key };
const trust = { ca: ca.cert };
const versions = ["TLSv1.2", "TLSv1.3"];
const MEGABYTE = 1_000_000;

const client = (how = {}) => securePair({ identity, secureTransport: trust, ...how });
const accepted = (how = {}) => secureAccepted({ secureTransport: own, ...how });

/** A pair of ours, by name, each with a node:tls peer. */
const sides = [["a client", client], ["an accepted socket", accepted]];

describe("R-tcp-order, R-tcp-send over TLS: completeness and order", () => {
  test.each(versions)("random sizes and shapes both ways at once, our client, by checksum (%s)", async (version) => {
    const { socket, peer } = await client({ peer: { minVersion: version, maxVersion: version, allowHalfOpen: true } });
    await exchange(socket, peer, 21, { count: 100 });
  });

  test.each(versions)("the same, an accepted socket (%s)", async (version) => {
    const { socket, peer } = await accepted({ peer: { minVersion: version, maxVersion: version, allowHalfOpen: true } });
    await exchange(socket, peer, 22, { count: 100 });
  });

  test.each(sides)("%s: a megabyte in one send() arrives whole", async (_, pair) => {
    const { socket, peer } = await pair();
    const inbox = collect(peer);
    const bytes = pattern(MEGABYTE);
    expect(socket.send(bytes)).toBe(false);
    expect(socket.bufferedAmount).toBe(MEGABYTE);
    // R-copy: what is written into it afterwards is not sent.
    const sum = sha256(bytes);
    bytes.fill(0);
    await inbox.until(MEGABYTE);
    expect(inbox.sha256()).toBe(sum);
  });

  test.each(sides)("%s: a megabyte from the peer arrives whole", async (_, pair) => {
    const { socket, peer } = await pair();
    const inbox = collect(socket);
    peer.write(pattern(MEGABYTE));
    await inbox.until(MEGABYTE);
    expect([inbox.length, inbox.sha256()]).toEqual([MEGABYTE, sha256(pattern(MEGABYTE))]);
  });

  test("strings, buffers, views and Blobs keep the order of their calls", async () => {
    const { socket, peer } = await client();
    const inbox = collect(peer);
    socket.send("1 text ");
    socket.send(new Blob(["2 blob "]));
    socket.send(Buffer.from("3 buffer "));
    socket.send(new Blob(["4 ", "large ".repeat(100_000)]));
    socket.send(new Uint8Array(Buffer.from("6 end")).buffer);
    const expected = `1 text 2 blob 3 buffer 4 ${"large ".repeat(100_000)}6 end`;
    await inbox.until(expected.length);
    expect(inbox.text()).toBe(expected);
  });

  test.each(sides)("%s: a Blob that cannot be read is a lost connection, though the peer is silent (R-tcp-order, R-tcp-lost)", async (_, pair) => {
    const { socket, peer } = await pair();
    const log = record(socket, ["error", "close"]);
    collect(socket);
    // A node:tls peer that is reset just when it reads the end of the handshake may take that for an ordinary end.
    const greeting = once(peer, "data");
    socket.send("hello");
    await greeting;
    const reset = once(peer, "error");
    const blob = await unreadableBlob(1000);
    expect(socket.send(blob)).toBe(true);
    const { event } = await log.until("error");
    expect(event.error.name).toBe("NetworkError");
    await log.until("close");
    expect(socket.readyState).toBe("closed");
    await deadline(reset, "the peer's error");
  });

  test("many small sends of one turn arrive in order, and in few records", async () => {
    const { socket, peer } = await client({ peer: { maxVersion: "TLSv1.2" } });
    const inbox = collect(peer);
    const lines = Array.from({ length: 2000 }, (_, i) => `${i};`);
    for (const line of lines) {
      socket.send(line);
    }
    await inbox.until(lines.join("").length);
    expect(inbox.text()).toBe(lines.join(""));
    // node:tls emits 'data' for each record it decrypts.
    expect(inbox.chunks.length).toBeLessThan(100);
  });

  test("one byte at a time from the peer, each in a record of its own", async () => {
    const { socket, peer } = await client();
    const inbox = collect(socket);
    for (let i = 0; i < 500; i++) {
      peer.write(Buffer.from([i & 255]));
    }
    await inbox.until(500);
    expect([...inbox.bytes()]).toEqual(Array.from({ length: 500 }, (_, i) => i & 255));
  });

  test("an empty payload returns true and sends nothing", async () => {
    const { socket, peer } = await client();
    const inbox = collect(peer);
    expect(socket.send("")).toBe(true);
    socket.send("x");
    await inbox.until(1);
    expect(inbox.text()).toBe("x");
  });

  test("received buffers are ArrayBuffers of exactly the bytes, each its own (R-data)", async () => {
    const { socket, peer } = await client();
    const seen = [];
    socket.onmessage = ({ data }) => seen.push(data);
    peer.write(pattern(300_000));
    await eventually(() => seen.reduce((sum, { byteLength }) => sum + byteLength, 0) === 300_000);
    expect(seen.every((data) => Object.prototype.toString.call(data) === "[object ArrayBuffer]" && data.byteLength > 0)).toBe(true);
    expect(new Set(seen).size).toBe(seen.length);
  });
});

describe("R-tcp-drain over TLS", () => {
  test.each(sides)("%s: drain fires once after a send() that returned false, when bufferedAmount is 0", async (_, pair) => {
    const { socket, peer } = await pair();
    const log = record(socket, ["drain", "error"]);
    const inbox = collect(peer);
    expect(socket.send(pattern(200_000))).toBe(false);
    expect(socket.bufferedAmount).toBe(200_000);
    const { bufferedAmount } = await log.until("drain");
    expect(bufferedAmount).toBe(0);
    await inbox.until(200_000);
    await settle();
    expect(log.types).toEqual(["drain"]);
  });

  test("never after sends that all returned true", async () => {
    const { socket, peer } = await client();
    const log = record(socket, ["drain"]);
    const inbox = collect(peer);
    expect([socket.send("a"), socket.send("b"), socket.send(pattern(60_000))]).toEqual([true, true, true]);
    await inbox.until(60_002);
    await eventually(() => socket.bufferedAmount === 0);
    await settle();
    expect(log.types).toEqual([]);
  });

  test("bufferedAmount counts payload, not records; it falls only in a later task", async () => {
    const { socket, peer } = await client();
    collect(peer);
    socket.send("12345");
    expect(socket.bufferedAmount).toBe(5);
    await Promise.resolve();
    expect(socket.bufferedAmount).toBe(5);
    await eventually(() => socket.bufferedAmount === 0);
  });

  test("a peer that does not read holds the sender back, and gets everything once it does", async () => {
    const { socket, peer } = await client();
    peer.pause();
    const log = record(socket, ["drain", "error"]);
    const total = 12 * MEGABYTE;
    expect(socket.send(pattern(total))).toBe(false);
    await settle(150);
    // What the system's buffers on both sides hold is gone; the rest waits here.
    expect(socket.bufferedAmount).toBeGreaterThan(0);
    expect(log.types).toEqual([]);
    const inbox = collect(peer);
    await log.until("drain", 15_000);
    await inbox.until(total, 15_000);
    expect(inbox.sha256()).toBe(sha256(pattern(total)));
  });

  test("drain still fires while halfclosed", async () => {
    const { socket, peer } = await client({ peer: { allowHalfOpen: true } });
    const inbox = collect(peer);
    const drain = once(socket, "drain");
    socket.send(pattern(500_000));
    socket.halfclose();
    await drain;
    expect(socket.readyState).toBe("halfclosed");
    await inbox.end();
    expect(inbox.length).toBe(500_000);
  });
});

describe("R-tcp-full over TLS", () => {
  test("a sender that ignores false is stopped: error ENOBUFS, close, and the connection is reset", async () => {
    const { socket, peer } = await client({ options: { maxBufferedAmount: 1000 } });
    peer.pause();
    const log = record(socket, ["error", "close"]);
    expect(socket.send(pattern(8 * MEGABYTE))).toBe(false);
    const { bufferedAmount } = socket;
    expect(socket.send("one more")).toBe(false);
    expect([socket.readyState, socket.bufferedAmount]).toEqual(["closed", bufferedAmount]);
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error.code).toBe("ENOBUFS");
  });
});

describe("R-tcp-suspend, R-listen over TLS", () => {
  test("after suspend() no message fires until resume(); then all comes, in order", async () => {
    const { socket, peer } = await client();
    const inbox = collect(socket);
    socket.suspend();
    socket.suspend();
    peer.write(pattern(300_000));
    await settle();
    expect(inbox.length).toBe(0);
    socket.resume();
    await inbox.until(300_000);
    expect(inbox.sha256()).toBe(sha256(pattern(300_000)));
  });

  test("suspend() in a message handler stops at once", async () => {
    const { socket, peer } = await client();
    let messages = 0;
    const chunks = [];
    socket.onmessage = ({ data }) => {
      messages += 1;
      chunks.push(data);
      socket.suspend();
    };
    peer.write(pattern(MEGABYTE));
    await eventually(() => messages === 1);
    await settle();
    expect(messages).toBe(1);
    const received = () => chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
    while (received() < MEGABYTE) {
      const before = messages;
      socket.resume();
      await eventually(() => messages > before);
      expect(messages).toBe(before + 1);
    }
    expect(sha256(chunks)).toBe(sha256(pattern(MEGABYTE)));
  });

  test("with nobody listening the peer is held back, and memory stays bounded", async () => {
    const { socket, peer } = await client();
    const total = 32 * MEGABYTE;
    let written = 0;
    const piece = Buffer.alloc(MEGABYTE, "x");
    const { arrayBuffers: before } = process.memoryUsage();
    // The system's own buffers grow while they are filled.
    do {
      while (written < total && peer.writableLength < 2 * MEGABYTE) {
        peer.write(piece);
        written += MEGABYTE;
        await turn();
      }
      await settle(150);
    } while (written < total && peer.writableLength === 0);
    // It is the peer that still has the most of it.
    expect(peer.writableLength).toBeGreaterThan(0);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * MEGABYTE);
    const inbox = collect(socket);
    await inbox.until(written, 15_000);
    expect(inbox.length).toBe(written);
  });

  test("await once(socket, 'message') in a loop loses nothing", async () => {
    const { socket, peer } = await client();
    const total = 400_000;
    peer.write(pattern(total));
    const chunks = [];
    for (let length = 0; length < total; ) {
      const { data } = await once(socket, "message");
      chunks.push(data);
      length += data.byteLength;
      await turn();
    }
    expect(sha256(chunks)).toBe(sha256(pattern(total)));
  });

  test("messages come in tasks of their own: microtasks run between two (R-task)", async () => {
    const { socket, peer } = await client();
    const order = [];
    socket.onmessage = () => {
      order.push("message");
      Promise.resolve().then(() => order.push("microtask"));
    };
    for (let i = 0; i < 20; i++) {
      peer.write("x".repeat(20_000));
    }
    await eventually(() => order.length >= 8);
    expect(order.filter((what, i) => i > 0 && what === order[i - 1])).toEqual([]);
  });
});

describe("R-tcp-message over TLS: both ends of this package", () => {
  test("32 connections echo at once, each its own", async () => {
    const { server, client: first, accepted: firstAccepted } = await secureBoth({ server: own, client: trust });
    const echo = (socket) => {
      socket.onmessage = ({ data }) => socket.send(data);
    };
    echo(firstAccepted);
    // Each client ends with a reset.
    expendable(firstAccepted);
    server.onconnect = ({ connectedSocket }) => echo(expendable(connectedSocket));
    const clients = [first, ...Array.from({ length: 31 }, () => secureClient(server.localPort, trust))];
    await Promise.all(clients.slice(1).map((socket) => opened(socket)));
    await Promise.all(
      clients.map(async (socket, i) => {
        const chunks = randomChunks(100 + i, 30, 20_000);
        const inbox = collect(socket);
        const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        chunks.forEach((chunk) => socket.send(chunk));
        await inbox.until(total, 15_000);
        expect(inbox.bytes().equals(Buffer.concat(chunks))).toBe(true);
        socket.reset();
      }),
    );
  });

  test("an echo of what is still coming does not deadlock: both directions full", async () => {
    const { client: socket, accepted: echoing } = await secureBoth({ server: own, client: trust });
    echoing.onmessage = ({ data }) => {
      if (!echoing.send(data)) {
        echoing.suspend();
      }
    };
    echoing.ondrain = () => echoing.resume();
    const total = 5 * MEGABYTE;
    const inbox = collect(socket);
    for (let offset = 0, bytes = pattern(total); offset < total; offset += 50_000) {
      if (!socket.send(bytes.subarray(offset, offset + 50_000))) {
        await deadline(once(socket, "drain", 15_000), "drain", 15_000);
      }
    }
    await inbox.until(total, 15_000);
    expect(inbox.sha256()).toBe(sha256(pattern(total)));
  });
});
