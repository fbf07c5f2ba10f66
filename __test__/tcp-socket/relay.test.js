"use strict";

const {
  ROOT,
  UDPSocket,
  tcp,
  tcpPair,
  acceptedPair,
  listen,
  once,
  record,
  collect,
  settle,
  turn,
  eventually,
  expectDOMException,
  expectIsDOMException,
} = require("../helpers");

const { relay } = require(ROOT);

const EVENTS = ["open", "message", "drain", "halfclose", "error", "close"];

/** Two relayed sockets, their node:net peers, and what they tell. */
async function relayed({ a = {}, b = {}, how = {} } = {}) {
  const first = await tcpPair({ options: a, peer: { allowHalfOpen: true, ...how } });
  const second = await tcpPair({ options: b, peer: { allowHalfOpen: true, ...how } });
  const logs = [first, second].map(({ socket }) => record(socket, EVENTS));
  const result = relay(first.socket, second.socket);
  result.catch(() => {});
  return { a: first.socket, b: second.socket, peerA: first.peer, peerB: second.peer, logs, result };
}

/** The rejection of a promise. */
function rejection(promise) {
  return promise.then(
    () => {
      throw new Error("it was fulfilled");
    },
    (error) => error,
  );
}

describe("relay(a, b) (R-relay)", () => {
  test("bytes flow both ways, no event tells of them, and the promise is fulfilled with the counts when both peers have ended", async () => {
    const { a, b, peerA, peerB, logs, result } = await relayed();
    const [atA, atB] = [collect(peerA), collect(peerB)];
    peerA.write("from A to B");
    peerB.write("and back");
    await atB.until(11);
    await atA.until(8);
    expect([atA.text(), atB.text()]).toEqual(["and back", "from A to B"]);
    expect([a.readyState, b.readyState]).toEqual(["open", "open"]);
    peerA.end("!");
    await once(peerB, "end");
    expect(atB.text()).toBe("from A to B!");
    expect([a.readyState, b.readyState]).toEqual(["open", "open"]);
    peerB.end("late words");
    expect(await result).toEqual({ bytesToA: 18, bytesToB: 12 });
    expect([a.readyState, b.readyState]).toEqual(["closed", "closed"]);
    expect(logs.map((log) => log.types)).toEqual([["close"], ["close"]]);
    await atA.end();
    expect(atA.text()).toBe("and backlate words");
  });

  test("what was sent before leaves first, a Blob too, and what had come and was held goes to the other", async () => {
    const first = await tcpPair({ peer: { allowHalfOpen: true } });
    const second = await tcpPair({ peer: { allowHalfOpen: true } });
    first.peer.write("held at A, ");
    second.peer.write("held at B, ");
    await settle();
    first.socket.send("sent to A, ");
    first.socket.send(new Blob(["a Blob, "]));
    second.socket.send("sent to B, ");
    const [atA, atB] = [collect(first.peer), collect(second.peer)];
    const result = relay(first.socket, second.socket);
    first.peer.end("then from A");
    second.peer.end("then from B");
    await result;
    await Promise.all([atA.end(), atB.end()]);
    expect(atA.text()).toBe("sent to A, a Blob, held at B, then from B");
    expect(atB.text()).toBe("sent to B, held at A, then from A");
  });

  test("what one read brought and only half of it was told goes to the other, whole and in order", async () => {
    const first = await tcpPair({ peer: { allowHalfOpen: true } });
    const second = await tcpPair({ peer: { allowHalfOpen: true } });
    const size = 8_000_000;
    const all = Buffer.alloc(size, "0123456789");
    let told = 0;
    const atB = collect(second.peer);
    const result = new Promise((resolve) => {
      first.socket.onmessage = ({ data }) => {
        told += data.byteLength;
        // In the middle of a large read, whose rest waits.
        if (data.byteLength === 65536 && told > 1_000_000) {
          first.socket.onmessage = null;
          resolve(relay(first.socket, second.socket));
          second.peer.end();
        }
      };
    });
    first.peer.end(all);
    expect(await result).toEqual({ bytesToA: 0, bytesToB: size - told });
    await atB.end();
    expect(atB.bytes().equals(all.subarray(told))).toBe(true);
  });

  test("what a slow reader has not taken is not lost: much was sent before, much comes after", async () => {
    const first = await tcpPair({ peer: { allowHalfOpen: true } });
    const second = await tcpPair({ peer: { allowHalfOpen: true } });
    const before = Buffer.alloc(20_000_000, "b");
    const after = Buffer.alloc(20_000_000, "a");
    second.peer.pause();
    expect(second.socket.send(before)).toBe(false);
    const drained = record(second.socket, ["drain"]);
    const result = relay(first.socket, second.socket);
    first.peer.end(after);
    await settle();
    const atB = collect(second.peer);
    second.peer.end();
    expect(await result).toEqual({ bytesToA: 0, bytesToB: after.length });
    await atB.end();
    expect(atB.bytes().equals(Buffer.concat([before, after]))).toBe(true);
    expect(drained.types).toEqual([]);
  });

  test("much data both ways at once arrives whole", async () => {
    const { peerA, peerB, result } = await relayed();
    const size = 30_000_000;
    const [up, down] = [Buffer.alloc(size, "0123456789"), Buffer.alloc(size, "abcdefg")];
    const [atA, atB] = [collect(peerA), collect(peerB)];
    peerA.end(up);
    peerB.end(down);
    expect(await result).toEqual({ bytesToA: size, bytesToB: size });
    await Promise.all([atA.end(), atB.end()]);
    expect(atB.bytes().equals(up)).toBe(true);
    expect(atA.bytes().equals(down)).toBe(true);
  });

  test("a reader that does not read holds the other side's sender back", async () => {
    const { peerA, peerB, result } = await relayed();
    peerB.pause();
    const chunk = Buffer.alloc(1 << 20);
    let written = 0;
    while (written < 200 && peerA.writableLength < 64 << 20) {
      peerA.write(chunk);
      written += 1;
      await turn();
    }
    await settle();
    // Sockets and pipes hold some megabytes; the rest is the sender's.
    expect(peerA.writableLength).toBeGreaterThan(32 << 20);
    const at = collect(peerB);
    peerA.end();
    peerB.end();
    await at.end();
    expect((await result).bytesToB).toBe(at.length);
    expect(at.length).toBe(written * chunk.length);
  });

  test("send(), halfclose() throw InvalidStateError, and change nothing", async () => {
    const { a, b, peerA, peerB, result } = await relayed();
    for (const socket of [a, b]) {
      for (const data of ["x", new Uint8Array(1), new ArrayBuffer(1), new Blob(["x"]), new Uint8Array(0), "", new Blob([])]) {
        expect(expectDOMException(() => socket.send(data), "InvalidStateError").message).toMatch(/relay/);
      }
      expect(expectDOMException(() => socket.halfclose(), "InvalidStateError").message).toMatch(/relay/);
      expect([socket.readyState, socket.bufferedAmount]).toEqual(["open", 0]);
    }
    peerA.end();
    peerB.end();
    await result;
    expectDOMException(() => a.send("x"), "InvalidStateError");
    expect(a.halfclose()).toBe(undefined);
  });

  test("a suspended socket is resumed", async () => {
    const first = await tcpPair();
    const second = await tcpPair();
    first.socket.suspend();
    const at = collect(second.peer);
    const result = relay(first.socket, second.socket);
    first.peer.write("x");
    await at.until(1);
    first.peer.end();
    await result;
  });

  test("the end that was told before relay() is passed on", async () => {
    const first = await tcpPair({ peer: { allowHalfOpen: true } });
    const second = await tcpPair({ peer: { allowHalfOpen: true } });
    const halfclose = once(first.socket, "halfclose");
    first.peer.end();
    await halfclose;
    first.socket.onhalfclose = () => {};
    const end = once(second.peer, "end");
    second.peer.resume();
    const result = relay(first.socket, second.socket);
    await end;
    const atA = collect(first.peer);
    second.peer.end("answer");
    expect(await result).toEqual({ bytesToA: 6, bytesToB: 0 });
    await atA.end();
    expect(atA.text()).toBe("answer");
  });

  test("a loss of one is its error and close, resets the other, which only closes, and rejects with the error's exception", async () => {
    const { a, b, peerA, peerB, logs, result } = await relayed();
    const ends = new Promise((resolve) => peerB.on("error", resolve));
    peerA.resetAndDestroy();
    const reason = await rejection(result);
    await Promise.all(logs.map((log) => log.until("close")));
    expect(logs.map((log) => log.types)).toEqual([["error", "close"], ["close"]]);
    expect(logs[0].entries[0].event.error).toBe(reason);
    expectIsDOMException(reason, "NetworkError", "ECONNRESET");
    expect([a.readyState, b.readyState]).toEqual(["closed", "closed"]);
    expect((await ends).code).toBe("ECONNRESET");
  });

  test("a loss of one changes the other's readyState with the other's close event, not before (R-task)", async () => {
    const { a, b, peerA, logs, result } = await relayed();
    const states = [];
    for (const type of ["error", "close"]) {
      a.addEventListener(type, () => states.push([a.readyState, b.readyState]));
    }
    b.addEventListener("close", () => states.push(b.readyState));
    peerA.resetAndDestroy();
    await rejection(result);
    await Promise.all(logs.map((log) => log.until("close")));
    expect(states.filter((state) => typeof state === "string")).toEqual(["closed"]);
    const before = states.slice(0, states.indexOf("closed"));
    expect(before).toEqual(before.map(() => ["closed", "open"]));
  });

  test("reset() of one closes it at once, resets the other, and fulfils with the counts", async () => {
    const { a, b, peerA, peerB, logs, result } = await relayed();
    const at = collect(peerB);
    peerA.write("seven");
    await at.until(5);
    const ends = Promise.all([peerA, peerB].map((peer) => new Promise((resolve) => peer.on("error", resolve))));
    a.reset();
    expect(a.readyState).toBe("closed");
    expect(b.readyState).toBe("closed");
    expect(await result).toEqual({ bytesToA: 0, bytesToB: 5 });
    expect(logs.map((log) => log.types)).toEqual([["close"], ["close"]]);
    expect((await ends).map((error) => error.code)).toEqual(["ECONNRESET", "ECONNRESET"]);
  });

  test("close() of one closes both in order: what is under way still leaves, FIN follows, and the counts come", async () => {
    const { a, b, peerA, peerB, logs, result } = await relayed();
    const at = collect(peerB);
    peerA.write("under way");
    await at.until(9);
    const ends = Promise.all([once(peerA, "end"), once(peerB, "end")]);
    peerA.resume();
    a.close();
    expect([a.readyState, b.readyState]).toEqual(["closing", "closing"]);
    await ends;
    peerA.end();
    peerB.end();
    expect(await result).toEqual({ bytesToA: 0, bytesToB: 9 });
    expect(logs.map((log) => log.types)).toEqual([["close"], ["close"]]);
  });

  test("after close() megabytes that were taken before still arrive, in order", async () => {
    const { a, peerA, peerB, result } = await relayed();
    peerB.pause();
    const chunk = Buffer.alloc(8 << 20, "0123456789");
    peerA.write(chunk);
    // On a busy machine the relay's task may take its time.
    await eventually(() => a.bytesRead > 0);
    const at = collect(peerB);
    a.close();
    await at.end();
    peerB.end();
    peerA.resume();
    peerA.end();
    expect((await result).bytesToB).toBe(at.length);
    expect(at.bytes().equals(chunk.subarray(0, at.length))).toBe(true);
    expect(at.length).toBeGreaterThan(0);
  });

  test("accepted sockets are relayed alike; each socket's listeners hear close once", async () => {
    const first = await acceptedPair({ peer: { allowHalfOpen: true } });
    const second = await tcpPair({ peer: { allowHalfOpen: true } });
    const result = relay(first.socket, second.socket);
    const at = collect(second.peer);
    first.peer.end("through");
    second.peer.end();
    expect(await result).toEqual({ bytesToA: 0, bytesToB: 7 });
    await at.end();
    expect(at.text()).toBe("through");
    await eventually(() => first.server.connections === 0);
  });

  test("many relays at once", async () => {
    const pairs = [];
    for (let i = 0; i < 50; i++) {
      pairs.push(await relayed());
    }
    const inboxes = pairs.map(({ peerB }) => collect(peerB));
    pairs.forEach(({ peerA, peerB }, i) => {
      peerA.end(Buffer.alloc(100_000 + i, i));
      peerB.end();
    });
    const results = await Promise.all(pairs.map(({ result }) => result));
    expect(results.map(({ bytesToB }) => bytesToB)).toEqual(pairs.map((_, i) => 100_000 + i));
    await Promise.all(inboxes.map((inbox) => inbox.end()));
    inboxes.forEach((inbox, i) => expect(inbox.bytes().equals(Buffer.alloc(100_000 + i, i))).toBe(true));
  });

  test.each([
    ["connecting", async () => tcp("127.0.0.1", (await listen()).port)],
    ["closing", async () => closing(await tcpPair())],
    ["halfclosed", async () => halfclosed(await tcpPair())],
    ["closed", async () => closed(await tcpPair())],
    ["being relayed", async () => (await relayed()).a],
    ["read as a stream", async () => streamed(await tcpPair())],
  ])("a socket that is %s is refused with InvalidStateError, and the other stays as it was", async (_, make) => {
    const { socket, peer } = await tcpPair();
    for (const order of [1, -1]) {
      const pair = [socket, await make()].sort(() => order);
      expectIsDOMException(await rejection(relay(...pair)), "InvalidStateError");
    }
    const inbox = collect(peer);
    socket.send("still mine");
    await inbox.until(10);
  });

  test.each([
    ["by a task", () => {}],
    ["in turns", (socket) => socket.send(new Blob(["b".repeat(5)]))],
  ])("the exception of a loss has the counts, when both are closed, %s", async (_, prepare) => {
    const { socket: a, peer: peerA } = await tcpPair();
    const { socket: b, peer: peerB } = await tcpPair();
    prepare(a);
    const states = [];
    const result = relay(a, b).catch((error) => {
      states.push(a.readyState, b.readyState);
      return error;
    });
    const lost = new Promise((resolve) => {
      a.onerror = ({ error }) => resolve([error, error.bytesToA]);
    });
    const [atA, atB] = [collect(peerA), collect(peerB)];
    peerA.write("seven b");
    peerB.write("four");
    await Promise.all([atB.until(7), eventually(() => atA.text().endsWith("four"))]);
    peerA.resetAndDestroy();
    const [error, early] = await lost;
    expect(await result).toBe(error);
    expect([error.name, error.code, error.bytesToA, error.bytesToB]).toEqual(["NetworkError", "ECONNRESET", 4, 7]);
    expect(early).toBe(undefined);
    expect(states).toEqual(["closed", "closed"]);
  });

  test.each([
    ["close()", (a) => a.close()],
    ["reset()", (a) => a.reset()],
    ["close() of the other", (_, b) => b.close()],
    ["reset() of the other", (_, b) => b.reset()],
  ])("after %s it is fulfilled with the counts", async (_, act) => {
    const { a, b, peerA, peerB, result } = await relayed();
    const [atA, atB] = [collect(peerA), collect(peerB)];
    peerA.write("seven b");
    peerB.write("four");
    await Promise.all([atB.until(7), atA.until(4)]);
    act(a, b);
    expect(await result).toEqual({ bytesToA: 4, bytesToB: 7 });
  });

  test("a signal's abort of one rejects with its exception and the counts (R-abort)", async () => {
    const controller = new AbortController();
    const { a, b, peerA, peerB, result } = await relayed({ a: { signal: controller.signal } });
    const atB = collect(peerB);
    peerA.write("seven b");
    await atB.until(7);
    controller.abort(new Error("the reason"));
    const error = await rejection(result);
    expect([error.code, error.bytesToA, error.bytesToB, error.cause.message]).toEqual(["ABORT_ERR", 0, 7, "the reason"]);
    expect([a.readyState, b.readyState]).toEqual(["closed", "closed"]);
  });

  test("a socket with itself is refused with InvalidStateError", async () => {
    const { socket } = await tcpPair();
    expectIsDOMException(await rejection(relay(socket, socket)), "InvalidStateError");
    expect(socket.send("x")).toBe(true);
  });

  test("what is no TCPSocket rejects with TypeError; so do missing arguments (R-shape)", async () => {
    const { socket } = await tcpPair();
    for (const args of [[], [socket], [socket, {}], [null, socket], [socket, "x"], [socket, new UDPSocket()], [Object.create(socket), socket]]) {
      const error = await rejection(relay(...args));
      expect(error.name).toBe("TypeError");
      args[1]?.close?.();
    }
    expect([relay.name, relay.length]).toEqual(["relay", 2]);
  });

  test("a loss that nobody hears warns nobody: the promise was asked for (R-unheard)", async () => {
    // A warning fails the test (helpers/jest-environment.js).
    const [first, second] = [await tcpPair(), await tcpPair()];
    const result = relay(first.socket, second.socket);
    first.peer.resetAndDestroy();
    expect(await rejection(result)).toMatchObject({ code: "ECONNRESET" });
  });
});

function closing({ socket }) {
  socket.close();
  return socket;
}

function halfclosed({ socket }) {
  socket.halfclose();
  return socket;
}

function closed({ socket }) {
  socket.reset();
  return socket;
}

function streamed({ socket }) {
  expect(socket.readable.locked).toBe(false);
  return socket;
}

test("an `error` listener that freezes the exception does not keep the promise from settling (R-relay)", async () => {
  const [one, other] = [await tcpPair(), await tcpPair()];
  one.socket.onerror = ({ error }) => Object.freeze(error);
  other.socket.onerror = () => {};
  const relayed = relay(one.socket, other.socket);
  one.peer.resetAndDestroy();
  await expect(relayed).rejects.toMatchObject({ name: "NetworkError" });
});
