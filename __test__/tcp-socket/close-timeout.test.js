"use strict";

// closeTimeout: a closing socket whose peer takes nothing (R-tcp-close). Peers here are paused: their systems fill up, and then
// acknowledge nothing. A small sendBufferSize leaves most of what is sent in the socket's own queue.

const { relay } = require("../..");
const {
  collect,
  defer,
  eventually,
  expectIsDOMException,
  expectTypeError,
  families,
  listen,
  once,
  pattern,
  record,
  run,
  settle,
  sha256,
  sleep,
  start,
  tcp,
  tcpPair,
  tcpServer,
  track,
} = { ...require("../helpers"), ...require("../helpers/cleanup") };
const { expectLostInClosing } = require("../helpers/close-timeout");

const MIB = 1024 * 1024;
const PATIENT = 15_000;
const small = { sendBufferSize: 64 * 1024 };

/** An open socket, with a peer that reads nothing until it is told to. */
async function withPausedPeer(pair, options, peer) {
  const made = await pair({ options: { ...small, ...options }, peer: { pauseOnConnect: true, ...peer } });
  made.log = record(made.socket, ["drain", "error", "close"]);
  return made;
}

/** Reads `step` bytes every `pause` ms, as a program does that is busy with what it got. */
function readSlowly(peer, step, pause) {
  const chunks = [];
  const done = new Promise((resolve) => {
    peer.once("end", resolve);
  });
  peer.on("readable", () => {});
  const timer = setInterval(() => {
    const chunk = peer.read(step) ?? peer.read();
    if (chunk !== null) chunks.push(chunk);
  }, pause);
  defer(() => clearInterval(timer));
  return { chunks, done };
}

describe("close() with a peer that reads nothing (R-tcp-close)", () => {
  test("is a lost connection after closeTimeout: closed, error (ETIMEDOUT), close, in that order", async () => {
    const { socket, peer, log } = await withPausedPeer(tcpPair, { closeTimeout: 400 });
    socket.send(pattern(8 * MIB));
    const before = performance.now();
    socket.close();
    expect(socket.readyState).toBe("closing");
    const { event, readyState } = await log.until("error", PATIENT);
    // Not before it is due: what the peer's system takes at first starts the time again.
    expect(performance.now() - before).toBeGreaterThanOrEqual(400);
    expect(readyState).toBe("closed");
    expectIsDOMException(event.error, "NetworkError", "ETIMEDOUT");
    expect(event.error.message).toMatch(/closeTimeout \(400 ms\): \d+ bytes were not sent/);
    expect([event.error.address, event.error.port]).toEqual([peer.localAddress, peer.localPort]);
    await log.until("close");
    // R-tcp-lost: the count of what was not sent stays.
    expect(socket.bufferedAmount).toBeGreaterThan(4 * MIB);
    await settle();
    expect(log.types).toEqual(["error", "close"]);
    await expect(socket.closed).rejects.toBe(event.error);
  }, PATIENT);

  test("resets the connection: the peer does not take what it got for the whole", async () => {
    // A peer of the package's: libuv makes an end of a reset that it finds behind unread bytes.
    const server = tcpServer();
    const connect = once(server, "connect");
    const socket = tcp("127.0.0.1", server.localPort, { closeTimeout: 100, ...small });
    const peer = track((await connect).connectedSocket);
    const log = record(peer, ["halfclose", "error", "close"]);
    const own = record(socket, ["open", "error"]);
    await own.until("open");
    socket.send(pattern(8 * MIB));
    socket.close();
    const { event } = await log.until("error", PATIENT);
    expect(event.error.code).toBe("ECONNRESET");
    expect(own.types).toEqual(["open", "error"]);
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
  }, PATIENT);

  test.each(families)("$name: what the peer sends meanwhile is dropped and buys no time", async ({ pair }) => {
    const { socket, peer, log } = await withPausedPeer(pair, { closeTimeout: 300 });
    const timer = setInterval(() => peer.write("I am still here"), 20);
    defer(() => clearInterval(timer));
    socket.addEventListener("message", () => {});
    socket.send(pattern(8 * MIB));
    socket.close();
    await log.until("close", PATIENT);
    expect(log.types).toEqual(["error", "close"]);
  }, PATIENT);

  test.each(families)("$name: an accepted socket has its server's closeTimeout", async ({ acceptedPair }) => {
    const { socket, peer } = await acceptedPair({ options: { closeTimeout: 300 } });
    peer.pause();
    await expectLostInClosing(socket, 16 * MIB, 300, PATIENT);
  }, PATIENT);

  test("a socket of connect() has its option's", async () => {
    const server = await listen({ pauseOnConnect: true });
    const { connect } = require("../..");
    const socket = await connect("127.0.0.1", server.port, { closeTimeout: 300, ...small });
    defer(() => socket.reset());
    const log = record(socket, ["error", "close"]);
    socket.send(pattern(8 * MIB));
    socket.close();
    const { event } = await log.until("error", PATIENT);
    expect(event.error.message).toContain("closeTimeout (300 ms)");
  }, PATIENT);

  test.each(families)("$name: 0 is no limit, whoever else has one", async ({ pair }) => {
    const unlimited = await withPausedPeer(pair, { closeTimeout: 0 });
    const limited = await withPausedPeer(pair, { closeTimeout: 100 });
    const bytes = pattern(8 * MIB);
    for (const { socket } of [unlimited, limited]) {
      socket.send(bytes);
      socket.close();
    }
    await limited.log.until("close", PATIENT);
    await sleep(1000);
    expect(unlimited.log.types).toEqual([]);
    expect(unlimited.socket.readyState).toBe("closing");
    const inbox = collect(unlimited.peer);
    await inbox.end();
    expect(inbox.sha256()).toBe(sha256(bytes));
  }, PATIENT);

  test.each(families)("$name: readyState, the promise and the streams tell of it like of any loss (R-streams)", async ({ pair }) => {
    const { socket } = await withPausedPeer(pair, { closeTimeout: 200 });
    const { readable } = socket;
    socket.send(pattern(8 * MIB));
    socket.close();
    await expect(socket.closed).rejects.toMatchObject({ code: "ETIMEDOUT" });
    expect(socket.readyState).toBe("closed");
    // close() has closed it, and that is that.
    expect(await readable.getReader().read()).toEqual({ done: true, value: undefined });
  }, PATIENT);
});

