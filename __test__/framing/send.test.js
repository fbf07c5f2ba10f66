"use strict";

// sendFrame(), and bad values of the option `framing` (R-framing).

const { families, both } = require("../helpers/families");
const { collect, eventually, once, pattern, record, settle, sha256, text, tcpPair, tcp, tcpServer, UDPSocket } = require("../helpers");
const { TCPSocket, TCPServerSocket, connect } = require("../..");

const lines = { delimiter: "\n" };
const invalidAccess = { name: "InvalidAccessError" };
const invalidState = { name: "InvalidStateError" };

/** A socket with the option, its node:net peer, and what the peer receives. */
async function sending(family, framing, options) {
  const { socket, peer } = await family.pair({ options: { framing, ...options } });
  return { socket, peer, inbox: collect(peer) };
}

describe.each(families)("$name: sendFrame() (R-framing)", (family) => {
  test("a delimiter follows each frame: text, bytes, views, shared memory, an empty one", async () => {
    const { socket, inbox } = await sending(family, { delimiter: "\r\n" });
    const shared = new Uint8Array(new SharedArrayBuffer(2));
    shared.set([111, 107]);
    for (const data of ["text €", new Uint8Array([97, 98]), new DataView(new Uint8Array([0, 99, 0]).buffer, 1, 1), new Uint8Array([100]).buffer, shared, ""]) {
      expect(socket.sendFrame(data)).toBe(true);
    }
    await inbox.until(26);
    expect(inbox.text()).toBe("text €\r\nab\r\nc\r\nd\r\nok\r\n\r\n");
  });

  test.each([
    [{ lengthPrefix: 1 }, [2]],
    [{ lengthPrefix: 2 }, [0, 2]],
    [{ lengthPrefix: 3, littleEndian: true }, [2, 0, 0]],
    [{ lengthPrefix: 4, includesPrefix: true }, [0, 0, 0, 6]],
  ])("a length comes before each frame: %j", async (framing, prefix) => {
    const { socket, inbox } = await sending(family, framing);
    socket.sendFrame("hi");
    await inbox.until(prefix.length + 2);
    expect([...inbox.bytes()]).toEqual([...prefix, 104, 105]);
  });

  test("a Blob with a length in front, and what is sent after it", async () => {
    const { socket, inbox } = await sending(family, { lengthPrefix: 2 });
    socket.sendFrame(new Blob(["blob", "by"]));
    socket.sendFrame("x");
    await inbox.until(11);
    expect(inbox.text()).toBe("\0\x06blobby\0\x01x");
  });

  test("both ends with the option: 500 random frames, each a message, in order", async () => {
    for (const framing of [{ lengthPrefix: 4 }, { lengthPrefix: 3, littleEndian: true, includesPrefix: true }, { delimiter: new Uint8Array([0, 1, 0]) }]) {
      const { client, accepted } = await both(family, { server: { framing }, client: { framing } });
      const got = [];
      accepted.onmessage = ({ data }) => got.push(sha256(data));
      const sent = [];
      for (let i = 0; i < 500; i++) {
        const size = i % 50 === 0 ? 100_000 + i : (i * 37) % 300;
        const bytes = pattern(size, i + 1).map((byte) => (framing.delimiter ? byte | 2 : byte));
        sent.push(sha256(bytes));
        if (!client.sendFrame(bytes)) {
          await once(client, "drain");
        }
      }
      await eventually(() => got.length === sent.length, "all frames");
      expect(got).toEqual(sent);
    }
  });

  test("it returns as send(): false above the high-water mark, then `drain`", async () => {
    const { socket, inbox } = await sending(family, { lengthPrefix: 4 }, { highWaterMark: 10 });
    expect(socket.sendFrame("x".repeat(20))).toBe(false);
    await once(socket, "drain");
    expect(socket.sendFrame(new Uint8Array(100_000))).toBe(false);
    await once(socket, "drain");
    await inbox.until(100_028);
  });

  test("a frame over the limit, or too long for the length, or with the delimiter in it: InvalidAccessError, and nothing is sent", async () => {
    const { socket, inbox } = await sending(family, { delimiter: "ab", limit: 5 });
    for (const data of ["123456", new Uint8Array(6), "1ab", "ab", new Blob(["x"])]) {
      expect(() => socket.sendFrame(data)).toThrow(expect.objectContaining(invalidAccess));
    }
    const other = await sending(family, { lengthPrefix: 1, includesPrefix: true });
    expect(() => other.socket.sendFrame(new Uint8Array(255))).toThrow(expect.objectContaining(invalidAccess));
    expect(() => other.socket.sendFrame(new Blob([new Uint8Array(255)]))).toThrow(expect.objectContaining(invalidAccess));
    expect(other.socket.sendFrame(new Uint8Array(254))).toBe(true);
    expect([socket.bufferedAmount, socket.readyState]).toEqual([0, "open"]);
    expect(socket.sendFrame("12345")).toBe(true);
    await inbox.until(7);
    expect(inbox.text()).toBe("12345ab");
  });

  test("a frame that ends with the beginning of the delimiter, so that the peer would cut it there, is refused", async () => {
    const { socket, inbox } = await sending(family, { delimiter: "aa" });
    expect(() => socket.sendFrame("xa")).toThrow(expect.objectContaining(invalidAccess));
    expect(socket.sendFrame("ax")).toBe(true);
    await inbox.until(4);
    expect(inbox.text()).toBe("axaa");
  });

  test("data of another type: InvalidAccessError; none: TypeError (R-types, R-shape)", async () => {
    const { socket } = await sending(family, lines);
    for (const data of [1, null, undefined, {}, [1], true, 1n]) {
      expect(() => socket.sendFrame(data)).toThrow(expect.objectContaining(invalidAccess));
    }
    expect(() => socket.sendFrame()).toThrow(TypeError);
    expect(() => socket.sendFrame.call({}, "x")).toThrow(TypeError);
    expect(socket.sendFrame.length).toBe(1);
  });

  test("without the option, while connecting and once closed: InvalidStateError", async () => {
    const plain = await family.pair();
    expect(() => plain.socket.sendFrame("x")).toThrow(expect.objectContaining(invalidState));
    const { socket, peer } = await sending(family, lines);
    const connecting = family.connectTo(await family.listen(), { framing: lines });
    expect(() => connecting.sendFrame("x")).toThrow(expect.objectContaining(invalidState));
    await once(connecting, "open");
    peer.destroy();
    await once(socket, "close");
    expect(() => socket.sendFrame("x")).toThrow(expect.objectContaining(invalidState));
  });

  test("send() beside it sends bytes as they are", async () => {
    const { socket, inbox } = await sending(family, lines);
    socket.send("raw");
    socket.sendFrame("framed");
    await inbox.until(10);
    expect(inbox.text()).toBe("rawframed\n");
  });

  test("a frame that is sent while nothing is buffered is always taken, as one send() (R-tcp-full)", async () => {
    const { socket, peer } = await family.pair({ options: { framing: { lengthPrefix: 4 }, maxBufferedAmount: 1000 } });
    const inbox = collect(peer);
    expect(socket.sendFrame(new Uint8Array(300_000))).toBe(false);
    expect(socket.bufferedAmount).toBe(300_004);
    await inbox.until(300_004);
    expect(socket.readyState).toBe("open");
  });

  test("the messages name sendFrame()", async () => {
    const { socket } = await sending(family, lines);
    expect(() => socket.sendFrame(1)).toThrow(/^sendFrame\(\) takes/);
    socket.close();
    expect(() => socket.sendFrame("x")).toThrow(/\.sendFrame\(\): the socket is/);
  });

  test("a full buffer closes the socket as send() does (R-tcp-full)", async () => {
    const { socket, peer } = await family.pair({ options: { framing: { lengthPrefix: 4 }, maxBufferedAmount: 1000 } });
    peer.pause();
    socket.send(new Uint8Array(20_000_000));
    await settle();
    const log = record(socket, ["error", "close"]);
    expect(socket.sendFrame(new Uint8Array(500_000))).toBe(false);
    expect(socket.readyState).toBe("closed");
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error.code).toBe("ENOBUFS");
  });
});

