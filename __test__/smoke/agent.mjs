// What tcp-udp-sockets/agent must do in every runtime: http.request() and https.request() connect by it, with keep-alive, TLS and a filter, and
// the process then exits by itself. Plain JavaScript, no test runner.
//
//   node|bun|deno run -A agent.mjs [SPECIFIER OF THE SUBPATH]

import assert from "node:assert/strict";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";
import process from "node:process";
import { setTimeout } from "node:timers";

const LIMIT = 20_000; // ms

const { Agent, HttpsAgent, connector } = await import(process.argv[2] ?? "../../agent.mjs");
const { authority } = createRequire(import.meta.url)("../helpers/certificates.js");

setTimeout(() => {
  console.error(`FAILED: not done after ${LIMIT} ms`);
  process.exit(1);
}, LIMIT).unref();
process.on("exit", (code) => console.log(code === 0 ? "exits by itself, code 0" : `FAILED: code ${code}`));

const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

function request(module, { body, ...options }) {
  return new Promise((resolve, reject) => {
    const made = module.request({ host: "127.0.0.1", ...options }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (data) => (text += data));
      response.on("end", () => resolve(text));
    });
    made.on("error", reject);
    made.end(body);
  });
}

function answer(incoming, response) {
  let size = 0;
  incoming.on("data", (data) => (size += data.length));
  incoming.on("end", () => response.end(`${incoming.method} ${size}`));
}

const server = http.createServer(answer);
const port = await listening(server);
let connections = 0;
server.on("connection", () => (connections += 1));
const agent = new Agent({ keepAlive: true });
assert.equal(await request(http, { agent, port }), "GET 0");
await new Promise((resolve) => setTimeout(resolve, 20));
assert.equal(await request(http, { agent, port, method: "POST", body: Buffer.alloc(300_000) }), "POST 300000");
assert.equal(connections, 1, "keep-alive");
agent.destroy();
console.log("Agent: keep-alive, 300 kB");

for (const host of ["127.0.0.1", "localhost"]) {
  await assert.rejects(request(http, { agent: new Agent({ allowAddress: () => false }), host, port }), { code: "ERR_ADDRESS_BLOCKED" });
}
await assert.rejects(request(http, { agent: new Agent(), port: 1 }), { code: "ECONNREFUSED" });
const lookup = async () => ["127.0.0.1"];
assert.equal(await request(http, { agent: new Agent({ lookup }), host: "any.test", port }), "GET 0");
console.log("Agent: filter, look-up, errors");

const { ca, server: certificate } = authority();
const secure = https.createServer({ cert: certificate.cert, key: certificate.key }, answer);
const securePort = await listening(secure);
assert.equal(await request(https, { agent: new HttpsAgent(), port: securePort, ca: ca.cert }), "GET 0");
await assert.rejects(request(https, { agent: new HttpsAgent(), port: securePort }));
await assert.rejects(request(https, { agent: new HttpsAgent({ allowAddress: () => false }), port: securePort, ca: ca.cert }), { code: "ERR_ADDRESS_BLOCKED" });
console.log("HttpsAgent: TLS, filter");

await new Promise((resolve, reject) => {
  connector()({ hostname: "localhost", protocol: "http:", port: String(port) }, (error, socket) => (error ? reject(error) : resolve(socket.destroy())));
});
console.log("connector");
server.close();
secure.close();
