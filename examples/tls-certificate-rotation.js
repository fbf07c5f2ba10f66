// A server that replaces its certificate while it runs. When the files change (after a renewal by ACME, for example), later
// handshakes use the new certificate. Open connections stay open, and a bad file changes nothing.
//
//   node tls-certificate-rotation.js cert.pem key.pem [PORT]

"use strict";

const { X509Certificate } = require("node:crypto");
const { readFileSync, watchFile } = require("node:fs");
const { TCPServerSocket } = require("tcp-udp-sockets");

const [certPath, keyPath, localPort = 6790] = process.argv.slice(2);
const options = () => ({ cert: readFileSync(certPath), key: readFileSync(keyPath) });
const describe = () => `the certificate that is valid until ${new X509Certificate(readFileSync(certPath)).validTo}`;

try {
  if (keyPath === undefined) throw new Error("usage: node tls-certificate-rotation.js cert.pem key.pem [PORT]");
  const server = new TCPServerSocket({ localPort, secureTransport: options() });
  console.log(`Listening on port ${server.localPort} with ${describe()}`);
  server.onconnect = ({ connectedSocket: socket }) => {
    socket.onmessage = ({ data }) => socket.send(data);
    socket.onerror = ({ error }) => console.error(error.message);
  };
  server.onerror = ({ error }) => console.error(error.message);

  // Certificate and key are two files, and change one after the other. Until they match, the old ones stay.
  watchFile(certPath, { interval: 1000 }, () => replace(server));
  watchFile(keyPath, { interval: 1000 }, () => replace(server));
} catch (error) {
  console.error(error.message); // The port is in use, or a file is bad, for example.
  process.exitCode = 1;
}

function replace(server) {
  try {
    // It replaces all TLS options, not only these two.
    server.setSecureContext(options());
    console.log(`From now on with ${describe()}`);
  } catch (error) {
    console.error(`The old certificate stays: ${error.message}`);
  }
}
