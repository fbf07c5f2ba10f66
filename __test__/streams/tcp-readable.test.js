"use strict";

const {
  families,
  collect,
  deadline,
  expectIsDOMException,
  once,
  pattern,
  record,
  runJSON,
  settle,
  sha256,
  tcpPair,
  text,
} = require("../helpers");

const MIB = 1024 * 1024;

/** Everything that a stream gives up to its end. */
async function readAll(readable) {
  const chunks = [];
  for await (const chunk of readable) {
    chunks.push(chunk);
  }
  return chunks;
}

const read = (reader, ...args) => deadline(reader.read(...args), "a chunk");
const reasonOf = (promise) =>
  deadline(
    promise.then(
      (value) => Promise.reject(new Error(`it was fulfilled: ${JSON.stringify(value)}`)),
      (reason) => reason,
    ),
    "a rejection",
  );

describe("what comes in", () => {
  test.each(families)("$name: arrives whole and in order, as Uint8Arrays on ordinary buffers, up to the peer's FIN (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const bytes = pattern(3 * MIB);
    peer.end(bytes);
    const chunks = await deadline(readAll(socket.readable), "the end", 20_000);
    expect(sha256(chunks)).toBe(sha256(bytes));
    for (const chunk of chunks) {
      expect(Object.prototype.toString.call(chunk)).toBe("[object Uint8Array]");
      expect(chunk.buffer.immutable ?? false).toBe(false);
      chunk[0] ^= 1;
    }
  });

  test.each(families)("$name: goes there from the time the stream is taken: message fires no more, a late listener's neither (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const log = record(socket, ["message"]);
    peer.write("event");
    await log.until("message");
    const reader = socket.readable.getReader();
    socket.addEventListener("message", () => log.entries.push({ type: "late" }));
    peer.write("stream");
    expect(text((await read(reader)).value)).toBe("stream");
    await settle();
    expect(log.types).toEqual(["message"]);
  });

  test.each(families)("$name: waits for who takes the stream late (R-streams, R-srv-connect)", async ({ acceptedPair }) => {
    const { socket, peer } = await acceptedPair();
    peer.end("all of it");
    await settle();
    expect(text(Buffer.concat(await deadline(readAll(socket.readable), "the end")))).toBe("all of it");
  });

  test.each(families)("$name: the stream is the same object at each read, taken while connecting too (R-streams)", async ({ listen, connectTo }) => {
    const server = await listen();
    const socket = connectTo(server);
    const { readable } = socket;
    expect(socket.readable).toBe(readable);
    (await server.next()).end("hello");
    expect(text(Buffer.concat(await deadline(readAll(readable), "the end")))).toBe("hello");
    expect(socket.readable).toBe(readable);
  });

  test.each(families)("$name: BYOB readers get it into their own memory, in parts where that is small (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const reader = socket.readable.getReader({ mode: "byob" });
    peer.write("abcdefgh");
    const parts = [];
    for (let i = 0; i < 3; i++) {
      const { value, done } = await read(reader, new Uint8Array(3));
      expect(done).toBe(false);
      parts.push(text(value));
    }
    expect(parts).toEqual(["abc", "def", "gh"]);
    const last = reader.read(new Uint8Array(10));
    peer.end();
    const { value, done } = await deadline(last, "the end");
    expect([value.byteLength, value.buffer.byteLength, done]).toEqual([0, 10, true]);
  });

  test.each(families)("$name: a BYOB reader of larger elements gets whole ones; half a one at the end is an error of the stream (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const reader = socket.readable.getReader({ mode: "byob" });
    peer.write(new Uint8Array([1, 0, 2, 0, 3]));
    expect([...(await read(reader, new Uint16Array(4))).value]).toEqual([1, 2]);
    const half = reader.read(new Uint16Array(4));
    peer.end();
    expect((await reasonOf(half)).name).toBe("TypeError");
    await settle();
    // The other direction is as it was.
    socket.send("still open");
    expect(text(await once(peer.resume(), "data"))).toBe("still open");
  });

  test.each(families)("$name: tee(), pipeThrough() and Response take it like any stream (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    peer.end("ö".repeat(10_000));
    const decoded = await deadline(readAll(socket.readable.pipeThrough(new TextDecoderStream())), "the end");
    expect(decoded.join("")).toBe("ö".repeat(10_000));
  });
});

