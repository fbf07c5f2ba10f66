"use strict";

// BYOB reads of `readable`: the bytes go straight into the view that waits, in the order of everything else (R-streams).

const { authority } = require("../helpers/certificates");
const { families } = require("../helpers/families");
const { generator, sendInPieces } = require("../helpers/random");
const { bothOfEach } = require("../helpers/tls");
const { deadline, once, pattern, record, runJSON, settle, sha256, text, turn } = require("../helpers");

jest.setTimeout(60_000);

const { server: identity } = authority();

/** The lengths of the pieces that are sent. */
const SIZES = [1, 7, 100, 3000, 100_000, 1_000_000];

const read = (reader, ...args) => deadline(reader.read(...args), "a chunk");

describe.each(bothOfEach(identity))("%s:", (_name, connectBoth) => {
  test("one buffer, passed back and forth, gets all bytes up to the end (R-streams)", async () => {
    const { client, accepted } = await connectBoth();
    const bytes = pattern(6 * 1024 * 1024);
    client.send(bytes);
    client.halfclose();
    const reader = accepted.readable.getReader({ mode: "byob" });
    const parts = [];
    let buffer = new ArrayBuffer(200_000);
    for (;;) {
      const { value, done } = await read(reader, new Uint8Array(buffer, 100, 190_000));
      ({ buffer } = value);
      expect([buffer.byteLength, value.byteOffset]).toEqual([200_000, 100]);
      if (done) {
        expect(value.byteLength).toBe(0);
        break;
      }
      parts.push(value.slice());
    }
    expect(sha256(parts)).toBe(sha256(bytes));
    expect(accepted.bytesRead).toBe(bytes.length);
    accepted.close();
  });

  test("bytes outside of the view stay as they are (R-streams)", async () => {
    const { client, accepted } = await connectBoth();
    const reader = accepted.readable.getReader({ mode: "byob" });
    const reading = reader.read(new Uint8Array(new Uint8Array(16).fill(1).buffer, 4, 8));
    client.send("abcdefghij");
    const { value } = await deadline(reading, "bytes");
    expect(text(value)).toBe("abcdefgh");
    expect([...new Uint8Array(value.buffer)].filter((byte) => byte === 1)).toHaveLength(8);
    expect(text((await read(reader, new Uint8Array(8))).value)).toBe("ij");
    client.close();
    accepted.close();
  });

  test.each(Array.from({ length: 12 }, (_, i) => i + 1))("random reads with and without views, seed %i (R-streams)", async (seed) => {
    const random = generator(seed * 7919);
    const bytes = pattern(200_000 + random(4_000_000));
    const { client, accepted } = await connectBoth();
    const sent = sendInPieces(client, bytes, generator(seed), SIZES);
    const { readable } = accepted;
    let at = 0;
    for (let isOver = false; !isOver;) {
      const isByob = random(3) > 0;
      const reader = isByob ? readable.getReader({ mode: "byob" }) : readable.getReader();
      for (let i = random(30); i >= 0 && !isOver; i--) {
        const size = 2 * (1 + [random(4), random(3000), random(200_000), random(600_000)][random(4)]);
        const { value, done } = await (isByob ? read(reader, new Uint8Array(size)) : read(reader));
        isOver = done;
        if (!done) {
          expect(Buffer.compare(bytes.subarray(at, at + value.length), value)).toBe(0);
          at += value.length;
        }
        switch (random(12)) {
          case 0:
            await turn();
            break;
          case 1: {
            accepted.suspend();
            const next = isOver ? undefined : isByob ? reader.read(new Uint8Array(size)) : reader.read();
            await turn();
            accepted.resume();
            const last = await deadline(next ?? Promise.resolve({ done: true }), "a chunk");
            isOver = last.done;
            if (!last.done) {
              expect(Buffer.compare(bytes.subarray(at, at + last.value.length), last.value)).toBe(0);
              at += last.value.length;
            }
            break;
          }
          default:
        }
      }
      reader.releaseLock();
    }
    expect(at).toBe(bytes.length);
    expect(accepted.bytesRead).toBe(bytes.length);
    await sent;
    accepted.close();
  });
});

