"use strict";

const {
  families,
  ROOT,
  collect,
  deadline,
  expectIsDOMException,
  once,
  pattern,
  record,
  settle,
  sha256,
  tcpPair,
  text,
} = require("../helpers");

const { relay } = require(ROOT);

const MIB = 1024 * 1024;

const reasonOf = (promise) =>
  deadline(
    promise.then(
      () => Promise.reject(new Error("it was fulfilled")),
      (reason) => reason,
    ),
    "a rejection",
  );

/** Whether the promise is still pending a while later. */
async function isPending(promise) {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  await settle();
  return !settled;
}

describe("write()", () => {
  test.each(families)("$name: sends what send() takes, in the order of the writes and of the sends between them (R-streams, R-tcp-order)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const inbox = collect(peer);
    const writer = socket.writable.getWriter();
    await writer.write("string ");
    await writer.write(new TextEncoder().encode("view "));
    socket.send("send ");
    await writer.write(new TextEncoder().encode("buffer ").buffer);
    await writer.write(new Blob(["blob "]));
    await writer.write("");
    await writer.write("end");
    await inbox.until(31);
    expect(inbox.text()).toBe("string view send buffer blob end");
  });

  test.each(families)("$name: waits for open, and so does what follows it (R-streams)", async ({ listen, connectTo }) => {
    const server = await listen();
    const socket = connectTo(server);
    const log = record(socket, ["open"]);
    const writer = socket.writable.getWriter();
    let opened;
    const first = writer.write("first ").then(() => {
      opened = log.count("open");
    });
    const second = writer.write("second");
    expect(socket.bufferedAmount).toBe(0);
    await deadline(Promise.all([first, second]), "both writes");
    expect(opened).toBe(1);
    const inbox = collect(await server.next());
    await inbox.until(12);
    expect(inbox.text()).toBe("first second");
  });

  test.each(families)("$name: is fulfilled at once where send() would return true, at drain where false (R-streams, R-tcp-drain)", async ({ pair }) => {
    const { socket, peer } = await pair();
    peer.pause();
    const writer = socket.writable.getWriter();
    await writer.write(pattern(1000));
    expect(socket.bufferedAmount).toBe(1000);
    const log = record(socket, ["drain"]);
    const large = writer.write(pattern(32 * MIB));
    expect(await isPending(large)).toBe(true);
    expect(writer.desiredSize).toBeLessThanOrEqual(0);
    peer.resume();
    await deadline(large, "the large write", 20_000);
    expect(log.count("drain")).toBe(1);
    expect(socket.bufferedAmount).toBe(0);
    await writer.ready;
  });

  test.each(families)("$name: of 16 MiB through pipeTo() arrives whole, and the peer sees the end (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const inbox = collect(peer);
    const chunks = Array.from({ length: 256 }, (_, i) => pattern(64 * 1024, i + 1));
    let next = 0;
    const piped = new ReadableStream({
      pull(controller) {
        if (next === chunks.length) {
          controller.close();
        } else {
          controller.enqueue(chunks[next++]);
        }
      },
    });
    await deadline(piped.pipeTo(socket.writable), "the pipe", 20_000);
    await inbox.end(20_000);
    expect(inbox.sha256()).toBe(sha256(chunks));
  });

  test.each(families)("$name: of what send() refuses rejects with its exception and fails the stream; the socket is as it was (R-streams, R-types)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const writer = socket.writable.getWriter();
    expectIsDOMException(await reasonOf(writer.write({ no: "data" })), "InvalidAccessError");
    await reasonOf(writer.write("later"));
    expect(socket.readyState).toBe("open");
    socket.send("send() works");
    expect(text(await once(peer, "data"))).toBe("send() works");
  });

  test.each(families)("$name: after halfclose() rejects with InvalidStateError (R-streams, R-tcp-send)", async ({ pair }) => {
    const { socket } = await pair();
    const writer = socket.writable.getWriter();
    await writer.write("x");
    socket.halfclose();
    const reason = await reasonOf(writer.write("y"));
    expectIsDOMException(reason, "InvalidStateError", 11);
    expect(reason.message).toContain("halfclose() was called");
  });
});

