"use strict";

// bytesRead, bytesWritten and datagramsDropped of a UDPSocket (R-stats).

const { datagrams, expendable, once, settle, sleep, udp } = {
  ...require("../helpers"), ...require("../helpers/sockets"),
};
const { texts } = require("../helpers/udp");

const linuxTest = process.platform === "linux" ? test : test.skip;

test("count the payload of datagrams that were delivered, and that the system took; last values stay", async () => {
  const peer = await datagrams();
  const socket = udp({ localAddress: "127.0.0.1" });
  expect([socket.bytesRead, socket.bytesWritten, socket.datagramsDropped]).toEqual([0, 0, 0]);
  socket.send("seven b", peer.host, peer.port);
  socket.send("", peer.host, peer.port);
  socket.send(new Blob(["blob"]), peer.host, peer.port);
  expect(await texts(peer, 3)).toEqual(["seven b", "", "blob"]);
  expect(socket.bytesWritten).toBe(11);
  const message = once(socket, "message");
  peer.socket.send("answer", socket.localPort, "127.0.0.1");
  await message;
  expect([socket.bytesRead, socket.bytesWritten]).toEqual([6, 11]);
  socket.send("at the end", peer.host, peer.port);
  socket.close();
  await texts(peer, 1);
  await settle();
  expect([socket.bytesRead, socket.bytesWritten, socket.datagramsDropped]).toEqual([6, 21, 0]);
});

test("a datagram that could not be sent does not count", async () => {
  const socket = expendable(udp({ localAddress: "127.0.0.1" }));
  const error = once(socket, "error");
  // Broadcasting was not asked for.
  socket.send("lost", "255.255.255.255", 9);
  await error;
  expect(socket.bytesWritten).toBe(0);
});

test("a socket that closes itself keeps its figures, those of a suspended one stand still", async () => {
  const socket = expendable(udp({ localAddress: "127.0.0.1" }));
  socket.suspend();
  socket.send("to itself", "127.0.0.1", socket.localPort);
  await settle(10);
  expect([socket.bytesRead, socket.bytesWritten]).toEqual([0, 9]);
  const error = once(socket, "error");
  socket.send(new Uint8Array(70_000), "127.0.0.1", socket.localPort);
  await error;
  expect([socket.readyState, socket.bytesRead, socket.bytesWritten]).toEqual(["closed", 0, 9]);
});

linuxTest("datagramsDropped counts what the system drops because the receive buffer is full", async () => {
  const socket = udp({ localAddress: "127.0.0.1", receiveBufferSize: 4096 });
  const peer = await datagrams();
  const count = 200;
  for (let i = 0; i < count; i += 1) peer.socket.send(Buffer.alloc(500), socket.localPort, "127.0.0.1");
  await sleep(100);
  const { datagramsDropped } = socket;
  expect(datagramsDropped).toBeGreaterThan(0);
  let received = 0;
  socket.onmessage = () => {
    received += 1;
  };
  await sleep(100);
  expect(received + datagramsDropped).toBe(count);
  expect(socket.bytesRead).toBe(received * 500);
  socket.close();
  expect(socket.datagramsDropped).toBe(datagramsDropped);
});
