"use strict";

// Large readExactly() calls: the bytes are read straight into the memory of the result, which grows as they come (R-reader).

const { families } = require("../helpers/families");
const { deadline, eventually, once, pattern, runJSON, sha256 } = require("../helpers");

jest.setTimeout(60_000);

const MIB = 1024 * 1024;
const read = (promise) => deadline(promise, "the read", 20_000);

describe.each(families)("$name:", ({ pair }) => {
  test("large reads one after the other, between small ones, get exactly their bytes (R-reader)", async () => {
    const { socket, peer } = await pair();
    const { reader } = socket;
    const bytes = pattern(12 * MIB);
    peer.end(bytes);
    let at = 0;
    for (const length of [1, 3 * MIB, 64 * 1024, 5, MIB, MIB, 100_000, 7 * 1024, 2 * MIB + 1]) {
      const result = await read(reader.readExactly(length));
      expect([result.length, result.buffer.byteLength]).toEqual([length, length]);
      expect(Buffer.compare(result, bytes.subarray(at, at + length))).toBe(0);
      at += length;
      expect(socket.bytesRead).toBe(at);
    }
    const rest = [];
    for (let chunk = await read(reader.read()); chunk !== null; chunk = await read(reader.read())) {
      rest.push(chunk);
    }
    expect(sha256(rest)).toBe(sha256(bytes.subarray(at)));
  });

  test("a large read that is given up leaves its bytes, and holds the peer back (R-reader)", async () => {
    const { socket, peer } = await pair();
    const { reader } = socket;
    const bytes = pattern(4 * MIB);
    peer.write(bytes.subarray(0, 3 * MIB));
    const controller = new AbortController();
    const large = reader.readExactly(4 * MIB, { signal: controller.signal }).catch(({ name }) => name);
    await eventually(() => reader.buffered === 3 * MIB, "3 MiB");
    controller.abort();
    expect(await large).toBe("AbortError");
    expect(reader.buffered).toBeLessThanOrEqual(64 * 1024);
    peer.end(bytes.subarray(3 * MIB));
    expect(sha256(await read(reader.readExactly(4 * MIB)))).toBe(sha256(bytes));
  });

  test("the peer's end in the middle of it leaves the bytes (R-reader)", async () => {
    const { socket, peer } = await pair();
    const { reader } = socket;
    const bytes = pattern(700_000);
    const large = reader.readExactly(MIB).catch(({ code }) => code);
    peer.end(bytes);
    expect(await read(large)).toBe("ERR_UNEXPECTED_END");
    expect(reader.buffered).toBe(bytes.length);
    expect(sha256(await read(reader.readExactly(bytes.length)))).toBe(sha256(bytes));
    expect(await read(reader.read())).toBe(null);
  });

  test("startTls() and `message` get what release() gives back behind a large read (R-reader)", async () => {
    const { socket, peer } = await pair();
    const { reader } = socket;
    const bytes = pattern(MIB);
    peer.write(bytes);
    expect((await read(reader.readExactly(MIB - 10))).length).toBe(MIB - 10);
    reader.release();
    const { data } = await once(socket, "message");
    expect(Buffer.compare(new Uint8Array(data), bytes.subarray(MIB - 10))).toBe(0);
  });
});

test("a hostile length takes no more memory than a few times the bytes that have come (R-reader)", async () => {
  const { grown } = await runJSON(`
    (async () => {
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      const accepted = new Promise((resolve) => { server.onconnect = ({ connectedSocket }) => resolve(connectedSocket); });
      const socket = new TCPSocket("127.0.0.1", server.localPort);
      const peer = await accepted;
      const before = process.memoryUsage();
      socket.reader.readExactly(2 ** 32 - 1).catch(() => {});
      peer.send(new Uint8Array(1 << 20));
      while (socket.reader.buffered < 1 << 20) await new Promise((resolve) => setTimeout(resolve, 1));
      const after = process.memoryUsage();
      report({ grown: after.arrayBuffers - before.arrayBuffers });
      process.exit(0);
    })();`);
  expect(grown).toBeLessThan(8 * MIB);
});
