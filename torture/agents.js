"use strict";

// Random requests through tcp-udp-sockets/agent to a server of node:http: bodies arrive whole, aborts end what they abort, and nothing is left.

const { Buffer } = require("node:buffer");
const http = require("node:http");
const { runPlain } = require("./datagrams");
const { piece } = require("./flow");
const { Agent } = require("../agent.js");

/** @param {any} world @param {any} end @param {{ method: string, size: number, value: number, abort?: boolean }} how */
function request(world, end, { method, size, value, abort = false }) {
  const body = method === "POST" ? Buffer.from(piece(value, size)) : undefined;
  const controller = new AbortController();
  const result = new Promise((resolve, reject) => {
    const made = http.request({ agent: end.agent, port: end.port, host: "127.0.0.1", method, path: `/${size}/${value}`, signal: controller.signal }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve(Buffer.concat(parts)));
      response.on("error", reject);
      response.on("close", () => reject(new Error("the response was cut off")));
    });
    made.on("error", reject);
    made.end(body);
  });
  world.keep(`${method} ${size}`, result, (received) => {
    if (!received.equals(piece(value, size))) world.fault("R-agent", `${method} of ${size} bytes gave ${received.length} other ones`);
  }, (error) => {
    if (!abort && !end.isDestroyed) world.fault("R-agent", `${method} of ${size} bytes failed: ${error}`);
  });
  if (abort) setTimeout(() => controller.abort(), value % 4);
}

const operations = {
  get: (end, { size, value }, world) => request(world, end, { method: "GET", size, value }),
  post: (end, { size, value }, world) => request(world, end, { method: "POST", size: size * 10, value }),
  abort: (end, { size, value }, world) => request(world, end, { method: value % 2 ? "GET" : "POST", size: size * 10, value, abort: true }),
  parallel(end, { size, value }, world) {
    for (let i = 0; i < 6; i++) request(world, end, { method: "GET", size, value: value + i });
  },
  destroy(end) {
    end.isDestroyed = true;
    end.agent.destroy();
  },
  collect: () => { globalThis.gc?.(); },
};

/** @param {any} world */
async function playAgents(world) {
  const server = http.createServer((incoming, response) => {
    const [, size, value] = incoming.url.split("/").map(Number);
    if (incoming.method === "POST") {
      incoming.pipe(response);
      incoming.on("error", () => response.destroy());
    } else {
      response.end(piece(value, size));
    }
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", () => resolve(undefined)); });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const agents = [{ keepAlive: true }, { keepAlive: true, maxSockets: 1 }, { keepAlive: false }];
  world.ends = agents.map((options, number) => ({
    name: `agent ${number}`, agent: new Agent(options), port, isDestroyed: false, isOver: true,
    checkState() {}, check() {}, describe() { return this.name; },
  }));
  await runPlain(world, operations);
  await world.until(() => world.promises.every(({ isSettled }) => isSettled), 8000);
  world.ends.forEach((end) => operations.destroy(end));
  server.closeAllConnections?.();
  await new Promise((resolve) => { server.close(() => resolve(undefined)); });
}

module.exports = { playAgents };
