"use strict";

const { families, track, tcpServer, dial, dialLater, once, record, collect, settle } = require("../helpers");

test("close() is closed at once, and further clients are refused (draft close(), R-srv-close)", async () => {
  const server = tcpServer();
  const { localPort } = server;
  expect(server.close()).toBe(undefined);
  expect(server.readyState).toBe("closed");
  const refused = dialLater(localPort);
  expect((await once(refused, "error")).code).toBe("ECONNREFUSED");
});

test("the port is free when close() returns (R-srv-close)", () => {
  let server = tcpServer();
  const { localPort } = server;
  for (let i = 0; i < 20; i++) {
    server.close();
    server = tcpServer({ localPort });
    expect(server.localPort).toBe(localPort);
  }
});

test("the port is free with a connection still in the backlog (R-srv-close)", async () => {
  const server = tcpServer();
  await dial(server.localPort);
  server.close();
  expect(tcpServer({ localPort: server.localPort }).localPort).toBe(server.localPort);
});

test.each(families)("$name: no event fires for close() itself (R-srv-close)", async ({ serve }) => {
  const server = serve();
  const log = record(server, ["connect", "error", "close"]);
  server.close();
  await settle();
  expect(log.types).toEqual([]);
});

test("close() again does nothing (draft close())", () => {
  const server = tcpServer();
  server.close();
  expect(server.close()).toBe(undefined);
  expect(server.readyState).toBe("closed");
});

test("attributes keep their last values (R-task)", () => {
  const server = tcpServer();
  const { localAddress, localPort } = server;
  server.close();
  expect(server.localAddress).toBe(localAddress);
  expect(server.localPort).toBe(localPort);
});

test.each(families)("$name: accepted connections live on (draft close(): existing connections are kept open, R-srv-close)", async ({ acceptedPair }) => {
  const { server, socket, peer } = await acceptedPair();
  server.close();
  const inbox = collect(socket);
  const outbox = collect(peer);
  peer.write("in");
  socket.send("out");
  await Promise.all([inbox.until(2), outbox.until(3)]);
  await settle();
  expect(socket.readyState).toBe("open");
});

test.each(families)("$name: a connection in the backlog of a server that nobody listens to is reset (R-srv-close)", async ({ serve, dial }) => {
  const server = serve();
  const peer = await dial(server);
  const error = once(peer, "error");
  server.close();
  expect((await error).code).toBe("ECONNRESET");
});

test.each(families)("$name: a connection in the backlog of a suspended server is reset (R-srv-close)", async ({ serve, dial }) => {
  const server = serve();
  const log = record(server, ["connect", "error"]);
  server.suspend();
  const peer = await dial(server);
  const error = once(peer, "error");
  await settle();
  server.close();
  expect((await error).code).toBe("ECONNRESET");
  server.resume();
  await settle();
  expect(log.types).toEqual([]);
});

test("close() in the connect handler: each further client is delivered or reset, none is left hanging (R-srv-close)", async () => {
  const server = tcpServer();
  const peers = await Promise.all(Array.from({ length: 20 }, () => dial(server.localPort)));
  const ports = peers.map((peer) => String(peer.localPort));
  const reset = new Set();
  peers.forEach((peer, i) => {
    peer.resume();
    peer.once("error", () => reset.add(ports[i]));
  });
  const delivered = [];
  server.onconnect = ({ connectedSocket }) => {
    delivered.push(track(connectedSocket).remotePort);
    expect(connectedSocket.readyState).toBe("open");
    server.close();
  };
  await settle(200);
  expect(delivered.length).toBeGreaterThan(0);
  expect([...reset, ...delivered].sort()).toEqual(ports.sort());
});

test("one accepted but not delivered is still delivered where somebody listens (R-srv-close)", async () => {
  // Whether the second client is accepted in the same turn as the first is the implementation's affair;
  // one that is delivered after close() has to be a working connection.
  const server = tcpServer();
  const peers = await Promise.all(Array.from({ length: 10 }, () => dial(server.localPort)));
  const sockets = [];
  server.onconnect = ({ connectedSocket }) => {
    sockets.push(track(connectedSocket));
    server.close();
  };
  await settle(100);
  for (const socket of sockets) {
    const peer = peers.find(({ localPort }) => String(localPort) === socket.remotePort);
    const inbox = collect(peer);
    socket.send("welcome");
    await inbox.until(7);
  }
  expect(sockets.length).toBeGreaterThan(0);
});

test.each(families)("$name: removing the listener and closing in the connect handler resets what was not delivered (R-srv-close)", async ({ serve, dial }) => {
  const server = serve();
  const peers = await Promise.all(Array.from({ length: 10 }, () => dial(server)));
  let resets = 0;
  peers.forEach((peer) => peer.once("error", () => (resets += 1)));
  let delivered = 0;
  server.onconnect = ({ connectedSocket }) => {
    track(connectedSocket);
    delivered += 1;
    server.onconnect = null;
    server.close();
  };
  await settle(200);
  expect(delivered).toBe(1);
  expect(resets).toBe(9);
});

test("a hundred servers opened and closed leave their ports free (R-srv-close)", () => {
  for (let i = 0; i < 100; i++) {
    const server = tcpServer();
    server.close();
    expect(server.readyState).toBe("closed");
  }
});
