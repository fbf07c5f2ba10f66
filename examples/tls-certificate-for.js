// A server for many names. It loads the certificate of a name when a client asks for that name, and keeps it for a while. A certificate that
// is added or renewed needs no restart. The folder has a NAME.pem (the chain) and a NAME.key for each name.
//
//   node tls-certificate-for.js FOLDER [PORT] [SECONDS]
//
// A client: openssl s_client -connect 127.0.0.1:6790 -servername NAME

"use strict";

const { accessSync } = require("node:fs");
const { readFile } = require("node:fs/promises");
const path = require("node:path");
const { TCPServerSocket } = require("tcp-udp-sockets");

const [folder, localPort = 6790, seconds = 60] = process.argv.slice(2);
const ttl = seconds * 1000; // The server asks again after this time.

try {
  if (folder === undefined) throw new Error("usage: node tls-certificate-for.js FOLDER [PORT] [SECONDS]");
  accessSync(folder);
  const server = new TCPServerSocket({ localPort, secureTransport: { certificateFor } });
  console.log(`Listening on port ${server.localPort}`);
  server.onconnect = ({ connectedSocket }) => serve(connectedSocket);
  // A handshake has failed. This affects one client only, and the server goes on. `cause` is what certificateFor has thrown, if anything.
  server.onerror = ({ error }) => console.error(`${error.address}: ${error.message}`);
} catch (error) {
  console.error(error.message); // The port is in use, or there is no such folder, for example.
  process.exitCode = 1;
}

async function certificateFor(name) {
  try {
    // `name` is a host name in lower case, so it never leads out of the folder.
    const [cert, key] = await Promise.all([".pem", ".key"].map((type) => readFile(path.join(folder, name + type))));
    console.log(`Loaded the certificate of ${name}`);
    return { cert, key, ttl };
  } catch (error) {
    if (error.code === "ENOENT") return null; // This server has no certificate of its own. So the handshake fails.
    throw error;
  }
}

function serve(socket) {
  const { sni } = socket.secureTransportInfo;
  socket.send(`Welcome to ${sni}\n`);
  socket.onmessage = ({ data }) => {
    if (!socket.send(data)) socket.suspend();
  };
  socket.ondrain = () => socket.resume();
  socket.onerror = ({ error }) => console.error(error.message);
}
