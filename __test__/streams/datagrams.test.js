"use strict";

const {
  acceptedPair,
  datagrams,
  deadline,
  dial,
  dialLater,
  expectIsDOMException,
  listen,
  once,
  record,
  settle,
  tcpServer,
  text,
  track,
  udp,
} = require("../helpers");
const { texts, udpTo } = require("../helpers/udp");

const read = (reader) => deadline(reader.read(), "a chunk");
const reasonOf = (promise) =>
  deadline(
    promise.then(
      () => Promise.reject(new Error("it was fulfilled")),
      (reason) => reason,
    ),
    "a rejection",
  );

describe("readable of a UDPSocket", () => {
  test("gives each datagram with its sender, and no message fires from then on (R-streams)", async () => {
    const socket = udp();
    const peer = await datagrams();
    const log = record(socket, ["message"]);
    const reader = socket.readable.getReader();
    for (let i = 0; i < 40; i++) {
      await peer.send(`datagram ${i}`, socket.localPort);
    }
    for (let i = 0; i < 40; i++) {
      const { value } = await read(reader);
      expect({ ...value, data: text(value.data) }).toEqual({
        data: `datagram ${i}`,
        remoteAddress: "127.0.0.1",
        remotePort: peer.port,
      });
    }
    expect(log.types).toEqual([]);
    expect(socket.readable).toBe(socket.readable);
  });

  test("keeps the bounds of datagrams, empty ones too (R-streams, R-udp-bounds, R-udp-empty)", async () => {
    const socket = udp();
    const peer = await datagrams();
    const reader = socket.readable.getReader();
    for (const size of [0, 1, 60_000, 0]) {
      await peer.send(Buffer.alloc(size, 7), socket.localPort);
      const { value } = await read(reader);
      expect(value.data.byteLength).toBe(size);
      expect(Object.prototype.toString.call(value.data)).toBe("[object Uint8Array]");
    }
  });

  test("with nobody reading holds its mark; the rest waits in the system, in order (R-streams)", async () => {
    const socket = udp({ receiveBufferSize: 1_000_000 });
    const peer = await datagrams();
    const { readable } = socket;
    for (let i = 0; i < 120; i++) {
      await peer.send(Buffer.alloc(2000, i), socket.localPort);
    }
    await settle();
    const reader = readable.getReader();
    for (let i = 0; i < 120; i++) {
      const { value } = await read(reader);
      expect([value.data[0], value.data.byteLength]).toEqual([i, 2000]);
    }
  });

  test("of empty datagrams holds a bounded number (R-streams)", async () => {
    const socket = udp({ receiveBufferSize: 4_000_000 });
    void socket.readable;
    const sender = udp({ remoteAddress: "127.0.0.1", remotePort: socket.localPort });
    for (let i = 0; i < 1000; i++) {
      sender.send("");
    }
    await settle();
    // Those beyond the mark were not taken: a loop gets them only once it has stood aside for the stream.
    socket.close();
    let held = 0;
    for await (const message of socket.readable) {
      expect(message.data.byteLength).toBe(0);
      held += 1;
    }
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(129);
  });

  test("is held by suspend(), closed by close() and errored by what closes the socket (R-streams, R-udp-suspend)", async () => {
    const socket = udp();
    const peer = await datagrams();
    const reader = socket.readable.getReader();
    socket.suspend();
    let came = false;
    const first = reader.read().then((result) => {
      came = true;
      return result;
    });
    await peer.send("waits", socket.localPort);
    await settle();
    expect(came).toBe(false);
    socket.resume();
    expect(text((await deadline(first, "the datagram")).value.data)).toBe("waits");
    const last = reader.read();
    socket.close();
    expect(await deadline(last, "the end")).toEqual({ done: true, value: undefined });

    const ended = udp();
    const waiting = ended.readable.getReader().read();
    const error = once(ended, "error");
    ended.send(new Uint8Array(70_000), "127.0.0.1", 9);
    const reason = await reasonOf(waiting);
    expectIsDOMException(reason, "NetworkError", "EMSGSIZE");
    expect((await error).error).toBe(reason);
  });

  test("cancelling it leaves the socket open: it still sends, and no message fires (R-streams)", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const log = record(socket, ["message"]);
    await socket.readable.cancel();
    expect(socket.readyState).toBe("open");
    socket.send("sent");
    expect(await texts(peer, 1)).toEqual(["sent"]);
    await peer.send("dropped", socket.localPort);
    await settle();
    expect(log.types).toEqual([]);
  });

  test("taken after close() is closed, and after an error errored (R-streams)", async () => {
    const socket = udp();
    socket.close();
    expect((await read(socket.readable.getReader())).done).toBe(true);
    expectIsDOMException(await reasonOf(socket.writable.getWriter().write({ data: "x" })), "InvalidStateError", 11);
    const ended = udp();
    const error = once(ended, "error");
    ended.send(new Uint8Array(70_000), "127.0.0.1", 9);
    const early = ended.readable.getReader();
    const { error: exception } = await error;
    expect(await reasonOf(early.read())).toBe(exception);
    expect(await reasonOf(ended.writable.getWriter().write({ data: "x" }))).toBe(exception);
  });
});

