"use strict";

// The option `framing`: what comes in, one `message` a frame (R-framing). Plain TCP, Unix sockets and TLS.

const { families, tcpFamily } = require("../helpers/families");
const { authority } = require("../helpers/certificates");
const { acceptingServer, dialTLS, dialTLSLater } = require("../helpers/tls");
const { eventually, once, pattern, record, settle, sha256, text, track, expendable, turn, tcpServer } = require("../helpers");
const { connect, relay } = require("../..");

const lines = { delimiter: "\n" };

/** Collects the texts of the messages of a socket. */
function frames(socket) {
  const all = [];
  socket.addEventListener("message", ({ data }) => all.push(text(new Uint8Array(data))));
  return {
    all,
    until: (count) => eventually(() => all.length >= count, `${count} frames, have ${all.length}`),
  };
}

/** A socket with the option, and its node:net peer. */
const framed = (family, framing, options) => family.pair({ options: { framing, ...options }, peer: { allowHalfOpen: true } });

describe.each(families)("$name: framing (R-framing)", (family) => {
  test("a delimiter: one message a frame, without it, in order; an empty frame is an empty message", async () => {
    const { socket, peer } = await framed(family, lines);
    const inbox = frames(socket);
    peer.write("one\ntwo\n\nth");
    await inbox.until(3);
    await settle();
    expect(inbox.all).toEqual(["one", "two", ""]);
    peer.write("ree\n");
    await inbox.until(4);
    expect(inbox.all[3]).toBe("three");
  });

  test.each([
    [{ lengthPrefix: 1 }, [3]],
    [{ lengthPrefix: 2 }, [0, 3]],
    [{ lengthPrefix: 2, littleEndian: true }, [3, 0]],
    [{ lengthPrefix: 3, includesPrefix: true }, [0, 0, 6]],
    [{ lengthPrefix: 4, littleEndian: true, includesPrefix: true }, [7, 0, 0, 0]],
  ])("a length: %j", async (framing, prefix) => {
    const { socket, peer } = await framed(family, framing);
    const inbox = frames(socket);
    const empty = prefix.map((byte) => (byte === 0 ? 0 : framing.includesPrefix ? framing.lengthPrefix : 0));
    peer.write(new Uint8Array([...prefix, 97, 98, 99, ...empty, ...prefix, 100, 101, 102]));
    await inbox.until(3);
    expect(inbox.all).toEqual(["abc", "", "def"]);
  });

  test("one byte at a time, with delimiters of several bytes that begin like the data", async () => {
    const { socket, peer } = await framed(family, { delimiter: "\r\n\r\n" });
    const inbox = frames(socket);
    for (const byte of "a\r\nb\r\n\r\r\n\r\n\r\n\r\n\r\n") {
      peer.write(byte);
      await turn();
    }
    await inbox.until(2);
    await settle();
    expect(inbox.all).toEqual(["a\r\nb\r\n\r", ""]);
  });

  test("a server gives the option to the sockets that it accepts", async () => {
    const { socket, peer } = await family.acceptedPair({ options: { framing: lines } });
    const inbox = frames(socket);
    peer.write("a\nb\n");
    await inbox.until(2);
    expect(inbox.all).toEqual(["a", "b"]);
  });

  test("each frame is a task of its own, and suspend() in a handler holds the frames that have come with it (R-task, R-tcp-suspend)", async () => {
    const { socket, peer } = await framed(family, lines);
    const order = [];
    socket.onmessage = ({ data }) => {
      const frame = text(new Uint8Array(data));
      order.push(frame);
      queueMicrotask(() => order.push(`after ${frame}`));
      if (frame === "two") {
        socket.suspend();
      }
    };
    peer.write("one\ntwo\nthree\n");
    await eventually(() => order.length === 4, "two frames");
    await settle();
    expect(order).toEqual(["one", "after one", "two", "after two"]);
    socket.resume();
    await eventually(() => order.length === 6, "the third");
  });

  test("between two { once: true } listeners nothing is lost (R-listen)", async () => {
    const { socket, peer } = await framed(family, lines);
    peer.write("a\nb\nc\n");
    for (const expected of ["a", "b", "c"]) {
      const { data } = await once(socket, "message");
      expect(text(new Uint8Array(data))).toBe(expected);
      await settle(5);
    }
  });

  test("very many small frames do not hold up a timer", async () => {
    const { socket, peer } = await framed(family, lines);
    let count = 0;
    socket.onmessage = () => (count += 1);
    peer.write("\n".repeat(300_000));
    let latest = performance.now();
    let longest = 0;
    while (count < 300_000) {
      await turn();
      const now = performance.now();
      longest = Math.max(longest, now - latest);
      latest = now;
    }
    expect(longest).toBeLessThan(500);
  });

  test("a frame larger than any read, up to the limit, is one message; the limit counts its own bytes", async () => {
    const { socket, peer } = await framed(family, { lengthPrefix: 4, limit: 3_000_000 });
    const bytes = pattern(3_000_000);
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(bytes.length);
    const message = once(socket, "message");
    peer.write(prefix);
    peer.write(bytes);
    const { data } = await message;
    expect(sha256(data)).toBe(sha256(bytes));
  });

  test("memory grows with the bytes that come, not with the length that is announced", async () => {
    const { socket, peer } = await framed(family, { lengthPrefix: 4, limit: 2 ** 32 - 1 });
    socket.onmessage = () => {};
    const before = process.memoryUsage().rss;
    peer.write(new Uint8Array([0xff, 0xff, 0xff, 0xff, 1]));
    await settle(60);
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
    expect(socket.readyState).toBe("open");
  });

  test("without a listener nothing is read on, and the peer has to wait (R-listen)", async () => {
    const { socket, peer } = await framed(family, lines);
    const line = `${"x".repeat(999)}\n`;
    peer.write(Buffer.alloc(30_000_000, line));
    await settle(60);
    expect(peer.writableLength).toBeGreaterThan(10_000_000);
    expect(socket.bytesRead).toBe(0);
    let bytes = 0;
    socket.onmessage = ({ data }) => (bytes += data.byteLength);
    await eventually(() => bytes === 29_970_000, "all");
    expect(socket.bytesRead).toBe(29_970_000);
  });

  const failures = [
    ["over the limit, by delimiter", { delimiter: ";", limit: 4 }, "ok;12345", "ERR_FRAME_TOO_LONG"],
    ["over the limit, the delimiter too late", { delimiter: ";", limit: 4 }, "ok;12345;", "ERR_FRAME_TOO_LONG"],
    ["over the limit, by length", { lengthPrefix: 1, limit: 4 }, "\x02ok\x05", "ERR_FRAME_TOO_LONG"],
    ["a length below its own size", { lengthPrefix: 2, includesPrefix: true }, "\0\x04ok\0\x01", "ERR_FRAME_INVALID"],
  ];
  test.each(failures)("%s: the frames before it, then a lost connection", async (_name, framing, data, code) => {
    const { socket, peer } = await framed(family, framing);
    expendable(socket);
    const log = record(socket, ["message", "error", "close"]);
    const gone = once(peer, "close");
    peer.on("error", () => {}).on("end", () => peer.end());
    peer.resume();
    peer.write(data);
    await log.until("close");
    expect(log.types).toEqual(["message", "error", "close"]);
    expect(log.entries[1].event.error).toMatchObject({ name: "NetworkError", code });
    expect(socket.readyState).toBe("closed");
    await gone;
  });

  test.each(["unfinished", "\0\0\x09half"])("an end within a frame: a lost connection, ERR_UNEXPECTED_END", async (data) => {
    const framing = data.startsWith("\0") ? { lengthPrefix: 3 } : lines;
    const { socket, peer } = await framed(family, framing);
    expendable(socket);
    const log = record(socket, ["message", "error", "close", "halfclose"]);
    peer.end(data);
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error).toMatchObject({ name: "NetworkError", code: "ERR_UNEXPECTED_END" });
  });

  test("an end between two frames is an end", async () => {
    const { socket, peer } = await framed(family, lines);
    const log = record(socket, ["message", "halfclose", "error"]);
    peer.end("whole\n");
    await log.until("halfclose");
    expect(log.types).toEqual(["message", "halfclose"]);
  });

  test("readable, reader and relay() are refused with InvalidStateError, and change nothing", async () => {
    const { socket, peer } = await framed(family, lines);
    const invalidState = { name: "InvalidStateError" };
    expect(() => socket.readable).toThrow(expect.objectContaining(invalidState));
    expect(() => socket.reader).toThrow(expect.objectContaining(invalidState));
    const other = await family.pair();
    await expect(relay(socket, other.socket)).rejects.toMatchObject(invalidState);
    await expect(relay(other.socket, socket)).rejects.toMatchObject(invalidState);
    const inbox = frames(socket);
    peer.write("still\n");
    await inbox.until(1);
  });
});