describe("a peer that takes bytes gets them all (R-tcp-close)", () => {
  test.each(families)("$name: one that reads slowly, for much longer than closeTimeout", async ({ pair }) => {
    const { socket, peer, log } = await withPausedPeer(pair, { closeTimeout: 2000 });
    const bytes = pattern(1.25 * MIB);
    socket.send(bytes);
    const before = Date.now();
    socket.close();
    // Its system tells of room in steps of some 95 KB: about every half second.
    const { chunks, done } = readSlowly(peer, 10_000, 50);
    await done;
    expect(Date.now() - before).toBeGreaterThan(4000);
    expect(sha256(chunks)).toBe(sha256(bytes));
    await log.until("close");
    expect(log.types).toEqual(["drain", "close"]);
  }, 30_000);

  test.each(families)("$name: one that reads nothing for less than closeTimeout, then goes on, again and again", async ({ pair }) => {
    const { socket, peer, log } = await withPausedPeer(pair, { closeTimeout: 1500 });
    const bytes = pattern(8 * MIB);
    socket.send(bytes);
    socket.close();
    const chunks = [];
    let length = 0;
    let pauses = 0;
    peer.on("data", (chunk) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > 2 * MIB * (pauses + 1) && pauses < 3) {
        pauses++;
        peer.pause();
        setTimeout(() => peer.resume(), 700);
      }
    });
    peer.resume();
    await once(peer, "end", PATIENT);
    expect(pauses).toBe(3);
    expect(sha256(chunks)).toBe(sha256(bytes));
    await log.until("close");
    expect(log.types).toEqual(["drain", "close"]);
  }, PATIENT);

  test.each(families)("$name: what is the system's by then goes out after close, which the limit has no part in", async ({ pair }) => {
    const { socket, peer } = await pair({ options: { closeTimeout: 100 }, peer: { pauseOnConnect: true } });
    const log = record(socket, ["error", "close"]);
    const bytes = pattern(32 * 1024);
    socket.send(bytes);
    socket.close();
    // The linger of 2 s of silence.
    await log.until("close", PATIENT);
    expect(log.types).toEqual(["close"]);
    const inbox = collect(peer);
    await inbox.end();
    expect(inbox.sha256()).toBe(sha256(bytes));
  }, PATIENT);
});

