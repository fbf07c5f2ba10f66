// Sends a line over TLS, and prints the answer.
//
//   node tls-echo-client.js cert.pem [ADDRESS] [PORT] [NAME]
//
// cert.pem is the certificate to trust: an authority's, or the server's own self-signed one. NAME is the name that the
// server's certificate must have, if it is not the address.

"use strict";

const { readFileSync } = require("node:fs");
const { TCPSocket, once } = require("tcp-udp-sockets");

const [trusted, address = "127.0.0.1", port = 6790, sni] = process.argv.slice(2);
const LINE = "Hello, in private\n";

async function main() {
  if (trusted === undefined) throw new Error("usage: node tls-echo-client.js cert.pem [ADDRESS] [PORT] [NAME]");
  const socket = new TCPSocket(address, port, { connectTimeout: 10_000, secureTransport: { ca: readFileSync(trusted), sni } });
  // "open" fires when the handshake is done and the certificate is verified. No data leaves before it, and none in plain text.
  await once(socket, "open");
  console.log(`Connected over ${socket.secureTransportInfo.protocol}`);
  socket.send(LINE);
  let answer = "";
  while (answer.length < LINE.length) {
    // It rejects if the server ends or the connection is lost before the line is complete, and after ten seconds of silence.
    const { data } = await once(socket, "message", { signal: AbortSignal.timeout(10_000) });
    answer += new TextDecoder().decode(data);
  }
  socket.close();
  if (answer !== LINE) throw new Error(`the server is no echo server: it says ${JSON.stringify(answer.slice(0, 60))}`);
  process.stdout.write(answer);
}

main().catch((error) => {
  console.error(typeof error.code === "string" ? `${error.code}: ${error.message}` : error.message);
  process.exit(1);
});