/** Each way to give the option. */
const GIVERS = [
  ["TCPSocket", (framing) => new TCPSocket("127.0.0.1", 1, { framing })],
  ["TCPServerSocket", (framing) => new TCPServerSocket({ framing })],
  ...families.slice(1).flatMap(({ Socket, ServerSocket }) => [
    ["UnixSocket", (framing) => new Socket("/nowhere/app.sock", { framing })],
    ["UnixServerSocket", (framing) => new ServerSocket({ path: "/nowhere/app.sock", framing })],
  ]),
];

describe.each(GIVERS)("%s: bad values of framing (R-framing)", (_name, give) => {
  test("exactly one of delimiter and lengthPrefix, else TypeError", () => {
    for (const framing of [{}, null, { limit: 1 }, { delimiter: ";", lengthPrefix: 1 }]) {
      expect(() => give(framing)).toThrow(TypeError);
    }
  });

  test("members of the wrong type or out of range: TypeError", () => {
    const bad = [1, "x", { lengthPrefix: -1 }, { lengthPrefix: 256 }, { lengthPrefix: "x" }, { delimiter: ";", limit: -1 }, { delimiter: ";", limit: 2 ** 32 }, { delimiter: Symbol("x") }];
    for (const framing of bad) {
      expect(() => give(framing)).toThrow(TypeError);
    }
  });

  test("values that make no sense, and unknown members: InvalidAccessError", () => {
    const bad = [{ lengthPrefix: 0 }, { lengthPrefix: 5 }, { delimiter: "" }, { delimiter: new Uint8Array(0) }, { delimiter: ";", limit: 0 }, { lengthPrefix: 2, endian: "little" }];
    for (const framing of bad) {
      expect(() => give(framing)).toThrow(expect.objectContaining(invalidAccess));
    }
    expect(() => give({ lengthPrefix: 2, endian: "little" })).toThrow(/endian is unknown/);
  });
});

test("connect() rejects bad values, and setOptions() knows no framing", async () => {
  await expect(connect("127.0.0.1", 1, { framing: {} })).rejects.toThrow(TypeError);
  await expect(connect("127.0.0.1", 1, { framing: { lengthPrefix: 9 } })).rejects.toMatchObject(invalidAccess);
  const { socket } = await tcpPair();
  expect(() => socket.setOptions({ framing: lines })).toThrow(expect.objectContaining(invalidAccess));
});

test("the delimiter is taken as it is at the call: later changes of its bytes do not count (R-copy)", async () => {
  const server = tcpServer();
  const accepted = once(server, "connect");
  const delimiter = new Uint8Array([59]);
  const socket = tcp("127.0.0.1", server.localPort, { framing: { delimiter } });
  delimiter[0] = 0;
  const { connectedSocket } = await accepted;
  const message = once(socket, "message");
  connectedSocket.send("a;");
  expect(text(new Uint8Array((await message).data))).toBe("a");
  connectedSocket.reset();
  expect(UDPSocket.prototype.sendFrame).toBe(undefined);
});
