// An echo server over TLS. It sends received data back, and prints the client's address and the result of the handshake.
//
//   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
//     -keyout key.pem -out cert.pem -subj /CN=localhost -addext "subjectAltName=DNS:localhost,IP:127.0.0.1"
//   node tls-echo-server.js cert.pem key.pem [PORT]
//
// Its clients: tls-echo-client.js, or openssl s_client -connect 127.0.0.1:6790

"use strict";

const { readFileSync } = require("node:fs");
const { TCPServerSocket } = require("tcp-udp-sockets");

const [cert, key, localPort = 6790] = process.argv.slice(2);

try {
  if (key === undefined) throw new Error("usage: node tls-echo-server.js cert.pem key.pem [PORT]");
  const server = new TCPServerSocket({ localPort, secureTransport: { cert: readFileSync(cert), key: readFileSync(key) } });
  console.log(`Listening on port ${server.localPort}`);
  server.onconnect = ({ connectedSocket }) => serve(connectedSocket);
  // A handshake has failed. This affects one client only, and the server goes on.
  server.onerror = ({ error }) => console.error(`${error.address}: ${error.message}`);
} catch (error) {
  console.error(error.message); // The port is in use, or a file is bad, for example.
  process.exitCode = 1;
}

function serve(socket) {
  const { protocol, cipher } = socket.secureTransportInfo;
  console.log(`Connection from ${socket.remoteAddress}, port ${socket.remotePort}: ${protocol}, ${cipher}`);
  socket.onmessage = ({ data }) => {
    if (!socket.send(data)) socket.suspend();
  };
  socket.ondrain = () => socket.resume();
  socket.onerror = ({ error }) => console.error(error.message);
}