describe("other ways to end", () => {
  test.each(families)("$name: closing by the peer's FIN has the limit too (R-tcp-fin, R-tcp-close)", async ({ pair }) => {
    const { socket, peer, log } = await withPausedPeer(pair, { closeTimeout: 300 }, { allowHalfOpen: true });
    socket.send(pattern(8 * MIB));
    peer.end();
    await eventually(() => socket.readyState === "closing");
    const { event } = await log.until("error", PATIENT);
    expectIsDOMException(event.error, "NetworkError", "ETIMEDOUT");
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
  }, PATIENT);

  test.each(["halfclose()", "writable.close()"])("%s alone has none; close() after it has (R-tcp-halfclose)", async (way) => {
    const { socket, log } = await withPausedPeer(tcpPair, { closeTimeout: 200 });
    const { writable } = socket;
    socket.send(pattern(8 * MIB));
    const closing = way === "halfclose()" ? socket.halfclose() : writable.close();
    const outcome = Promise.resolve(closing).catch((error) => error);
    await sleep(1000);
    expect(socket.readyState).toBe("halfclosed");
    expect(log.types).toEqual([]);
    socket.close();
    const { event } = await log.until("error", PATIENT);
    expectIsDOMException(event.error, "NetworkError", "ETIMEDOUT");
    await log.until("close");
    await outcome;
    expect(log.types).toEqual(["error", "close"]);
  }, PATIENT);

  test.each(families)("$name: halfclose() has none when the peer ends either", async ({ pair }) => {
    const { socket, peer, log } = await withPausedPeer(pair, { closeTimeout: 200 }, { allowHalfOpen: true });
    const bytes = pattern(8 * MIB);
    socket.send(bytes);
    socket.halfclose();
    peer.end();
    await sleep(1000);
    expect(log.types).toEqual([]);
    const inbox = collect(peer);
    await inbox.end();
    expect(inbox.sha256()).toBe(sha256(bytes));
    await log.until("close");
  }, PATIENT);

  test.each(families)("$name: startTls() with a peer that says nothing: the handshake is part of the flush (R-tls-start)", async ({ pair }) => {
    const { socket, log } = await withPausedPeer(pair, { closeTimeout: 300, connectTimeout: 0 });
    const started = socket.startTls({ rejectUnauthorized: false }).catch((error) => error);
    await settle();
    socket.send("a secret, which cannot leave before");
    socket.close();
    const { event } = await log.until("error", PATIENT);
    expectIsDOMException(event.error, "NetworkError", "ETIMEDOUT");
    expect(await started).toBe(event.error);
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
  }, PATIENT);

  test.each(families)("$name: startTls() behind much that the peer does not take", async ({ pair }) => {
    const { socket, log } = await withPausedPeer(pair, { closeTimeout: 300, connectTimeout: 0 });
    socket.send(pattern(8 * MIB));
    const started = socket.startTls({ rejectUnauthorized: false }).catch((error) => error);
    socket.close();
    const { event } = await log.until("error", PATIENT);
    expectIsDOMException(event.error, "NetworkError", "ETIMEDOUT");
    expect(await started).toBe(event.error);
  }, PATIENT);

  test.each(families)("$name: relay(): after close() each end flushes by itself, and one whose peer takes nothing is lost (R-relay)", async ({ pair }) => {
    const source = await pair({ options: { closeTimeout: 300 } });
    const sink = await withPausedPeer(pair, { closeTimeout: 300 });
    const log = record(source.socket, ["error", "close"]);
    const outcome = relay(source.socket, sink.socket).catch((error) => error);
    source.peer.write(pattern(8 * MIB));
    await eventually(() => source.peer.bytesWritten > 0);
    await settle(200);
    source.socket.close();
    const { event } = await sink.log.until("error", PATIENT);
    expectIsDOMException(event.error, "NetworkError", "ETIMEDOUT");
    await sink.log.until("close");
    source.peer.end();
    await log.until("close", PATIENT);
    expect(log.types).toEqual(["close"]);
    expect(sink.log.types).toEqual(["error", "close"]);
    expect(await outcome).toBe(event.error);
  }, PATIENT);
});