describe("framing and TLS (R-framing)", () => {
  const { server: identity } = authority();
  const own = { cert: identity.cert, key: identity.key };

  test("frames over TLS", async () => {
    const server = acceptingServer(own, { framing: lines });
    const connected = once(server, "connect");
    const peer = await dialTLS(server.localPort);
    const inbox = frames(track((await connected).connectedSocket));
    peer.write("one\ntw");
    peer.write("o\n");
    await inbox.until(2);
    expect(inbox.all).toEqual(["one", "two"]);
    peer.destroy();
  });

  test("what startTls() finds of an unfinished frame belongs to the handshake (R-tls-start)", async () => {
    const server = track(tcpServer({ framing: lines }));
    const connected = once(server, "connect");
    const plain = require("node:net").connect(server.localPort, "127.0.0.1");
    plain.on("error", () => {});
    const socket = track((await connected).connectedSocket);
    const started = new Promise((resolve, reject) => {
      socket.addEventListener("message", () => socket.startTls(own).then(resolve, reject), { once: true });
    });
    plain.cork();
    plain.write("STARTTLS\n");
    const secure = dialTLSLater(server.localPort, { socket: plain, host: undefined });
    await turn();
    plain.uncork();
    await started;
    const inbox = frames(socket);
    secure.write("secret\nand mo");
    secure.write("re\n");
    await inbox.until(2);
    expect(inbox.all).toEqual(["secret", "and more"]);
    plain.destroy();
  });
});

test("connect() takes the option (R-framing)", async () => {
  const server = track(tcpServer());
  server.onconnect = ({ connectedSocket }) => track(connectedSocket).send("a\nb\n");
  const socket = track(await connect("127.0.0.1", server.localPort, { framing: lines }));
  const inbox = frames(socket);
  await inbox.until(2);
  expect(inbox.all).toEqual(["a", "b"]);
  expect(() => socket.reader).toThrow(/framing/);
});

test("a loss comes behind the frames that came before it (R-tcp-lost)", async () => {
  const { socket, peer } = await framed(tcpFamily, lines);
  expendable(socket);
  peer.write("one\ntwo\nthr");
  await settle();
  const log = record(socket, ["message", "error", "close"]);
  peer.resetAndDestroy();
  await log.until("close");
  expect(log.types).toEqual(["message", "message", "error", "close"]);
});
