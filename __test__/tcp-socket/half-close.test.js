"use strict";

const { families, once, record, collect, pattern, sha256, settle, expectIsDOMException } = require("../helpers");

const MIB = 1024 * 1024;
const ALL = ["open", "message", "halfclose", "drain", "error", "close"];

function halfOpenPair(pair) {
  return pair({ peer: { allowHalfOpen: true } });
}

test.each(families)("$name: halfclose() sets halfclosed at once and sends FIN (draft halfclose(), R-tcp-halfclose)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  const inbox = collect(peer);
  expect(socket.halfclose()).toBe(undefined);
  expect(socket.readyState).toBe("halfclosed");
  await inbox.end();
  expect(inbox.length).toBe(0);
});

test.each(families)("$name: what was sent before is flushed before the FIN, however slow the peer (R-tcp-halfclose)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  peer.pause();
  const bytes = pattern(16 * MIB);
  socket.send(bytes);
  socket.halfclose();
  await settle(100);
  expect(socket.bufferedAmount).toBeGreaterThan(0);
  expect(socket.readyState).toBe("halfclosed");
  const inbox = collect(peer);
  await inbox.end();
  expect(inbox.sha256()).toBe(sha256(bytes));
  await settle();
  expect(socket.bufferedAmount).toBe(0);
});

test.each(families)("$name: messages still come while halfclosed (R-tcp-halfclose)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  const inbox = collect(socket);
  socket.halfclose();
  await once(peer.resume(), "end");
  for (const word of ["one,", "two,", "three"]) {
    peer.write(word);
    await settle(5);
  }
  await inbox.until(13);
  expect(inbox.text()).toBe("one,two,three");
  expect(socket.readyState).toBe("halfclosed");
});

test.each(families)("$name: halfclose() alone closes nothing: it waits for the peer's FIN as long as that takes (R-tcp-halfclose)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  const log = record(socket, ["close", "error", "halfclose"]);
  socket.halfclose();
  await once(peer.resume(), "end");
  await settle(300);
  expect(log.types).toEqual([]);
  expect(socket.readyState).toBe("halfclosed");
});

test.each(families)("$name: the peer's FIN later closes: closed, close, and no halfclose event (R-tcp-halfclose, R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  const log = record(socket, ALL);
  socket.halfclose();
  await once(peer.resume(), "end");
  peer.end("answer");
  const { readyState, event } = await log.until("close");
  expect(readyState).toBe("closed");
  expect(event.bubbles).toBe(false);
  expect(event.cancelable).toBe(false);
  await settle();
  expect(log.types).toEqual(["message", "close"]);
});

test.each(families)("$name: a FIN that came before our bytes are out closes only when they are (R-tcp-halfclose: flushes)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  peer.pause();
  const log = record(socket, ["halfclose", "close", "error"]);
  const bytes = pattern(16 * MIB);
  socket.send(bytes);
  socket.halfclose();
  peer.end();
  await settle(100);
  expect(log.types).toEqual([]);
  expect(socket.readyState).not.toBe("closed");
  const inbox = collect(peer);
  await inbox.end();
  expect(inbox.sha256()).toBe(sha256(bytes));
  await log.until("close");
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: halfclose() again does nothing (R-tcp-halfclose)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  const log = record(socket, ALL);
  socket.halfclose();
  socket.halfclose();
  await once(peer.resume(), "end");
  socket.halfclose();
  expect(socket.readyState).toBe("halfclosed");
  await settle();
  expect(log.types).toEqual([]);
});