test("50 peers that take nothing: what was held for them is there for the next 50 (R-tcp-close)", async () => {
  const server = await listen({ pauseOnConnect: true, backlog: 128 });
  // The C library may keep what it was given back, so the second time tells: it needs no more than the first.
  const script = `
    const [port] = process.argv.slice(-1).map(Number);
    const bytes = new Uint8Array(4 * 1024 * 1024).fill(7);
    async function fifty() {
      const sockets = await Promise.all(Array.from({ length: 50 }, async () => {
        const socket = new TCPSocket("127.0.0.1", port, { closeTimeout: 1500, sendBufferSize: 65536 });
        await once(socket, "open");
        return socket;
      }));
      const ends = sockets.map(async (socket) => {
        const error = once(socket, "error", 20_000);
        socket.send(bytes);
        socket.close();
        return (await error).error.code;
      });
      const most = process.memoryUsage.rss();
      const codes = await Promise.all(ends);
      await Promise.all(sockets.map((socket) => socket.closed.catch(() => {})));
      return { most, codes: [...new Set(codes)] };
    }
    (async () => {
      const before = process.memoryUsage.rss();
      const [first, second] = [await fifty(), await fifty()];
      report({ held: first.most - before, again: second.most - before, codes: [...first.codes, ...second.codes] });
    })();`;
  const { code, reports, stderr } = await run(script, { args: [String(server.port)], timeout: 25_000 });
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const [{ held, again, codes }] = reports;
  expect(codes).toEqual(["ETIMEDOUT", "ETIMEDOUT"]);
  expect(held).toBeGreaterThan(100 * MIB);
  expect(again).toBeLessThan(1.5 * held);
}, 30_000);

describe("a process whose socket is closing (R-keep)", () => {
  const script = (unref) => `
    const [port] = process.argv.slice(-1).map(Number);
    (async () => {
      const socket = new TCPSocket("127.0.0.1", port, { closeTimeout: 1000, sendBufferSize: 65536 });
      socket.onerror = ({ error }) => process.stdout.write(error.code);
      await once(socket, "open");
      socket.send(new Uint8Array(8 * 1024 * 1024));
      socket.close();
      ${unref ? "socket.unref();" : ""}
    })();`;

  test("lives until closeTimeout is over, and then ends", async () => {
    const server = await listen({ pauseOnConnect: true });
    const { code, stdout, timedOut } = await run(script(false), { args: [String(server.port)] });
    expect({ code, stdout, timedOut }).toEqual({ code: 0, stdout: "ETIMEDOUT", timedOut: false });
  }, PATIENT);

  test("ends at once where the socket is unref'd", async () => {
    const server = await listen({ pauseOnConnect: true });
    const child = start(script(true), { args: [String(server.port)] });
    const { code, stdout } = await child.done;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  }, PATIENT);
});

describe("values", () => {
  const outOfRange = [-1, 2 ** 32, NaN, Infinity, "long", {}, Symbol("time"), 1n];
  test.each(outOfRange.map((value) => [value]))("%p throws TypeError, on a client and on a server (R-range)", async (closeTimeout) => {
    const server = await listen();
    expectTypeError(() => tcp("127.0.0.1", server.port, { closeTimeout }));
    expectTypeError(() => tcpServer({ closeTimeout }));
  });

  test.each([0, 1, 1.5, "2000", null, 2 ** 32 - 1, undefined])("%p is taken", async (closeTimeout) => {
    const { socket, peer } = await tcpPair({ options: { closeTimeout } });
    const log = record(socket, ["error", "close"]);
    const inbox = collect(peer);
    socket.send("all of it");
    socket.close();
    await inbox.end();
    await log.until("close");
    expect([inbox.text(), log.types]).toEqual(["all of it", ["close"]]);
  });
});
