"use strict";

// The tests in a window. The sockets of the last one stay open and busy: loading the page again must end them.

const { ipcRenderer } = require("electron");
const { TCPServerSocket, TCPSocket, UDPSocket, connect, once } = require("../..");

const LARGE = 4 << 20; // bytes

/** Throws unless both are the same. */
function equal(actual, expected) {
  if (actual !== expected) throw new Error(`${actual} instead of ${expected}`);
}

/** A client and a server's socket that are connected. */
async function pair() {
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  const connected = once(server, "connect");
  const client = await connect("127.0.0.1", server.localPort);
  const { connectedSocket } = await connected;
  server.close();
  return [client, connectedSocket];
}

async function sends() {
  const [client, peer] = await pair();
  const bytes = new Uint8Array(LARGE).fill(9);
  let received = 0;
  const whole = new Promise((resolve) => {
    peer.onmessage = ({ data }) => {
      received += data.byteLength;
      if (received === LARGE) resolve();
    };
  });
  equal(client.send(bytes), false);
  await Promise.all([whole, once(client, "drain")]);
  const ends = [once(client, "close"), once(peer, "close")];
  client.close();
  await Promise.all(ends);
}

async function streams() {
  const [client, peer] = await pair();
  const echo = peer.readable.pipeTo(peer.writable);
  const writer = client.writable.getWriter();
  const sent = (async () => {
    for (let at = 0; at < LARGE; at += 65_536) await writer.write(new Uint8Array(65_536));
    await writer.close();
  })();
  let received = 0;
  // Chromium's streams became async iterables later.
  const reader = client.readable.getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) received += chunk.value.byteLength;
  equal(received, LARGE);
  await Promise.all([sent, echo, client.closed, peer.closed]);
}

async function datagrams() {
  const one = new UDPSocket({ localAddress: "127.0.0.1" });
  const two = new UDPSocket({ localAddress: "127.0.0.1", remoteAddress: "127.0.0.1", remotePort: one.localPort });
  two.send("ping");
  const { data } = await once(one, "message");
  equal(new TextDecoder().decode(data), "ping");
  one.close();
  two.close();
}

async function refused() {
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  const { localPort } = server;
  server.close();
  const { error } = await once(new TCPSocket("127.0.0.1", localPort), "error");
  equal(error.code, "ECONNREFUSED");
}

/** Two sockets that send to each other without an end. */
async function leaveBusy() {
  const [client, peer] = await pair();
  for (const socket of [client, peer]) socket.onmessage = ({ data }) => socket.send(data);
  client.send("for ever");
}

(async () => {
  for (const test of [sends, streams, datagrams, refused, leaveBusy]) await test();
})().then(() => ipcRenderer.send("done", null), (error) => ipcRenderer.send("done", String(error?.stack ?? error)));
