"use strict";

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { openAsBlob } = fs;
const { File } = require("node:buffer");
const {
  families,
  tcpPair,
  expendable,
  once,
  record,
  collect,
  pattern,
  sha256,
  settle,
  sleep,
  eventually,
  expectIsDOMException,
} = require("../helpers");
const { unreadableBlob } = require("../helpers/blobs");

const MIB = 1024 * 1024;

let folder;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "tcp-blob-"));
});

afterAll(() => {
  fs.rmSync(folder, { recursive: true });
});

test.each(families)("$name: a Blob is sent as its bytes (draft send(), §0)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  expect(socket.send(new Blob(["gr\u00fc\u00df", new Uint8Array([1, 2])]))).toBe(true);
  expect(socket.bufferedAmount).toBe(8);
  await inbox.until(8);
  await settle();
  expect([...inbox.bytes()]).toEqual([...Buffer.from("gr\u00fc\u00df"), 1, 2]);
  expect(socket.bufferedAmount).toBe(0);
});

test.each(families)("$name: a File and a slice of a Blob are Blobs (R-types)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  socket.send(new File(["file"], "name.txt"));
  socket.send(new Blob(["0123456789"]).slice(3, 7));
  expect(socket.bufferedAmount).toBe(8);
  await inbox.until(8);
  expect(inbox.text()).toBe("file3456");
});

test.each(families)("$name: bufferedAmount rises by a Blob's size at once, however large (draft send(), R-tcp-send)", async ({ pair }) => {
  const { socket } = await pair();
  const blob = new Blob([new Uint8Array(3 * MIB)]);
  expect(socket.send(blob)).toBe(false);
  expect(socket.bufferedAmount).toBe(3 * MIB);
});

test.each(families)("$name: bufferedAmount stays at 2^32 - 1 where more is buffered, and does not wrap (R-tcp-send)", async ({ pair }) => {
  const { socket, peer } = await pair();
  peer.pause();
  // Ten times one and the same 512 MiB, of which 16 MiB are real.
  const part = new Blob([new Uint8Array(16 * MIB)]);
  const blob = new Blob(new Array(32).fill(part));
  for (let i = 0; i < 10; i++) {
    expect(socket.send(blob)).toBe(false);
    expect(socket.bufferedAmount).toBe(Math.min((i + 1) * blob.size, 2 ** 32 - 1));
  }
  expect(socket.send("one more")).toBe(false);
  expect(socket.bufferedAmount).toBe(2 ** 32 - 1);
  socket.reset();
  expect(socket.bufferedAmount).toBe(2 ** 32 - 1);
});

test.each(families)("$name: strings and Blobs arrive in the order of the send() calls (R-tcp-order)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  let expected = "";
  for (let i = 0; i < 200; i++) {
    const word = `<${i}>`;
    expected += word;
    socket.send(i % 3 === 0 ? new Blob([word]) : word);
  }
  await inbox.until(expected.length);
  expect(inbox.text()).toBe(expected);
});

test.each(families)("$name: what is sent behind a Blob in a later turn still comes behind it (R-tcp-order)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const bytes = pattern(5 * MIB);
  socket.send("before");
  socket.send(new Blob([bytes]));
  await sleep(1);
  socket.send("after");
  await inbox.until(6 + bytes.length + 5);
  expect(inbox.sha256()).toBe(sha256(Buffer.from("before"), bytes, Buffer.from("after")));
});

test.each([1, 65_535, 65_536, 65_537, 256 * 1024, 256 * 1024 + 1, 20 * MIB + 3])(
  "a Blob of %i bytes arrives whole, piece by piece (R-tcp-order)",
  async (size) => {
    const { socket, peer } = await tcpPair();
    const inbox = collect(peer);
    const bytes = pattern(size);
    socket.send(new Blob([bytes]));
    await inbox.until(size, 20_000);
    expect(inbox.length).toBe(size);
    expect(inbox.sha256()).toBe(sha256(bytes));
  },
);

test.each(families)("$name: a Blob on a file is sent (R-tcp-order)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const bytes = pattern(2 * MIB);
  const file = path.join(folder, "body");
  fs.writeFileSync(file, bytes);
  socket.send(await openAsBlob(file));
  await inbox.until(bytes.length);
  expect(inbox.sha256()).toBe(sha256(bytes));
});

test.each(families)("$name: the same Blob can be sent several times at once (R-tcp-order)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const blob = new Blob(["abc"]);
  for (let i = 0; i < 50; i++) {
    socket.send(blob);
  }
  await inbox.until(150);
  expect(inbox.text()).toBe("abc".repeat(50));
});