describe("back-pressure", () => {
  /** How many bytes a node:net peer gets rid of while nobody reads. */
  async function stuff(peer, most) {
    const chunk = pattern(64 * 1024);
    let written = 0;
    let stuck = false;
    while (written < most && !stuck) {
      written += chunk.length;
      if (!peer.write(chunk)) {
        const drain = new Promise((resolve) => peer.once("drain", () => resolve(false)));
        stuck = await Promise.race([drain, settle(300).then(() => true)]);
      }
    }
    return written;
  }

  test.each(families)("$name: with nobody reading, TCP holds the peer back, and all of it comes when somebody does (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const { readable } = socket;
    const written = await stuff(peer, 64 * MIB);
    expect(written).toBeLessThan(64 * MIB);
    peer.end();
    const chunks = await deadline(readAll(readable), "the end", 20_000);
    const length = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(length).toBe(written);
    const one = pattern(64 * 1024);
    expect(sha256(chunks)).toBe(sha256(Array.from({ length: length / one.length }, () => one)));
  });

  test.each(families)("$name: what is sent meanwhile goes out all the same, and drain fires (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    void socket.readable;
    await stuff(peer, 64 * MIB);
    const inbox = collect(peer);
    const drain = once(socket, "drain");
    expect(socket.send(pattern(2 * MIB))).toBe(false);
    await drain;
    await inbox.until(2 * MIB);
  });

  test.each(families)("$name: suspend() holds it, though somebody reads; resume() brings what waited (R-streams, R-tcp-suspend)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const reader = socket.readable.getReader();
    socket.suspend();
    let came = false;
    const first = reader.read().then((result) => {
      came = true;
      return result;
    });
    peer.end("waits");
    await settle();
    expect(came).toBe(false);
    expect(socket.readyState).toBe("open");
    socket.resume();
    expect(text((await deadline(first, "the bytes")).value)).toBe("waits");
    expect((await read(reader)).done).toBe(true);
  });

  test.each(families)("$name: halfclose fires at once where no byte lies before it, else behind them (R-streams, R-tcp-message)", async ({ pair }) => {
    const { socket, peer } = await pair();
    void socket.readable;
    const log = record(socket, ["halfclose"]);
    peer.end();
    await log.until("halfclose");

    const other = await pair();
    const { readable } = other.socket;
    const otherLog = record(other.socket, ["halfclose"]);
    other.peer.end(pattern(8 * MIB));
    await settle();
    expect(otherLog.types).toEqual([]);
    await deadline(readAll(readable), "the end", 20_000);
    expect(otherLog.types).toEqual(["halfclose"]);
  });
});

describe("the end", () => {
  test.each(families)("$name: the peer's FIN closes the stream, and sending goes on: it counts as a halfclose listener (R-streams, R-tcp-fin)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const inbox = collect(peer);
    const reader = socket.readable.getReader();
    peer.end("bye");
    expect(text((await read(reader)).value)).toBe("bye");
    expect((await read(reader)).done).toBe(true);
    await reader.closed;
    await settle();
    expect(socket.readyState).toBe("open");
    socket.send("not yet");
    await inbox.until(7);
    socket.close();
    await deadline(socket.closed, "closed");
  });

  test.each(families)("$name: allowHalfOpen: false ends the socket with it (R-streams, R-tcp-fin)", async ({ pair }) => {
    const { socket, peer } = await pair({ options: { allowHalfOpen: false } });
    const { readable, closed } = socket;
    peer.end("bye");
    expect(text(Buffer.concat(await deadline(readAll(readable), "the end")))).toBe("bye");
    await deadline(closed, "closed");
  });

  test.each(["close", "reset"])("%s() closes the stream, at once and with what it holds still there (R-streams)", async (end) => {
    const { socket, peer } = await tcpPair();
    const reader = socket.readable.getReader();
    peer.write("held");
    expect(text((await read(reader)).value)).toBe("held");
    const waiting = reader.read();
    socket[end]();
    expect(await deadline(waiting, "the end")).toEqual({ done: true, value: undefined });
    await reader.closed;
  });

  test.each(families)("$name: close() and reset() settle a BYOB read that waits (R-streams)", async ({ pair }) => {
    for (const end of ["close", "reset"]) {
      const { socket } = await pair();
      const waiting = socket.readable.getReader({ mode: "byob" }).read(new Uint8Array(8));
      await settle(5);
      socket[end]();
      expect((await deadline(waiting, "the end")).done).toBe(true);
    }
  });

  test("a loss errors it with the error event's exception, once what came before is read (R-streams, R-tcp-lost)", async () => {
    const { socket, peer } = await tcpPair();
    const { readable } = socket;
    const error = once(socket, "error");
    // More than the stream holds, and all of it in our system before the reset.
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => peer.write(pattern(30_000), resolve));
      await settle();
    }
    peer.resetAndDestroy();
    const { error: reason } = await error;
    expectIsDOMException(reason, "NetworkError", "ECONNRESET");
    await deadline(socket.closed.catch(() => {}), "closed");
    // Nobody has read yet: the bytes are all there.
    const reader = readable.getReader();
    let length = 0;
    const failure = await reasonOf(
      (async () => {
        for (;;) {
          length += (await reader.read()).value.byteLength;
        }
      })(),
    );
    expect(failure).toBe(reason);
    expect(length).toBe(90_000);
  });

  test("a loss is told though nobody reads, and makes a write reject that waits (R-streams, R-tcp-lost)", async () => {
    const { socket, peer } = await tcpPair();
    void socket.readable;
    peer.pause();
    peer.write(pattern(MIB));
    const writer = socket.writable.getWriter();
    const writing = writer.write(pattern(32 * MIB));
    await settle();
    peer.resetAndDestroy();
    expectIsDOMException(await reasonOf(writing), "NetworkError", "ECONNRESET");
  });

  test.each(families)("$name: a failed connection errors both streams (R-streams)", async ({ connectTo, refusing }) => {
    const socket = connectTo(await refusing());
    const reader = socket.readable.getReader();
    const writer = socket.writable.getWriter();
    const reason = await reasonOf(socket.opened);
    expect(await reasonOf(reader.read())).toBe(reason);
    expect(await reasonOf(writer.write("x"))).toBe(reason);
    expect(await reasonOf(writer.closed)).toBe(reason);
  });

  test.each(families)("$name: a stream that is taken after the end is closed, or errored (R-streams)", async ({ pair, connectTo, refusing }) => {
    const { socket, peer } = await pair();
    peer.end();
    await once(socket, "close");
    expect(await deadline(readAll(socket.readable), "the end")).toEqual([]);
    expectIsDOMException(await reasonOf(socket.writable.getWriter().write("x")), "InvalidStateError", 11);

    const failing = connectTo(await refusing());
    const { error } = await once(failing, "error");
    expect(await reasonOf(failing.readable.getReader().read())).toBe(error);
    expect(await reasonOf(failing.writable.getWriter().write("x"))).toBe(error);

    const half = await pair();
    const halfclose = once(half.socket, "halfclose");
    half.peer.end();
    await halfclose;
    half.socket.addEventListener("halfclose", () => {});
    expect(await deadline(readAll(half.socket.readable), "the end")).toEqual([]);
  });
});

