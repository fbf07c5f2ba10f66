"use strict";

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { udp, datagrams, record, foreign, pattern, sha256, eventually, expectDOMException, expectIsDOMException } = require("../helpers");
const { udpTo, texts, isFree, recordAll, fence } = require("../helpers/udp");

/** A Blob whose bytes cannot be read: a file that changed since. */
async function unreadableBlob() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "udp-blob-"));
  const file = path.join(folder, "data");
  fs.writeFileSync(file, "as it was");
  const blob = await fs.openAsBlob(file);
  fs.rmSync(folder, { recursive: true });
  return blob;
}

const unreadableTest = typeof fs.openAsBlob === "function" ? test : test.skip;

describe("UDPSocket.send() with a Blob (draft, send steps 2 and 6; R-types)", () => {
  test.each([
    ["of one string", () => new Blob(["hello"]), "hello"],
    ["of many parts", () => new Blob(["a", new Uint8Array([98]), new Blob(["c"]), "é"]), "abcé"],
    ["that is a slice", () => new Blob(["0123456789"]).slice(3, 6), "345"],
    ["made by node:buffer", () => new (require("node:buffer").Blob)(["node"]), "node"],
  ])("a Blob %s is sent as one datagram with its bytes", async (_, make, expected) => {
    const peer = await datagrams();
    expect(udpTo(peer).send(make())).toBe(true);
    expect(await texts(peer, 1)).toEqual([expected]);
  });

  test("a Blob of the greatest length goes out whole", async () => {
    const peer = await datagrams();
    const bytes = pattern(65507);
    udpTo(peer).send(new Blob([bytes.subarray(0, 30000), bytes.subarray(30000)]));
    const { data } = await peer.next();
    expect(data.length).toBe(65507);
    expect(sha256(data)).toBe(sha256(bytes));
  });

  test("a Blob keeps its place among the sends around it", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const expected = [];
    for (let i = 0; i < 12; i++) {
      const data = `${i % 3 === 1 ? "blob" : "string"} ${i}`;
      expected.push(data);
      socket.send(i % 3 === 1 ? new Blob([data]) : data);
    }
    expect(await texts(peer, 12)).toEqual(expected);
  });

  test("each Blob goes to the destination that its call named", async () => {
    const [first, second] = [await datagrams(), await datagrams()];
    const socket = udp();
    socket.send(new Blob(["one"]), first.host, first.port);
    socket.send(new Blob(["two"]), second.host, second.port);
    expect(await texts(first, 1)).toEqual(["one"]);
    expect(await texts(second, 1)).toEqual(["two"]);
  });

  test("bufferedAmount counts it at once and until it is out", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 1 });
    const log = record(socket, ["drain"]);
    expect(socket.send(new Blob(["12345"]))).toBe(false);
    expect(socket.bufferedAmount).toBe(5);
    const { bufferedAmount } = await log.until("drain");
    expect(bufferedAmount).toBe(0);
    expect(await texts(peer, 1)).toEqual(["12345"]);
  });

  test("close() right after send() still sends it, then frees the port (R-udp-close)", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const port = socket.localPort;
    socket.send(new Blob(["before close"]));
    socket.send("string behind it");
    socket.close();
    expect(socket.readyState).toBe("closed");
    expect(await texts(peer, 2)).toEqual(["before close", "string behind it"]);
    await eventually(() => isFree(port), "the port to be free");
  });

  unreadableTest("a Blob that cannot be read fires error with code EIO and leaves the socket open (R-udp-neterr)", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const log = recordAll(socket);
    socket.send("before");
    socket.send(await unreadableBlob());
    socket.send("behind");
    const { event, readyState } = await log.until("error");
    expectIsDOMException(event.error, "NetworkError", "EIO");
    expect(event.error).toMatchObject({ address: "127.0.0.1", port: socket.remotePort });
    expect(readyState).toBe("open");
    expect(await texts(peer, 2)).toEqual(["before", "behind"]);
    await fence();
    expect(log.types).toEqual(["error"]);
    socket.send("and on");
    expect(await texts(peer, 1)).toEqual(["and on"]);
  });

  unreadableTest("a Blob that cannot be read no longer counts in bufferedAmount", async () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: udp().localPort, highWaterMark: 0 });
    const log = recordAll(socket);
    expect(socket.send(await unreadableBlob())).toBe(false);
    expect(socket.bufferedAmount).toBe(9);
    await log.until("error");
    await log.until("drain");
    expect(socket.bufferedAmount).toBe(0);
  });

  unreadableTest("after close() a Blob that cannot be read fires nothing (R-udp-close)", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const log = recordAll(socket);
    socket.send(await unreadableBlob());
    socket.send("behind");
    socket.close();
    expect(await texts(peer, 1)).toEqual(["behind"]);
    await fence();
    expect(log.types).toEqual([]);
  });

  test.each([
    ["an object with a Blob's members", { size: 1, type: "", arrayBuffer: async () => new ArrayBuffer(1) }],
    ["an object that calls itself Blob", { [Symbol.toStringTag]: "Blob", size: 1, stream() {}, arrayBuffer() {} }],
    ["a foreign class named Blob", foreign("new (class Blob { get size() { return 1; } })()")],
  ])("%s is no Blob: InvalidAccessError", (_, data) => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: 9 });
    expectDOMException(() => socket.send(data), "InvalidAccessError");
    expect(socket.bufferedAmount).toBe(0);
  });
});
