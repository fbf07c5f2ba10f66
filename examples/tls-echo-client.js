// Sends a line over TLS and prints what comes back.
//
//   node tls-echo-client.js cert.pem [ADDRESS] [PORT] [NAME]
//
// cert.pem is whom to trust: an authority's certificate, or the server's own self-signed one. NAME is the name that the
// server's certificate must be for, where that is not the address.

"use strict";

const { readFileSync } = require("node:fs");
const { TCPSocket } = require("tcp-udp-sockets");

const [trusted, address = "127.0.0.1", port = 6790, sni] = process.argv.slice(2);
const socket = new TCPSocket(address, port, { secureTransport: { ca: readFileSync(trusted), sni } });

// "open" comes when the handshake is done and the certificate verified: before it nothing leaves, and there is no plain text.
socket.onopen = () => {
  console.log(`Connected over ${socket.secureTransportInfo.protocol}`);
  socket.send("Hello, in private\n");
};
socket.onmessage = ({ data }) => {
  process.stdout.write(new Uint8Array(data));
  socket.close();
};
socket.onerror = ({ error }) => {
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
};
