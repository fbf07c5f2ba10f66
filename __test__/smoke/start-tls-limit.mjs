// A startTls() without connectTimeout ends after 10 s (R-tls-start). Deno's Node-API takes undefined for 0, which would mean: no limit.

import assert from "node:assert/strict";
import { TCPServerSocket, connect } from "../../index.mjs";

const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
// It reads, and never answers.
server.onconnect = ({ connectedSocket }) => {
  connectedSocket.onmessage = () => {};
  connectedSocket.onerror = () => {};
};
const socket = await connect("127.0.0.1", server.localPort);
const start = performance.now();
const limit = setTimeout(() => assert.fail("startTls() has no limit"), 20_000);
await assert.rejects(socket.startTls(), { code: "ERR_TLS_HANDSHAKE_TIMEOUT" });
clearTimeout(limit);
const seconds = (performance.now() - start) / 1000;
assert.ok(seconds > 9.5, `startTls() ended after ${seconds} s`);
server.close();
console.log(`startTls() ended after ${seconds.toFixed(1)} s`);
