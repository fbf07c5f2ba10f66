"use strict";

const { families, track, tcpServer, dial, once, record, settle } = require("../helpers");

/** Record connect events and track their sockets. */
function watch(server) {
  const ports = [];
  server.addEventListener("connect", ({ connectedSocket }) => ports.push(track(connectedSocket).remotePort));
  return ports;
}

function portOf(peer) {
  return String(peer.localPort);
}

test("suspend() stops accepting; connections wait in the backlog and resume() serves them in order (draft, R-srv-suspend)", async () => {
  const server = tcpServer();
  const ports = watch(server);
  expect(server.suspend()).toBe(undefined);
  const peers = [await dial(server.localPort), await dial(server.localPort), await dial(server.localPort)];
  await settle();
  expect(ports).toEqual([]);
  expect(server.readyState).toBe("open");
  expect(server.resume()).toBe(undefined);
  expect(ports).toEqual([]);
  await settle();
  expect(ports).toEqual(peers.map(portOf));
});

test.each(families)("$name: suspend() in the connect handler holds back the connections behind it (R-srv-suspend)", async ({ serve, dial }) => {
  const server = serve();
  for (let i = 0; i < 5; i++) {
    await dial(server);
  }
  const ports = watch(server);
  server.addEventListener("connect", () => server.suspend());
  for (let served = 1; served <= 5; served++) {
    await settle();
    expect(ports.length).toBe(served);
    server.resume();
  }
});

test.each(families)("$name: suspend() and resume() are idempotent: they do not count (R-srv-suspend)", async ({ serve, dial }) => {
  const server = serve();
  const ports = watch(server);
  server.suspend();
  server.suspend();
  server.resume();
  await dial(server);
  await settle();
  expect(ports.length).toBe(1);
  server.resume();
  server.suspend();
  await dial(server);
  await settle();
  expect(ports.length).toBe(1);
});

test.each(families)("$name: accepted sockets are not suspended with their server (R-srv-suspend)", async ({ serve, dial }) => {
  const server = serve();
  const connect = once(server, "connect");
  const peer = await dial(server);
  const socket = track((await connect).connectedSocket);
  server.suspend();
  const message = once(socket, "message");
  peer.write("still heard");
  await message;
});

test.each(families)("$name: suspend() before the first listener holds connections after it is there too (R-srv-suspend, R-listen)", async ({ serve, dial }) => {
  const server = serve();
  server.suspend();
  await dial(server);
  const ports = watch(server);
  await settle();
  expect(ports).toEqual([]);
  server.resume();
  await settle();
  expect(ports.length).toBe(1);
});

test.each(families)("$name: suspend() and resume() do nothing once closed (draft, R-srv-close)", async ({ serve }) => {
  const server = serve();
  server.close();
  const log = record(server, ["connect", "error"]);
  for (const method of ["suspend", "resume", "suspend", "resume"]) {
    expect(server[method]()).toBe(undefined);
  }
  await settle();
  expect(server.readyState).toBe("closed");
  expect(log.types).toEqual([]);
});
