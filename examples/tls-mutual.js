// Both ends present a certificate. The server accepts only clients with a certificate of its authority, and identifies them by
// the name in it. Server and client are in one file, so that you can compare them.
//
//   node tls-mutual.js ca.pem server.pem server.key client.pem client.key
//
// docs/tls.md has the openssl commands that make these files.

"use strict";

const { X509Certificate } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { TCPServerSocket, TCPSocket, once } = require("tcp-udp-sockets");

/** Serves clients that present a certificate of this authority. */
function serve(ca, cert, key) {
  const server = new TCPServerSocket({
    localAddress: "127.0.0.1",
    // requestCert asks for a certificate. Its chain must lead to ca. Without such a certificate the handshake fails.
    secureTransport: { cert, key, requestCert: true, ca },
  });
  server.onconnect = ({ connectedSocket: socket }) => {
    const [leaf] = socket.secureTransportInfo.peerCertificates;
    const { subject } = new X509Certificate(Buffer.from(leaf));
    socket.onerror = ({ error }) => console.error(error.message);
    socket.send(`Welcome, ${/CN=(.*)/.exec(subject)?.[1] ?? subject}\n`);
    socket.close();
  };
  server.onerror = ({ error }) => console.error(`Refused: ${error.code}`);
  return server;
}

/** The server's answer to a client with these options. Rejects if the server does not accept it. */
async function visit(port, secureTransport) {
  // A limit for the whole connection, not only for connecting.
  const socket = new TCPSocket("127.0.0.1", port, { secureTransport, signal: AbortSignal.timeout(10_000) });
  // The stream ends when the server ends, and fails if the connection is lost.
  let told = "";
  for await (const text of socket.readable.pipeThrough(new TextDecoderStream())) told += text;
  socket.close();
  if (told === "") throw new Error("the server has said nothing");
  return told;
}

async function show() {
  const files = process.argv.slice(2);
  if (files.length !== 5) throw new Error("usage: node tls-mutual.js ca.pem server.pem server.key client.pem client.key");
  const [ca, serverCert, serverKey, cert, key] = files.map((path) => readFileSync(path));
  const server = serve(ca, serverCert, serverKey);
  try {
    process.stdout.write(`with a certificate: ${await visit(server.localPort, { ca, cert, key })}`);
    // Both ends report it.
    const ends = [visit(server.localPort, { ca }), once(server, "error", { signal: AbortSignal.timeout(10_000) })];
    const [visited] = await Promise.allSettled(ends);
    if (visited.status === "fulfilled") throw new Error("a client without a certificate was served");
    console.log(`without one: ${visited.reason.message}`);
  } finally {
    server.close();
  }
}

show().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