test.each(families)("$name: a Blob is flushed before halfclose()'s FIN (R-tcp-halfclose)", async ({ pair }) => {
  const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
  const inbox = collect(peer);
  const bytes = pattern(3 * MIB);
  socket.send(new Blob([bytes]));
  socket.halfclose();
  await inbox.end();
  expect(inbox.sha256()).toBe(sha256(bytes));
});

test.each(families)("$name: a Blob is flushed before close()'s FIN (R-tcp-close)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const bytes = pattern(3 * MIB);
  socket.send(new Blob([bytes]));
  socket.send("end");
  socket.close();
  expect(socket.readyState).toBe("closing");
  await inbox.end();
  expect(inbox.sha256()).toBe(sha256(bytes, Buffer.from("end")));
  if (socket.readyState !== "closed") {
    await once(socket, "close");
  }
});

test.each(families)("$name: a Blob over the high-water mark is followed by drain when its last byte is out (R-tcp-drain)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const log = record(socket, ["drain"]);
  expect(socket.send(new Blob([pattern(2 * MIB)]))).toBe(false);
  const { bufferedAmount } = await log.until("drain");
  expect(bufferedAmount).toBe(0);
  await inbox.until(2 * MIB);
  await settle();
  expect(log.types).toEqual(["drain"]);
});

test.each(families)("$name: a Blob that cannot be read is a lost connection: closed, error (EIO), close (R-tcp-order, R-error)", async ({ pair, addressOf }) => {
  const { socket, peer, server } = await pair();
  const ended = once(peer.resume(), "close");
  const log = record(socket, ["error", "close", "drain"]);
  const blob = await unreadableBlob(1000);
  socket.send(blob);
  expect(socket.bufferedAmount).toBe(1000);
  const { event, readyState } = await log.until("error");
  expect(readyState).toBe("closed");
  expectIsDOMException(event.error, "NetworkError", "EIO");
  const { address, port } = event.error;
  expect({ address, port }).toEqual(addressOf(server));
  await log.until("close");
  await ended;
  await settle();
  expect(log.types).toEqual(["error", "close"]);
  expect(socket.bufferedAmount).toBe(1000);
});

test.each(families)("$name: what was sent before a Blob that cannot be read is not followed by what was sent behind it (R-tcp-order)", async ({ pair }) => {
  const { socket, peer } = await pair();
  expendable(socket);
  const inbox = collect(peer);
  const blob = await unreadableBlob(1000);
  socket.send(blob);
  socket.send("behind");
  await once(socket, "close");
  await once(peer, "close");
  expect(inbox.text()).not.toContain("behind");
});

test("a loss while a Blob is being read is told once, and what is read later goes nowhere (R-tcp-lost)", async () => {
  const { socket, peer } = await tcpPair();
  peer.pause();
  const log = record(socket, ["error", "close", "drain"]);
  socket.send(new Blob([new Uint8Array(30 * MIB)]));
  await eventually(() => socket.bufferedAmount < 30 * MIB, "the first pieces to leave");
  peer.resetAndDestroy();
  await log.until("close");
  const { bufferedAmount } = socket;
  expect(bufferedAmount).toBeGreaterThan(0);
  await settle(100);
  expect(log.types).toEqual(["error", "close"]);
  expect(socket.bufferedAmount).toBe(bufferedAmount);
});

test.each(families)("$name: reset() while a Blob is being read drops it (R-reset)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const log = record(socket, ["error", "close", "drain"]);
  socket.send(new Blob([pattern(MIB)]));
  socket.reset();
  await log.until("close");
  await once(peer, "close");
  await settle();
  expect(log.types).toEqual(["close"]);
  expect(inbox.length).toBeLessThan(MIB);
  expect(socket.bufferedAmount).toBe(MIB);
});

test.each(families)("$name: a Blob whose size property lies is sent as its real bytes, and the next send follows (§0)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  for (const lie of [1, 1_000_000]) {
    socket.send(Object.defineProperty(new Blob(["abcdef"]), "size", { value: lie }));
    socket.send("|");
  }
  await inbox.until(14);
  await settle();
  expect(inbox.text()).toBe("abcdef|abcdef|");
  expect(socket.bufferedAmount).toBe(0);
});

test.each(families)("$name: a Blob's own methods are not called: patching them changes nothing (§0)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const blob = new Blob(["abcdef"]);
  for (const method of ["arrayBuffer", "slice", "stream", "text", "bytes"]) {
    Object.defineProperty(blob, method, {
      value() {
        throw new Error(`${method}() was called`);
      },
    });
  }
  socket.send(blob);
  socket.send("|");
  await inbox.until(7);
  expect(inbox.text()).toBe("abcdef|");
});
