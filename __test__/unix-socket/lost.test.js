"use strict";

// How a Unix connection is lost (R-tcp-lost, R-unix). There is no RST: a peer that closes with unread bytes is ECONNRESET, one that has
// closed is EPIPE for whoever sends. What holds for TCP too is in tcp-socket/lost.test.js.

const { collect, eventually, expectDOMException, expectIsDOMException, expendable, once, record, settle, text } = require("../helpers");
const { both, tcpFamily, unixFamily } = require("../helpers/families");
const { ROOT } = require("../helpers/sockets");
const { unix, unixServer, unixTest } = require("../helpers/unix");

const { relay } = require(ROOT);
const ALL = ["open", "message", "halfclose", "drain", "error", "close"];

/**
 * A client and its peer, which is the package's own: without a `message` listener it reads nothing, so that its end breaks the connection.
 */
async function pair(options) {
  const { server, client, accepted } = await both(unixFamily, options);
  return { socket: client, peer: expendable(accepted), path: server.localPath, server };
}

/** Lets the peer end with a byte unread, which the socket sees as a loss. */
async function breakOff(socket, peer) {
  socket.send("unread");
  await settle();
  peer.reset();
}

unixTest("the error names the path and the cause, and send() throws afterwards (R-tcp-lost, R-error)", async () => {
  const { socket, peer, path } = await pair();
  const log = record(socket, ALL);
  await breakOff(socket, peer);
  await log.until("close");
  expect(log.types).toEqual(["error", "close"]);
  const { error } = log.entries[0].event;
  expectIsDOMException(error, "NetworkError", "ECONNRESET");
  expect([error.address, error.port]).toEqual([path, undefined]);
  expect(error.message).toContain("The peer has ended without reading everything.");
  expectDOMException(() => socket.send("x"), "InvalidStateError", 11);
});

unixTest("while suspended and idle it is noticed on resume() at the latest, and bytes before it are delivered first (draft suspend(), R-tcp-lost)", async () => {
  const { socket, peer } = await pair();
  const log = record(socket, ALL);
  socket.suspend();
  peer.send("before");
  await breakOff(socket, peer);
  await settle();
  expect(log.types).not.toContain("message");
  socket.resume();
  await log.until("close");
  expect(log.types).toEqual(["message", "error", "close"]);
  expect(text(log.entries[0].event.data)).toBe("before");
});

unixTest("sending to a peer that has closed is EPIPE, not an exception (R-tcp-lost)", async () => {
  const { socket, peer } = await pair();
  const log = record(socket, ["halfclose", "error", "close"]);
  peer.reset();
  await log.until("halfclose");
  socket.send("anybody there?");
  await log.until("close");
  expect(log.types).toEqual(["halfclose", "error", "close"]);
  const { error } = log.entries[1].event;
  expectIsDOMException(error, "NetworkError", "EPIPE");
  expect(error.message).toContain("The peer has ended already.");
});

unixTest("the errors of an accepted socket have no address, since its peer has none, and the server goes on (R-srv-error, R-unix)", async () => {
  const { server, client, accepted } = await both(unixFamily);
  const log = record(accepted, ALL);
  const serverLog = record(server, ["error"]);
  await breakOff(accepted, expendable(client));
  await log.until("close");
  const { error } = log.entries[0].event;
  expectIsDOMException(error, "NetworkError", "ECONNRESET");
  expect([error.address, error.port]).toEqual([undefined, undefined]);
  expect(serverLog.types).toEqual([]);
  expect(server.readyState).toBe("open");
});

unixTest("the streams and promises of a lost socket reject with its error (R-streams)", async () => {
  const { socket, peer } = await pair();
  const { closed, readable, writable } = socket;
  const reading = readable.getReader();
  const writing = writable.getWriter();
  const error = once(socket, "error");
  await breakOff(socket, peer);
  const reason = (await error).error;
  for (const promise of [closed, reading.read(), writing.closed, writing.write(new Uint8Array(1))]) {
    await expect(promise).rejects.toBe(reason);
  }
  await reading.closed.catch(() => {});
});

for (const family of [unixFamily, tcpFamily]) {
  unixTest(`a relay to a ${family.name} ends when its Unix socket is lost: the other end is reset, and the promise tells the error (R-relay)`, async () => {
    const [a, b] = await Promise.all([both(unixFamily), both(family)]);
    [a.accepted, b.accepted, a.client, b.client].forEach(expendable);
    const gone = once(b.client, family === tcpFamily ? "error" : "halfclose");
    const result = relay(a.accepted, b.accepted).catch((error) => error);
    b.client.onmessage = () => {};
    b.client.send(new Uint8Array(1000));
    await settle();
    // The client has not read what came through the relay.
    a.client.reset();
    expectIsDOMException(await result, "NetworkError", "ECONNRESET");
    await gone;
    expect([a.accepted.readyState, b.accepted.readyState]).toEqual(["closed", "closed"]);
  });
}

unixTest("one lost connection of twenty leaves the others alone", async () => {
  const server = expendable(unixServer());
  const accepted = [];
  server.onconnect = ({ connectedSocket }) => accepted.push(expendable(connectedSocket));
  const clients = Array.from({ length: 20 }, () => expendable(unix(server.localPath)));
  await Promise.all(clients.map((client) => once(client, "open")));
  await eventually(() => accepted.length === 20, "all connections");
  const losses = clients.filter((_, i) => i % 2 === 0).map((client) => once(client, "close"));
  // Each even client sends what nobody reads, and then its peer closes.
  accepted.forEach((socket) => socket.suspend());
  clients.forEach((client, i) => i % 2 === 0 && client.send("unread"));
  await settle();
  accepted.forEach((socket, i) => i % 2 === 0 && socket.reset());
  await Promise.all(losses);
  const inboxes = accepted.filter((_, i) => i % 2 === 1).map((socket) => (socket.resume(), collect(socket)));
  clients.forEach((client, i) => i % 2 === 1 && client.send("alive"));
  await Promise.all(inboxes.map((inbox) => inbox.until(5)));
});
