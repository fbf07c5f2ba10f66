// An HTTP proxy for CONNECT (RFC 9110, section 9.3.6), as browsers and curl use it for https. It reads the request by lines with `reader`. Then it
// gives both connections to relay(), also what the client has sent behind its request, so no byte of the tunnel enters JavaScript.
//
//   node http-connect-proxy.js [PORT]
//   curl --proxy http://127.0.0.1:6789 --proxytunnel https://example.com
//
// It listens on the loopback interface only: an open proxy in the Internet is misused within hours. connect() takes `allowAddress` to
// refuse addresses.

"use strict";

const { TCPServerSocket, connect, relay } = require("tcp-udp-sockets");

/** How long a client may take to send its request, and how long the connection to the host may take, in milliseconds. */
const TIMEOUT = 10_000;
/** The most bytes of a line, and the most lines of a request. */
const [LINE, LINES] = [8192, 100];

/** Reads the request. Returns the host and the port, or undefined if it is no CONNECT. */
async function readRequest(reader) {
  const options = { limit: LINE, signal: AbortSignal.timeout(TIMEOUT) };
  const target = /^CONNECT (?:\[([\da-f:.]+)\]|([^\s:]+)):(\d+) HTTP\/1\.[01]$/i.exec((await reader.readLine(options)) ?? "");
  for (let line = 1; line <= LINES; line++) {
    if (!(await reader.readLine(options))) {
      return target === null ? undefined : { host: target[1] ?? target[2], port: target[3] };
    }
  }
  return undefined;
}

async function serve(client) {
  const { reader } = client;
  const target = await readRequest(reader);
  if (target === undefined) {
    client.send("HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT\r\nConnection: close\r\n\r\n");
    return client.close();
  }
  let host;
  try {
    host = await connect(target.host, target.port, { connectTimeout: TIMEOUT });
  } catch (error) {
    client.send(`HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n${error.message}\n`);
    return client.close();
  }
  client.send("HTTP/1.1 200 Connection established\r\n\r\n");
  reader.release();
  const { bytesToA, bytesToB } = await relay(client, host);
  console.log(`${target.host}:${target.port}: ${bytesToB} bytes there, ${bytesToA} back`);
}

try {
  const server = new TCPServerSocket({ localAddress: "127.0.0.1", localPort: process.argv[2] ?? 6789 });
  console.log(`Listening on port ${server.localPort}`);
  server.onconnect = ({ connectedSocket }) => {
    serve(connectedSocket).catch((error) => {
      console.error(error.message);
      connectedSocket.reset();
    });
  };
  server.onerror = ({ error }) => console.error(error.message);
} catch (error) {
  console.error(`Could not start: ${error.message}`);
  process.exitCode = 1;
}
