"use strict";

const { families, tcpPair, once, record, collect, pattern, sha256, settle, sleep, expectIsDOMException } = require("../helpers");

const MIB = 1024 * 1024;
const ALL = ["open", "message", "halfclose", "drain", "error", "close"];
const PATIENT = 10_000;
const slow = process.env.TCP_UDP_SOCKETS_SLOW === "1" ? test : test.skip;

test.each(families)("$name: close() sets closing at once; closed and close come when the peer's FIN arrives (draft close(), R-tcp-close)", async ({ pair }) => {
  const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
  const log = record(socket, ["close", "error", "drain"]);
  expect(socket.close()).toBe(undefined);
  expect(socket.readyState).toBe("closing");
  await once(peer.resume(), "end");
  await settle(100);
  expect(socket.readyState).toBe("closing");
  peer.end();
  const { event, readyState } = await log.until("close");
  expect(readyState).toBe("closed");
  expect(event).toBeInstanceOf(Event);
  expect(event.bubbles).toBe(false);
  expect(event.cancelable).toBe(false);
  await settle();
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: close() flushes what is buffered, however slow the peer (R-tcp-close)", async ({ pair }) => {
  const { socket, peer } = await pair();
  peer.pause();
  const bytes = pattern(16 * MIB);
  socket.send(bytes);
  socket.close();
  await settle(100);
  expect(socket.readyState).toBe("closing");
  expect(socket.bufferedAmount).toBeGreaterThan(0);
  const inbox = collect(peer);
  await inbox.end();
  expect(inbox.sha256()).toBe(sha256(bytes));
  if (socket.readyState !== "closed") {
    await once(socket, "close");
  }
  expect(socket.bufferedAmount).toBe(0);
});

test.each(families)("$name: the linger starts with our FIN, not while the peer is slow to take our bytes (R-tcp-close: as long as that takes)", async ({ pair }) => {
  const { socket, peer } = await pair();
  peer.pause();
  const log = record(socket, ["close", "error"]);
  const bytes = pattern(16 * MIB);
  socket.send(bytes);
  socket.close();
  await sleep(2800);
  expect(log.types).toEqual([]);
  expect(socket.readyState).toBe("closing");
  const inbox = collect(peer);
  await inbox.end();
  expect(inbox.sha256()).toBe(sha256(bytes));
  await log.until("close");
  expect(log.types).toEqual(["close"]);
}, PATIENT);

test.each(families)("$name: no message fires after close(), also where bytes had come before it (R-tcp-close)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const log = record(socket, ["message", "close"]);
  peer.write("before");
  await log.until("message");
  peer.write("on its way");
  socket.close();
  peer.write("after");
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["message", "close"]);
});

test.each(families)("$name: close() in a message handler is the last of the messages, queued ones included (R-tcp-close)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const log = record(socket, ["message", "close"]);
  socket.suspend();
  peer.write(pattern(2 * MIB));
  await settle();
  socket.addEventListener("message", () => socket.close());
  socket.resume();
  await settle();
  peer.end();
  peer.resume();
  await log.until("close");
  expect(log.types).toEqual(["message", "close"]);
});

test.each(families)("$name: what the peer sends after close() is read and dropped, so that it gets no reset (R-tcp-close)", async ({ pair }) => {
  const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
  const inbox = collect(peer);
  const errors = [];
  peer.on("error", (error) => errors.push(error));
  const log = record(socket, ["message", "error", "close"]);
  const bytes = pattern(4 * MIB);
  socket.send(bytes);
  socket.close();
  const flushed = new Promise((resolve) => {
    peer.write(pattern(8 * MIB), resolve);
  });
  await inbox.end();
  expect(inbox.sha256()).toBe(sha256(bytes));
  await flushed;
  peer.end();
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["close"]);
  expect(errors).toEqual([]);
});

test.each(families)("$name: unread bytes at close() do not make it a reset either (R-tcp-close)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const errors = [];
  peer.on("error", (error) => errors.push(error));
  const inbox = collect(peer);
  peer.write(pattern(100_000));
  await settle();
  socket.send("answer");
  socket.close();
  await inbox.end();
  expect(inbox.text()).toBe("answer");
  await once(socket, "close");
  expect(errors).toEqual([]);
});