describe("close()", () => {
  test.each(families)("$name: is halfclose(): FIN follows, and data still comes (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
    const inbox = collect(peer);
    const log = record(socket, ["message", "close"]);
    const writer = socket.writable.getWriter();
    void writer.write("all");
    await deadline(writer.close(), "close()");
    expect(socket.readyState).toBe("halfclosed");
    await inbox.end();
    expect(inbox.text()).toBe("all");
    peer.end("the answer");
    await log.until("close");
    expect(log.types).toEqual(["message", "close"]);
  });

  test.each(families)("$name: is fulfilled when the last byte is the system's, not before (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    peer.pause();
    const writer = socket.writable.getWriter();
    // Taken beside the stream: the write itself has nothing to wait for.
    socket.send(pattern(32 * MIB));
    const closed = writer.close();
    expect(await isPending(closed)).toBe(true);
    expect(socket.readyState).toBe("halfclosed");
    peer.resume();
    await deadline(closed, "close()", 20_000);
    expect(socket.bufferedAmount).toBe(0);
  });

  test.each(families)("$name: while connecting, and after halfclose(), is fulfilled too (R-streams)", async ({ listen, connectTo }) => {
    const server = await listen({ allowHalfOpen: true });
    const early = connectTo(server);
    await deadline(early.writable.close(), "close()");
    expect(early.readyState).toBe("halfclosed");
    const late = connectTo(server);
    await late.opened;
    late.halfclose();
    await settle();
    await deadline(late.writable.close(), "close()");
  });

  test.each(families)("$name: of both ends closes both sockets by themselves (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
    const inbox = collect(peer);
    const reader = socket.readable.getReader();
    await socket.writable.close();
    await inbox.end();
    peer.end("last");
    expect(text((await reader.read()).value)).toBe("last");
    expect((await reader.read()).done).toBe(true);
    await deadline(socket.closed, "closed");
  });

  test.each(families)("$name: goes on where the socket's close() follows it: what was written is flushed (R-streams, R-tcp-close)", async ({ pair }) => {
    const { socket, peer } = await pair();
    peer.pause();
    socket.send(pattern(16 * MIB));
    const closed = socket.writable.close();
    await settle();
    socket.close();
    const inbox = collect(peer);
    await deadline(closed, "close()", 20_000);
    await inbox.until(16 * MIB, 20_000);
  });

  test("is rejected by a loss and by reset() before the last byte is out (R-streams)", async () => {
    const lost = await tcpPair();
    lost.peer.pause();
    lost.socket.send(pattern(32 * MIB));
    const closing = lost.socket.writable.close();
    await settle();
    lost.peer.resetAndDestroy();
    expectIsDOMException(await reasonOf(closing), "NetworkError", "ECONNRESET");

    const reset = await tcpPair();
    reset.peer.pause();
    reset.socket.send(pattern(32 * MIB));
    const other = reset.socket.writable.close();
    await settle();
    reset.socket.reset();
    expectIsDOMException(await reasonOf(other), "InvalidStateError", 11);
  });
});

describe("abort()", () => {
  test.each(families)("$name: is reset(), at once, though a write is under way (R-streams, R-reset)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const log = record(socket, ["error", "close"]);
    const reader = socket.readable.getReader();
    const writer = socket.writable.getWriter();
    const writing = writer.write(pattern(32 * MIB));
    await settle();
    const aborted = writer.abort("why");
    expect(socket.readyState).toBe("closed");
    expectIsDOMException(await reasonOf(writing), "InvalidStateError", 11);
    await deadline(aborted, "abort()");
    expect((await reader.read()).done).toBe(true);
    await log.until("close");
    expect(log.types).toEqual(["close"]);
    // A peer that was not reading meanwhile gets what its system has: some.
    const inbox = collect(peer);
    await once(peer, "close");
    expect(inbox.length).toBeLessThan(32 * MIB);
    await deadline(socket.closed, "closed");
  });

  test.each(families)("$name: while connecting abandons the attempt (R-streams, R-tcp-close-connecting)", async ({ listen, connectTo }) => {
    const server = await listen();
    const socket = connectTo(server);
    await socket.writable.abort("why");
    expectIsDOMException(await reasonOf(socket.closed), "NetworkError", "ECONNABORTED");
  });

  test.each(families)("$name: by a pipe whose source fails is reset() too: with TCP the peer does not take a part for the whole (R-streams)", async ({ pair, seesReset }) => {
    const { socket, peer } = await pair();
    const seen = seesReset(peer.resume());
    const failure = new Error("no more");
    const source = new ReadableStream({
      start: (controller) => controller.enqueue("some"),
      pull: () => Promise.reject(failure),
    });
    await expect(source.pipeTo(socket.writable)).rejects.toBe(failure);
    await seen;
  });
});