describe.each(families)("$name:", ({ pair, losable }) => {
  test("without a read the bytes stay in the system, and the end behind them waits; then all of it comes (R-streams, R-tcp-message)", async () => {
    const { socket, peer } = await pair();
    const log = record(socket, ["halfclose"]);
    const reader = socket.readable.getReader({ mode: "byob" });
    const first = reader.read(new Uint8Array(8));
    peer.write("first");
    expect(text((await deadline(first, "bytes")).value)).toBe("first");
    peer.end("second");
    await settle();
    expect([log.types, socket.bytesRead]).toEqual([[], 5]);
    expect(text((await read(reader, new Uint8Array(8))).value)).toBe("second");
    await log.until("halfclose");
    expect((await read(reader, new Uint8Array(8))).done).toBe(true);
  });

  test("suspend() holds a view that waits (R-streams, R-tcp-suspend)", async () => {
    const { socket, peer } = await pair();
    const reader = socket.readable.getReader({ mode: "byob" });
    let result;
    const reading = reader.read(new Uint8Array(8)).then((value) => {
      result = value;
    });
    await settle(5);
    socket.suspend();
    peer.end("later");
    await settle();
    expect([result, socket.readyState]).toEqual([undefined, "open"]);
    socket.resume();
    await deadline(reading, "bytes");
    expect(text(result.value)).toBe("later");
  });

  test("tee() gives both branches all bytes, also by views (R-streams)", async () => {
    const { socket, peer } = await pair();
    const bytes = pattern(700_000);
    peer.end(bytes);
    const branches = socket.readable.tee().map(async (branch, index) => {
      const reader = branch.getReader(index === 0 ? { mode: "byob" } : undefined);
      const parts = [];
      for (;;) {
        const { value, done } = await read(reader, ...(index === 0 ? [new Uint8Array(100_000)] : []));
        if (done) return sha256(parts);
        parts.push(value);
      }
    });
    expect(await Promise.all(branches)).toEqual([sha256(bytes), sha256(bytes)]);
  });

  test("a view whose reader has released its lock does not swallow bytes (R-streams)", async () => {
    const { socket, peer } = await pair();
    const { readable } = socket;
    const byob = readable.getReader({ mode: "byob" });
    const reading = byob.read(new Uint8Array(4)).catch(({ name }) => name);
    await settle(5);
    byob.releaseLock();
    expect(await reading).toBe("TypeError");
    const reader = readable.getReader();
    const bytes = Buffer.from("all of it");
    peer.end(bytes);
    const parts = [];
    for (let chunk = await read(reader); !chunk.done; chunk = await read(reader)) {
      parts.push(chunk.value);
    }
    expect(text(Buffer.concat(parts))).toBe("all of it");
  });

  test("a loss comes behind the bytes before it, and rejects a view that waits (R-streams, R-tcp-lost)", async () => {
    const { socket, say, lose } = await losable();
    const { opened: isOpen, readable } = socket;
    await isOpen;
    const reader = readable.getReader({ mode: "byob" });
    await say("before");
    const error = once(socket, "error");
    const first = await read(reader, new Uint8Array(8));
    expect(text(first.value)).toBe("before");
    const waiting = reader.read(new Uint8Array(8)).catch((reason) => reason);
    lose();
    expect(await deadline(waiting, "a rejection")).toBe((await error).error);
  });

  test("cancel() while a view waits drops what comes, and leaves sending alone (R-streams)", async () => {
    const { socket, peer } = await pair();
    const reader = socket.readable.getReader({ mode: "byob" });
    const waiting = reader.read(new Uint8Array(8));
    await settle(5);
    await reader.cancel("enough");
    expect((await deadline(waiting, "the end")).done).toBe(true);
    peer.write(pattern(100_000));
    await settle();
    socket.send("fine");
    expect(text(await once(peer, "data"))).toBe("fine");
  });

  test("startTls() gets the bytes that wait in the system, and fails: they came before the handshake (R-streams, R-tls-start)", async () => {
    const { socket, peer } = await pair({ options: { secureTransport: "starttls" } });
    const reader = socket.readable.getReader({ mode: "byob" });
    const first = reader.read(new Uint8Array(64));
    peer.write("220 go ahead\r\n");
    expect(text((await deadline(first, "bytes")).value)).toBe("220 go ahead\r\n");
    peer.write("250 slipped in\r\n");
    await settle();
    const reason = await deadline(socket.startTls({ rejectUnauthorized: false }).catch((error) => error), "a rejection");
    expect(reason.code).toMatch(/^ERR_TLS_/);
  });
});

test("a timer fires while eight connections are read without a pause (R-streams)", async () => {
  const { late, bytes } = await runJSON(`
    (async () => {
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      const chunk = new Uint8Array(1 << 20);
      server.onconnect = ({ connectedSocket: socket }) => {
        const pump = () => { while (socket.readyState === "open" && socket.send(chunk)); };
        socket.ondrain = pump;
        pump();
      };
      let bytes = 0;
      for (let i = 0; i < 8; i++) {
        const socket = new TCPSocket("127.0.0.1", server.localPort);
        (async () => {
          const reader = socket.readable.getReader({ mode: "byob" });
          for (let buffer = new ArrayBuffer(1 << 18); ;) {
            const { value } = await reader.read(new Uint8Array(buffer));
            bytes += value.byteLength;
            ({ buffer } = value);
          }
        })();
      }
      const ticks = [];
      for (let last = performance.now(); bytes < 256 << 20;) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        ticks.push(performance.now() - last);
        last = performance.now();
      }
      ticks.sort((a, b) => a - b);
      report({ late: ticks[ticks.length >> 1], bytes });
      process.exit(0);
    })();`, { timeout: 50_000 });
  expect(bytes).toBeGreaterThan(0);
  // The sender is in the same thread. A stream that read without end would never let a timer fire.
  expect(late).toBeLessThan(1000);
});