describe("a peer that does not end", () => {
  test.each(families)("$name: is left after a linger of 2 s of silence: close, no error (R-tcp-close)", async ({ pair }) => {
    const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
    const log = record(socket, ["error", "close"]);
    peer.resume();
    const before = Date.now();
    socket.close();
    await log.until("close", PATIENT);
    const took = Date.now() - before;
    expect(took).toBeGreaterThan(1800);
    expect(took).toBeLessThan(5000);
    expect(log.types).toEqual(["close"]);
    expect(socket.readyState).toBe("closed");
  }, PATIENT);

  test.each(families)("$name: is waited for while it still says something, and what it says is dropped (R-tcp-close)", async ({ pair }) => {
    const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
    const log = record(socket, ["message", "error", "close"]);
    peer.resume();
    socket.close();
    for (let i = 0; i < 5; i++) {
      await sleep(700);
      expect(socket.readyState).toBe("closing");
      peer.write("more");
    }
    peer.end();
    await log.until("close");
    expect(log.types).toEqual(["close"]);
  }, PATIENT);

  slow("is left after 30 s in all (R-tcp-close)", async () => {
    const { socket, peer } = await tcpPair({ peer: { allowHalfOpen: true } });
    const log = record(socket, ["message", "error", "close"]);
    peer.resume();
    const before = Date.now();
    socket.close();
    while (socket.readyState === "closing" && Date.now() - before < 40_000) {
      await sleep(500);
      peer.write("more");
    }
    expect(Date.now() - before).toBeGreaterThan(28_000);
    expect(Date.now() - before).toBeLessThan(35_000);
    expect(log.types).toEqual(["close"]);
  }, 60_000);
});

test.each(families)("$name: close() while closing or closed does nothing (draft close(), step 1)", async ({ pair }) => {
  const { socket } = await pair();
  const log = record(socket, ALL);
  socket.close();
  socket.close();
  expect(socket.readyState).toBe("closing");
  await log.until("close");
  expect(socket.close()).toBe(undefined);
  expect(socket.readyState).toBe("closed");
  await settle();
  expect(log.types).toEqual(["close"]);
});

test("once closed, attributes keep their last values (R-task)", async () => {
  const { socket } = await tcpPair();
  const names = ["remoteAddress", "remotePort", "localAddress", "localPort"];
  const before = names.map((name) => socket[name]);
  socket.close();
  await once(socket, "close");
  await settle();
  expect(names.map((name) => socket[name])).toEqual(before);
  expect(socket.bufferedAmount).toBe(0);
  expect(socket.readyState).toBe("closed");
});

test.each(families)("$name: close() in the open handler closes cleanly (draft close())", async ({ listen, connectTo }) => {
  const server = await listen();
  const socket = connectTo(server);
  const log = record(socket, ALL);
  socket.addEventListener("open", () => {
    socket.send("hello and goodbye");
    socket.close();
  });
  const inbox = collect(await server.next());
  await inbox.end();
  expect(inbox.text()).toBe("hello and goodbye");
  await log.until("close");
  expect(log.types).toEqual(["open", "close"]);
});

describe("while connecting", () => {
  test.each(families)("$name: close() sets closing; then closed and one error (ECONNABORTED), no open, no close (draft close(), R-tcp-close-connecting)", async ({ listen, connectTo }) => {
    const server = await listen();
    const socket = connectTo(server);
    const log = record(socket, ALL);
    socket.close();
    expect(socket.readyState).toBe("closing");
    const { event, readyState } = await log.until("error");
    expect(readyState).toBe("closed");
    expectIsDOMException(event.error, "NetworkError", "ECONNABORTED");
    await settle();
    expect(log.types).toEqual(["error"]);
  });

  test.each(families)("$name: the connection does not stay up behind the abandoned attempt (R-tcp-close-connecting)", async ({ listen, connectTo }) => {
    const server = await listen({ allowHalfOpen: true });
    const socket = connectTo(server);
    socket.addEventListener("error", () => {});
    socket.close();
    await once(socket, "error");
    // Loopback had connected already: what the peer sees is an end or a reset, in any case no open connection.
    const peer = await server.next();
    // It may have seen the end already.
    if (!peer.readableEnded) await Promise.race([once(peer.resume(), "end"), once(peer, "close")]);
  });

  test.each(families)("$name: an attempt that is refused after close() still fires the one error (R-tcp-close-connecting)", async ({ connectTo, refusing }) => {
    const socket = connectTo(await refusing());
    const log = record(socket, ALL);
    socket.close();
    const { event } = await log.until("error");
    expectIsDOMException(event.error, "NetworkError", "ECONNABORTED");
    await settle();
    expect(log.types).toEqual(["error"]);
  });

  test.each(families)("$name: close() twice still fires one error (draft close(), step 1)", async ({ listen, connectTo }) => {
    const server = await listen();
    const socket = connectTo(server);
    const log = record(socket, ALL);
    socket.close();
    socket.close();
    await log.until("error");
    socket.close();
    await settle();
    expect(log.types).toEqual(["error"]);
  });

  test.each(families)("$name: a hundred sockets closed while connecting each fire their one error (R-tcp-close-connecting)", async ({ listen, connectTo }) => {
    const server = await listen();
    const logs = Array.from({ length: 100 }, () => {
      const socket = connectTo(server);
      const log = record(socket, ALL);
      socket.close();
      return log;
    });
    await Promise.all(logs.map((log) => log.until("error")));
    await settle();
    expect(logs.every((log) => log.types.length === 1)).toBe(true);
  });
});