describe("relay()", () => {
  test.each(families)("$name: refuses the streams of its sockets, and a write under way rejects: no drain would come (R-streams, R-relay)", async ({ pair }) => {
    const [one, other] = [await pair(), await pair()];
    one.peer.pause();
    const writing = one.socket.writable.getWriter().write(pattern(32 * MIB));
    await settle();
    const result = relay(one.socket, other.socket);
    expectIsDOMException(await reasonOf(writing), "InvalidStateError");
    expectIsDOMException(await reasonOf(other.socket.writable.getWriter().write("x")), "InvalidStateError");
    expectIsDOMException(await reasonOf(other.socket.readable.getReader().read()), "InvalidStateError");
    // The bytes flow all the same, those of the write too.
    const inbox = collect(one.peer);
    other.peer.end("through");
    one.peer.end();
    await inbox.until(32 * MIB + 7, 20_000);
    expect(text(inbox.bytes().subarray(-7))).toBe("through");
    expect(await deadline(result, "the relay")).toMatchObject({ bytesToA: 7 });
  });
});

describe("the socket's own calls", () => {
  test.each(["close", "reset"])("%s() rejects a write under way and those that wait, and fails the stream (R-streams)", async (end) => {
    const { socket, peer } = await tcpPair();
    peer.pause();
    const writer = socket.writable.getWriter();
    const writes = [writer.write(pattern(32 * MIB)), writer.write("next"), writer.write("last")];
    await settle();
    socket[end]();
    for (const write of writes) {
      const reason = await reasonOf(write);
      expectIsDOMException(reason, "InvalidStateError", 11);
      expect(reason.message).toContain(`${end}() was called`);
    }
    await reasonOf(writer.closed);
  });

  test.each(families)("$name: close() while connecting rejects what waits for open (R-streams)", async ({ listen, connectTo }) => {
    const server = await listen();
    const socket = connectTo(server);
    const writing = socket.writable.getWriter().write("x");
    // The stream hands the chunk over a few microtasks later: still before the connection is told of.
    for (let i = 0; i < 20; i++) {
      await null;
    }
    expect(socket.readyState).toBe("connecting");
    socket.close();
    expectIsDOMException(await reasonOf(writing), "InvalidStateError");
  });

  test.each(families)("$name: taking only writable counts as a halfclose listener: it goes on after the peer's FIN (R-streams, R-tcp-fin)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const inbox = collect(peer);
    const writer = socket.writable.getWriter();
    const halfclose = once(socket, "halfclose");
    peer.end();
    await halfclose;
    expect(socket.readyState).toBe("open");
    await writer.write("goes on");
    await writer.close();
    await inbox.end();
    expect(inbox.text()).toBe("goes on");
    await deadline(socket.closed, "closed");
  });

  test.each(families)("$name: taking only writable leaves message events alone (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    void socket.writable;
    const message = once(socket, "message");
    peer.write("event");
    expect(text((await message).data)).toBe("event");
  });

  test.each(families)("$name: an echo by pipeTo() is one line, and ends by itself (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const inbox = collect(peer);
    const bytes = pattern(4 * MIB);
    const piped = socket.readable.pipeTo(socket.writable);
    peer.end(bytes);
    await deadline(piped, "the pipe", 20_000);
    await inbox.end(20_000);
    expect(inbox.sha256()).toBe(sha256(bytes));
    await deadline(socket.closed, "closed");
  });
});