describe("while connecting", () => {
  test.each(families)("$name: open fires when connected, readyState is halfclosed by then, and FIN follows (draft halfclose(), R-tcp-halfclose)", async ({ listen, connectTo }) => {
    const server = await listen({ allowHalfOpen: true });
    const socket = connectTo(server);
    const log = record(socket, ALL);
    socket.halfclose();
    const { readyState } = await log.until("open");
    expect(readyState).toBe("halfclosed");
    const peer = await server.next();
    const inbox = collect(peer);
    await inbox.end();
    expect(inbox.length).toBe(0);
    peer.end("answer");
    await log.until("close");
    expect(log.types).toEqual(["open", "message", "close"]);
  });

  test.each(families)("$name: halfclose() twice is halfclose() once (R-tcp-halfclose)", async ({ listen, connectTo }) => {
    const server = await listen({ allowHalfOpen: true });
    const socket = connectTo(server);
    const log = record(socket, ALL);
    socket.halfclose();
    socket.halfclose();
    await log.until("open");
    await once((await server.next()).resume(), "end");
    await settle();
    expect(log.types).toEqual(["open"]);
    expect(socket.readyState).toBe("halfclosed");
  });

  test.each(families)("$name: a connection that is refused fails as ever: error, no open, no close (draft: attempt has failed)", async ({ connectTo, refusing }) => {
    const socket = connectTo(await refusing());
    const log = record(socket, ALL);
    socket.halfclose();
    const { event, readyState } = await log.until("error");
    expect(readyState).toBe("closed");
    expectIsDOMException(event.error, "NetworkError", "ECONNREFUSED");
    await settle();
    expect(log.types).toEqual(["error"]);
  });

  test.each(families)("$name: close() after halfclose() abandons the attempt (R-tcp-close-connecting)", async ({ listen, connectTo }) => {
    const server = await listen();
    const socket = connectTo(server);
    const log = record(socket, ALL);
    socket.halfclose();
    socket.close();
    expect(socket.readyState).toBe("closing");
    const { event } = await log.until("error");
    expectIsDOMException(event.error, "NetworkError", "ECONNABORTED");
    await settle();
    expect(log.types).toEqual(["error"]);
  });
});

test.each(families)("$name: close() from halfclosed works as from open: closing, then close at the peer's FIN (R-tcp-halfclose)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  const log = record(socket, ALL);
  socket.halfclose();
  await once(peer.resume(), "end");
  socket.close();
  expect(socket.readyState).toBe("closing");
  await settle(100);
  expect(log.types).toEqual([]);
  peer.end("dropped");
  await log.until("close");
  expect(log.types).toEqual(["close"]);
  expect(socket.readyState).toBe("closed");
});

test.each(families)("$name: halfclose() does nothing while closing (draft halfclose(), step 1)", async ({ pair }) => {
  const { socket } = await pair();
  const log = record(socket, ["close", "error"]);
  socket.close();
  socket.halfclose();
  expect(socket.readyState).toBe("closing");
  await log.until("close");
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: halfclose() does nothing once closed (draft halfclose(), step 1)", async ({ pair }) => {
  const { socket } = await pair();
  socket.reset();
  await once(socket, "close");
  const log = record(socket, ALL);
  expect(socket.halfclose()).toBe(undefined);
  await settle();
  expect(socket.readyState).toBe("closed");
  expect(log.types).toEqual([]);
});

test.each(families)("$name: halfclose() after the peer's FIN ends both directions: close (R-tcp-fin)", async ({ pair }) => {
  const { socket, peer } = await halfOpenPair(pair);
  const inbox = collect(peer);
  const log = record(socket, ALL);
  peer.end();
  await log.until("halfclose");
  socket.send("last");
  socket.halfclose();
  expect(socket.readyState).toBe("halfclosed");
  await log.until("close");
  await inbox.end();
  expect(inbox.text()).toBe("last");
  expect(log.types).toEqual(["halfclose", "close"]);
  expect(socket.readyState).toBe("closed");
});

test.each(families)("$name: two TCPSockets halfclose towards each other and both close (R-tcp-halfclose)", async ({ acceptedPair }) => {
  const { socket, peer } = await acceptedPair({ peer: { allowHalfOpen: true } });
  const log = record(socket, ["message", "halfclose", "close"]);
  socket.send("from here");
  socket.halfclose();
  const inbox = collect(peer);
  peer.end("from there");
  await log.until("close");
  await inbox.end();
  expect(inbox.text()).toBe("from here");
  expect(log.types).toEqual(["message", "close"]);
});
