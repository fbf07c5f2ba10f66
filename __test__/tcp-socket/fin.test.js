"use strict";

const { families, once, record, collect, pattern, sha256, settle, sleep } = require("../helpers");

const MIB = 1024 * 1024;

function halfOpenPair(pair, options) {
  return pair({ options, peer: { allowHalfOpen: true } });
}

test.each(families)("$name: with a halfclose listener the peer's FIN fires halfclose, once, and readyState stays open (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  const log = record(socket, ["halfclose", "close", "error"]);
  peer.end();
  const { event, readyState } = await log.until("halfclose");
  expect(readyState).toBe("open");
  expect(event).toBeInstanceOf(Event);
  expect(event.bubbles).toBe(false);
  expect(event.cancelable).toBe(false);
  await settle();
  expect(log.types).toEqual(["halfclose"]);
  expect(socket.readyState).toBe("open");
});

test.each(families)("$name: sending goes on after halfclose, until close() (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  const inbox = collect(peer);
  const log = record(socket, ["halfclose", "close", "error"]);
  peer.end();
  await log.until("halfclose");
  let expected = "";
  for (let i = 0; i < 5; i++) {
    expected += `${i}`;
    expect(socket.send(`${i}`)).toBe(true);
    await settle(5);
  }
  socket.close();
  expect(socket.readyState).toBe("closing");
  await inbox.end();
  expect(inbox.text()).toBe(expected);
  await log.until("close");
  expect(log.types).toEqual(["halfclose", "close"]);
});

test.each(families)("$name: close() after the peer's FIN has nothing to linger for (R-tcp-close: until the peer's FIN arrives)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  collect(peer);
  const log = record(socket, ["halfclose", "close"]);
  peer.end();
  await log.until("halfclose");
  const before = Date.now();
  socket.close();
  await log.until("close");
  expect(Date.now() - before).toBeLessThan(1000);
});

test.each(families)("$name: onhalfclose is a halfclose listener (R-tcp-fin, R-handler)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  const fired = new Promise((resolve) => {
    socket.onhalfclose = resolve;
  });
  peer.end();
  await fired;
  await settle();
  expect(socket.readyState).toBe("open");
});

test.each(families)("$name: a { once: true } halfclose listener is one (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  peer.end();
  await once(socket, "halfclose");
  await settle();
  expect(socket.readyState).toBe("open");
});

test.each(families)("$name: allowHalfOpen: true keeps the socket open without a listener (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair, { allowHalfOpen: true });
  const inbox = collect(peer);
  const log = record(socket, ["close", "error"]);
  peer.end();
  await settle();
  expect(log.types).toEqual([]);
  expect(socket.readyState).toBe("open");
  socket.send("still here");
  await inbox.until(10);
  socket.close();
  await log.until("close");
});

test.each(families)("$name: without a listener: buffered data is flushed, our FIN follows, then closed and close (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  peer.pause();
  const log = record(socket, ["close", "error"]);
  const bytes = pattern(16 * MIB);
  socket.send(bytes);
  peer.end();
  await settle(100);
  expect(socket.readyState).toBe("closing");
  expect(log.types).toEqual([]);
  const inbox = collect(peer);
  await inbox.end();
  expect(inbox.sha256()).toBe(sha256(bytes));
  const { readyState } = await log.until("close");
  expect(readyState).toBe("closed");
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: without a listener and with nothing buffered the socket closes with the peer (draft: closed cleanly by the server)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const log = record(socket, ["message", "close", "error"]);
  peer.end("bye");
  await log.until("close");
  await once(peer, "close");
  expect(log.types).toEqual(["message", "close"]);
});

test.each(families)("$name: allowHalfOpen: false without a listener is the same (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair, { allowHalfOpen: false });
  const inbox = collect(peer);
  const log = record(socket, ["close", "error"]);
  socket.send("buffered");
  peer.end();
  await inbox.end();
  await log.until("close");
  expect(inbox.text()).toBe("buffered");
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: allowHalfOpen: false with a listener: halfclose fires, what it sends is flushed, then close (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair, { allowHalfOpen: false });
  const inbox = collect(peer);
  const log = record(socket, ["halfclose", "close", "error"]);
  socket.addEventListener("halfclose", () => {
    socket.send("last words");
  });
  peer.end();
  await inbox.end();
  await log.until("close");
  expect(inbox.text()).toBe("last words");
  expect(log.types).toEqual(["halfclose", "close"]);
  expect(log.entries[0].readyState).toBe("open");
});

test.each(families)("$name: which of the two it is, is decided when the FIN is delivered: a listener added by then counts (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  socket.suspend();
  peer.end();
  await settle();
  const log = record(socket, ["halfclose", "close"]);
  socket.resume();
  await log.until("halfclose");
  await settle();
  expect(log.types).toEqual(["halfclose"]);
  expect(socket.readyState).toBe("open");
});

test.each(families)("$name: which of the two it is, is decided when the FIN is delivered: a listener removed by then does not (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  collect(peer);
  const removed = record(socket, ["halfclose"]);
  socket.suspend();
  peer.end();
  await settle();
  removed.stop();
  const log = record(socket, ["close", "error"]);
  socket.resume();
  await log.until("close");
  expect(removed.types).toEqual([]);
});

test.each(families)("$name: a halfclose listener added in the handler of the message before it counts (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  let log;
  socket.addEventListener(
    "message",
    () => {
      log = record(socket, ["halfclose", "close"]);
    },
    { once: true },
  );
  socket.addEventListener("message", () => {});
  peer.end("x");
  await once(socket, "halfclose");
  await settle();
  expect(log.types).toEqual(["halfclose"]);
});

test.each(families)("$name: if we had half-closed already, the FIN is closed and close, with a halfclose listener too (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  const log = record(socket, ["halfclose", "close", "error"]);
  socket.halfclose();
  await once(peer.resume(), "end");
  peer.end();
  await log.until("close");
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: halfclose() and the peer's FIN crossing on the wire close as one (R-tcp-fin)", async ({ pair }) => {
  for (let i = 0; i < 20; i++) {
    const { socket, peer } = await pair();
    const log = record(socket, ["halfclose", "close", "error"]);
    collect(peer);
    peer.end();
    await sleep(i % 3);
    socket.halfclose();
    await log.until("close");
    expect(log.types.filter((type) => type !== "halfclose")).toEqual(["close"]);
  }
});

test.each(families)("$name: the peer's FIN behind much data comes once all of it was delivered (R-tcp-message)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(socket);
  const log = record(socket, ["halfclose"]);
  const bytes = pattern(8 * MIB);
  peer.end(bytes);
  await log.until("halfclose", 15_000);
  expect(inbox.length).toBe(bytes.length);
  expect(inbox.sha256()).toBe(sha256(bytes));
});

test.each(families)("$name: an accepted socket treats the FIN alike (R-srv-connect, R-tcp-fin)", async ({ acceptedPair }) => {
  const { socket, peer } = await acceptedPair({ peer: { allowHalfOpen: true } });
  const inbox = collect(peer);
  const log = record(socket, ["message", "halfclose", "close"]);
  peer.end("request");
  await log.until("halfclose");
  socket.send("response");
  socket.close();
  await inbox.end();
  await log.until("close");
  expect(inbox.text()).toBe("response");
  expect(log.types).toEqual(["message", "halfclose", "close"]);
});