describe("writable of a UDPSocket", () => {
  test("sends where the message says, else to the default (R-streams, R-udp-default)", async () => {
    const [one, other] = [await datagrams(), await datagrams()];
    const socket = udpTo(one);
    const writer = socket.writable.getWriter();
    await writer.write({ data: "default" });
    await writer.write({ data: new TextEncoder().encode("named"), remoteAddress: other.host, remotePort: other.port });
    await writer.write({ data: new Blob(["null is the default"]), remoteAddress: null, remotePort: null });
    await writer.write({ data: "port only", remotePort: other.port });
    expect(await texts(one, 2)).toEqual(["default", "null is the default"]);
    expect(await texts(other, 2)).toEqual(["named", "port only"]);
  });

  test("write() waits for drain where send() would return false (R-streams, R-tcp-drain)", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 100 });
    const log = record(socket, ["drain"]);
    const writer = socket.writable.getWriter();
    await writer.write({ data: "small" });
    expect(log.count("drain")).toBe(0);
    await deadline(writer.write({ data: "x".repeat(1000) }), "the write");
    expect(log.count("drain")).toBe(1);
    expect(socket.bufferedAmount).toBe(0);
  });

  test("closing it leaves the socket open, aborting it closes the socket (R-streams)", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const writer = socket.writable.getWriter();
    await writer.write({ data: "one" });
    await writer.close();
    expect(socket.readyState).toBe("open");
    socket.send("two");
    expect(await texts(peer, 2)).toEqual(["one", "two"]);

    const aborted = udpTo(peer);
    const reader = aborted.readable.getReader();
    await deadline(aborted.writable.abort("why"), "abort()");
    expect(aborted.readyState).toBe("closed");
    expect((await read(reader)).done).toBe(true);
    await deadline(aborted.closed, "closed");
  });

  test("close() of the socket rejects a write that waits (R-streams)", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 0 });
    const writing = socket.writable.getWriter().write({ data: "x" });
    while (socket.bufferedAmount === 0) {
      await null;
    }
    socket.close();
    expectIsDOMException(await reasonOf(writing), "InvalidStateError", 11);
    // It was handed over all the same (R-udp-close).
    expect(await texts(peer, 1)).toEqual(["x"]);
  });

  test.each([
    ["a string", "text", "TypeError"],
    ["bytes", new Uint8Array(3), "TypeError"],
    ["null", null, "TypeError"],
    ["no data", { remotePort: 9 }, "TypeError"],
    ["data that cannot be sent", { data: 7 }, "InvalidAccessError"],
    ["a host name", { data: "x", remoteAddress: "localhost", remotePort: 9 }, "InvalidAccessError"],
    ["port 0", { data: "x", remotePort: 0 }, "InvalidAccessError"],
    ["nowhere to go", { data: "x" }, "InvalidAccessError"],
  ])("write() of %s is rejected, and the socket as it was (R-streams, R-types)", async (_, chunk, name) => {
    const socket = udp({ remoteAddress: chunk?.data === "x" && !("remotePort" in chunk) ? undefined : "127.0.0.1" });
    const reason = await reasonOf(socket.writable.getWriter().write(chunk));
    expect([reason.name, socket.readyState]).toEqual([name, "open"]);
    expect(reason.message).not.toBe("");
  });

  test("a datagram that is too long rejects write() with the error that closes the socket (R-streams, R-udp-toolong)", async () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: 9 });
    const error = once(socket, "error");
    const reason = await reasonOf(socket.writable.getWriter().write({ data: new Uint8Array(70_000) }));
    expectIsDOMException(reason, "NetworkError", "EMSGSIZE");
    expect((await error).error).toBe(reason);
  });
});

describe("readable of a server", () => {
  test("gives each connection, and no connect fires; what nobody reads waits in the backlog (R-streams)", async () => {
    const server = tcpServer();
    const log = record(server, ["connect"]);
    const reader = server.readable.getReader();
    const peers = [await dial(server.localPort), await dial(server.localPort)];
    await settle();
    expect(server.connections).toBe(0);
    for (const peer of peers) {
      const { value } = await read(reader);
      expect([value.readyState, Number(track(value).remotePort)]).toEqual(["open", peer.localPort]);
    }
    expect(log.types).toEqual([]);
  });

  test("is closed by close(), and held by suspend() (R-streams, R-srv-suspend)", async () => {
    const server = tcpServer();
    const reader = server.readable.getReader();
    server.suspend();
    const waiting = reader.read();
    dialLater(server.localPort);
    await settle();
    expect(server.connections).toBe(0);
    server.resume();
    track((await deadline(waiting, "the connection")).value);
    const last = reader.read();
    server.close();
    expect(await deadline(last, "the end")).toEqual({ done: true, value: undefined });
  });

  test("cancelled leaves the server open: connections wait for a loop (R-streams, R-iterate)", async () => {
    const server = tcpServer();
    await server.readable.cancel();
    expect(server.readyState).toBe("open");
    dialLater(server.localPort);
    track((await deadline(server[Symbol.asyncIterator]().next(), "the connection")).value);
  });

  test("pipes into a sink that serves them (R-streams)", async () => {
    const server = tcpServer();
    const sink = new WritableStream({
      write: (socket) => {
        track(socket).readable.pipeTo(socket.writable).catch(() => {});
      },
    });
    const piping = server.readable.pipeTo(sink);
    const peer = await dial(server.localPort);
    peer.end("echo");
    expect(text(await once(peer, "data"))).toBe("echo");
    server.close();
    await deadline(piping, "the pipe");
  });
});

test("accessors of streams refuse other objects, and cannot be written (R-streams, R-shape)", async () => {
  const { server, socket } = await acceptedPair();
  for (const one of [server, socket, udp()]) {
    const prototype = Object.getPrototypeOf(one);
    for (const name of ["readable", "writable"]) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
      if (descriptor === undefined) {
        expect([one.constructor.name, name]).toEqual(["TCPServerSocket", "writable"]);
        continue;
      }
      expect({ ...descriptor, get: descriptor.get.name }).toEqual({
        get: `get ${name}`,
        set: undefined,
        enumerable: true,
        configurable: true,
      });
      for (const stranger of [{}, prototype, undefined, null]) {
        expect(() => descriptor.get.call(stranger)).toThrow("another kind");
      }
    }
  }
  await listen();
});
