// Both ends show a certificate: the server only serves clients whose certificate its authority has issued, and tells them by
// their name. Server and client in one file, to be read side by side.
//
//   node tls-mutual.js ca.pem server.pem server.key client.pem client.key
//
// docs/tls.md has the openssl commands that make these files.

"use strict";

const { X509Certificate } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { TCPServerSocket, TCPSocket } = require("tcp-udp-sockets");

const [ca, serverCert, serverKey, clientCert, clientKey] = process.argv.slice(2).map((path) => readFileSync(path));

const server = new TCPServerSocket({
  localAddress: "127.0.0.1",
  // requestCert asks for a certificate; ca is what it must lead to. Without one, the handshake fails.
  secureTransport: { cert: serverCert, key: serverKey, requestCert: true, ca },
});
server.onconnect = ({ connectedSocket: socket }) => {
  const [leaf] = socket.secureTransportInfo.peerCertificates;
  const { subject } = new X509Certificate(Buffer.from(leaf));
  socket.send(`Welcome, ${subject.match(/CN=(.*)/)[1]}\n`);
  socket.close();
};
server.onerror = ({ error }) => {
  console.error(`Refused: ${error.code}`);
  server.close();
};

/** A client with these options: what it is told, or why it is not served. */
function visit(who, secureTransport) {
  return new Promise((resolve) => {
    const socket = new TCPSocket("127.0.0.1", server.localPort, { secureTransport });
    socket.onmessage = ({ data }) => process.stdout.write(`${who}: ${new TextDecoder().decode(data)}`);
    socket.onerror = ({ error }) => {
      console.log(`${who}: ${error.message}`);
      resolve();
    };
    socket.onclose = resolve;
  });
}

async function show() {
  await visit("with a certificate", { ca, cert: clientCert, key: clientKey });
  await visit("without one", { ca });
}

show();