describe("cancel()", () => {
  test.each(families)("$name: drops what still comes, holds no peer back and leaves sending alone (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const log = record(socket, ["message", "halfclose"]);
    await socket.readable.cancel("enough");
    const inbox = collect(peer);
    await new Promise((resolve) => peer.end(pattern(32 * MIB), resolve));
    await log.until("halfclose", 20_000);
    expect(socket.readyState).toBe("open");
    socket.send("still here");
    await inbox.until(10);
    expect(inbox.text()).toBe("still here");
    expect(log.types).toEqual(["halfclose"]);
  });

  test.each(families)("$name: and writable's close() end the socket, though the peer never does (R-streams)", async ({ pair }) => {
    for (const first of ["cancel", "close"]) {
      const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
      peer.resume();
      const writer = socket.writable.getWriter();
      await writer.write("the last words");
      const steps = { cancel: () => socket.readable.cancel(), close: () => writer.close() };
      await steps[first]();
      await settle(5);
      expect(socket.readyState).toBe(first === "cancel" ? "open" : "halfclosed");
      await deadline(steps[first === "cancel" ? "close" : "cancel"](), "the other one");
      expect(socket.readyState).toBe("closing");
      await deadline(socket.closed, "closed");
    }
  });

  test.each(families)("$name: by leaving a loop does the same (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    peer.write("one");
    for await (const chunk of socket.readable) {
      if (text(chunk) === "one") {
        break;
      }
    }
    expect(socket.readyState).toBe("open");
    peer.write("dropped");
    await settle();
    socket.send("fine");
    expect(text(await once(peer, "data"))).toBe("fine");
  });

  test("with bytes in the middle of a large read keeps nobody busy (R-streams)", async () => {
    const result = await runJSON(`
      (async () => {
        const server = net.createServer((peer) => { peer.on("error", () => {}); peer.write(Buffer.alloc(64 << 20), () => peer.pause()); });
        await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
        const socket = new TCPSocket("127.0.0.1", server.address().port);
        let length = 0;
        for await (const chunk of socket.readable) {
          length += chunk.byteLength;
          if (length > 8 << 20) break;
        }
        await new Promise((resolve) => setTimeout(resolve, 500));
        const before = process.cpuUsage();
        await new Promise((resolve) => setTimeout(resolve, 500));
        const { user, system } = process.cpuUsage(before);
        report({ length, busy: (user + system) / 1000 });
        process.exit(0);
      })();`);
    expect(result.length).toBeLessThan(9 * MIB);
    expect(result.busy).toBeLessThan(250);
  });
});

describe("startTls()", () => {
  test.each(families)("$name: fails where the stream holds plain text that nobody has read: it was slipped in before the handshake (R-streams, R-tls-start)", async ({ pair }) => {
    const { socket, peer } = await pair({ options: { secureTransport: "starttls" } });
    const reader = socket.readable.getReader();
    peer.write("220 go ahead\r\n");
    expect(text((await read(reader)).value)).toBe("220 go ahead\r\n");
    peer.write("250 slipped in\r\n");
    await settle();
    const reason = await reasonOf(socket.startTls({ rejectUnauthorized: false }));
    expect(reason.code).toMatch(/^ERR_TLS_/);
    expect(socket.readyState).toBe("closed");
  });
});
