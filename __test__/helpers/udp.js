"use strict";

const dgram = require("node:dgram");
const { defer } = require("./cleanup");
const { deadline, once, record, turn } = require("./events");
const { udp } = require("./sockets");
const { text } = require("./bytes");

/**
 * A UDPSocket on 127.0.0.1 whose default destination is a node:dgram peer.
 *
 * @param {object} peer the result of datagrams()
 * @param {object} [options]
 */
function udpTo(peer, options = {}) {
  return udp({ remoteAddress: peer.host, remotePort: peer.port, ...options });
}

/** The texts of the next `count` datagrams at a node:dgram peer. */
async function texts(peer, count) {
  const all = [];
  while (all.length < count) {
    all.push((await peer.next()).data.toString());
  }
  return all;
}

/** The texts of the message events that record() has recorded. */
function textsOf(log) {
  return log.entries.filter((entry) => entry.type === "message").map((entry) => text(entry.event.data));
}

/**
 * Resolves when all datagrams sent to a UDPSocket of this environment before the call could have arrived. Meanwhile another
 * UDPSocket, which shares the poll set, has sent datagrams to itself three times. Use it for events that must not fire.
 */
async function fence() {
  const echo = udp();
  const asker = udp({ remoteAddress: "127.0.0.1", remotePort: echo.localPort });
  echo.onmessage = ({ data, remoteAddress, remotePort }) => echo.send(data, remoteAddress, remotePort);
  for (let round = 0; round < 3; round++) {
    const back = once(asker, "message");
    asker.send(`round ${round}`);
    await back;
    await turn();
  }
  echo.close();
  asker.close();
}

/** A UDP port of 127.0.0.1 that was free a moment ago. */
async function freeUdpPort() {
  const socket = dgram.createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

/**
 * Whether node:dgram can bind this port without address reuse, that is whether no other socket has it.
 *
 * @returns {Promise<boolean>}
 */
function isFree(port, { type = "udp4", host = type === "udp6" ? "::1" : "127.0.0.1", ...options } = {}) {
  const socket = dgram.createSocket({ type, ...options });
  const promise = new Promise((resolve, reject) => {
    socket.once("error", (error) => {
      socket.close();
      if (error.code === "EADDRINUSE") {
        resolve(false);
      } else {
        reject(error);
      }
    });
    socket.once("listening", () => socket.close(() => resolve(true)));
  });
  socket.bind(port, host);
  return deadline(promise, `bind to ${port}`);
}

/** A record() of every event that a UDPSocket may fire, and of "close", which it never fires. */
function recordAll(socket) {
  return record(socket, ["message", "drain", "error", "close", "open"]);
}

let group = 0;

/** An IPv4 multicast group (organisation-local) that no other test, in this process or another, is likely to use. */
function freshGroup() {
  group += 1;
  return `239.${200 + (process.pid % 50)}.${(process.pid >> 3) & 255}.${group}`;
}

/** A node:dgram socket that sends multicast only on the loopback interface. */
async function multicastSender() {
  const socket = dgram.createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  socket.setMulticastInterface("127.0.0.1");
  defer(() => new Promise((resolve) => socket.close(resolve)));
  return {
    port: socket.address().port,
    send(data, port, address) {
      return new Promise((resolve, reject) => {
        socket.send(data, port, address, (error) => (error ? reject(error) : resolve()));
      });
    },
  };
}

module.exports = { udpTo, texts, textsOf, fence, freeUdpPort, isFree, recordAll, freshGroup, multicastSender };
