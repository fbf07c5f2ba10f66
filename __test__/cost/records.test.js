"use strict";

// What only streams, promises, loops, once(), relays, Blobs and signals need is one object of a socket's record, made when it is first needed:
// it would be memory of every idle socket.

const { SocketRecord } = require("../../lib/socket-record");
const { listen, once, tcp, tcpServer, udp } = require("../helpers");

/** The records whose object was made. */
let made;

beforeEach(() => {
  made = jest.spyOn(SocketRecord.prototype, "ensureExtras");
});

afterEach(() => made.mockRestore());

test("sockets that talk by events alone do not make it", async () => {
  const server = tcpServer();
  const client = tcp("127.0.0.1", server.localPort);
  const [{ connectedSocket }] = await Promise.all([once(server, "connect"), once(client, "open")]);
  connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
  client.addEventListener("message", () => {}, { once: true });
  client.send("x");
  await once(client, "message");
  client.halfclose();
  await once(client, "close");
  const [a, b] = [udp(), udp()];
  b.onmessage = ({ data, remoteAddress, remotePort }) => b.send(data, remoteAddress, remotePort);
  a.send("x", "127.0.0.1", b.localPort);
  await once(a, "message");
  a.close();
  server.close();
  expect(made).not.toHaveBeenCalled();
});

test.each([
  ["readable", (socket) => void socket.readable],
  ["writable", (socket) => void socket.writable],
  ["opened", (socket) => void socket.opened],
  ["a Blob", (socket) => socket.send(new Blob(["x"]))],
])("%s makes it, once", async (_, use) => {
  const { port } = await listen();
  const socket = tcp("127.0.0.1", port);
  await once(socket, "open");
  use(socket);
  use(socket);
  expect(made).toHaveBeenCalled();
  expect(new Set(made.mock.results.map(({ value }) => value)).size).toBe(1);
});
