"use strict";

// Ends workers at random points while they connect, transfer, shake hands and relay (R-end-of-life). Nothing may crash, their ports must be
// free, and their peers must see the end.
//
//   node __test__/faults/workers.js [--workers 1000] [--seed N] [--report]

const { once } = require("node:events");
const { readdirSync } = require("node:fs");
const net = require("node:net");
const path = require("node:path");
const process = require("node:process");
const tls = require("node:tls");
const { parseArgs } = require("node:util");
const { Worker, isMainThread, parentPort, workerData } = require("node:worker_threads");
const { selfSigned } = require("../helpers/certificates");
const { generator } = require("../helpers/random");
const { report } = require("../helpers/report");

const { TCPSocket, TCPServerSocket, UDPSocket, connect, relay } = require(path.join(__dirname, "..", ".."));

/** Workers at once. */
const AT_ONCE = 4;
/** A worker is ended at most so many ms after it has begun. */
const LATEST = 100;
/** ms until its peers and ports must be free. */
const LIMIT = 10_000;

/** What each worker does until it is ended. */
function work({ plain, secure, cert, key }) {
  const block = new Uint8Array(64 * 1024);
  const ignore = () => {};
  const pump = (socket) => {
    socket.onerror = ignore;
    socket.onmessage = ignore;
    socket.ondrain = () => {
      while (socket.send(block));
    };
    if (socket.send(block)) socket.ondrain();
  };
  const tlsOptions = { secureTransport: { rejectUnauthorized: false } };
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  const secureServer = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { cert, key } });
  for (const one of [server, secureServer]) {
    one.onerror = ignore;
    one.onconnect = ({ connectedSocket }) => pump(connectedSocket);
  }
  const udp = new UDPSocket({ localAddress: "127.0.0.1" });
  udp.onmessage = ({ data }) => udp.send(data, "127.0.0.1", udp.localPort);
  udp.send("x", "127.0.0.1", udp.localPort);
  parentPort.postMessage([server.localPort, secureServer.localPort]);
  const steps = [
    () => {
      const socket = new TCPSocket("127.0.0.1", plain);
      socket.onerror = ignore;
      socket.onopen = () => pump(socket);
    },
    () => {
      const socket = new TCPSocket("127.0.0.1", secure, tlsOptions);
      socket.onerror = ignore;
      socket.onopen = () => pump(socket);
    },
    () => connect("localhost", plain, { dnsQueryType: "ipv4" }).then(pump, ignore),
    () => connect("127.0.0.1", secureServer.localPort, tlsOptions).then(pump, ignore),
    () => connect("127.0.0.1", server.localPort).then(pump, ignore),
    async () => {
      const pair = await Promise.all([connect("127.0.0.1", plain), connect("127.0.0.1", secure, tlsOptions)]);
      for (const socket of pair) {
        socket.onerror = ignore;
        socket.send(block);
      }
      await relay(pair[0], pair[1]).catch(ignore);
    },
    async () => {
      const socket = await connect("127.0.0.1", secureServer.localPort);
      socket.onerror = ignore;
      await socket.startTls({ rejectUnauthorized: false }).then(() => pump(socket), ignore);
    },
  ];
  let next = 0;
  const go = () => {
    Promise.resolve(steps[next++ % steps.length]()).catch(ignore);
    if (next < 40) setTimeout(go, 2);
  };
  go();
}

async function main() {
  const { values: options } = parseArgs({ options: { workers: { type: "string", default: "1000" }, seed: { type: "string" }, report: { type: "boolean" } } });
  const count = Number(options.workers);
  const seed = Number(options.seed ?? Date.now() % 2 ** 31);
  const random = generator(seed);
  const { cert, key } = selfSigned();
  const peers = new Set();
  const echo = (socket) => {
    peers.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => peers.delete(socket));
    socket.pipe(socket);
  };
  const plain = net.createServer(echo);
  const secure = tls.createServer({ cert, key }, echo);
  secure.on("tlsClientError", () => {});
  for (const server of [plain, secure]) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  const data = { plain: plain.address().port, secure: secure.address().port, cert, key };
  const isFree = (port) => new Promise((resolve) => {
    const server = net.createServer().once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  });
  const result = { seed, workers: 0, early: 0, errors: [], portsTaken: 0, ports: 0, connections: 0 };
  plain.on("connection", () => {
    result.connections += 1;
  });
  const start = Date.now();
  const rss = [];
  /** Ports that were taken after their worker's end: by another worker, or for ever. */
  const taken = [];
  async function one() {
    const worker = new Worker(__filename, { workerData: data, execArgv: [] });
    let ports = [];
    worker.on("message", (list) => {
      ports = list;
    });
    worker.on("error", (error) => result.errors.push(String(error.stack)));
    // One in ten ends before its script runs, or while it begins.
    if (random(10) > 0) {
      await Promise.race([once(worker, "message"), once(worker, "exit")]);
      await new Promise((resolve) => setTimeout(resolve, random(LATEST)));
    } else {
      await new Promise((resolve) => setTimeout(resolve, random(LATEST)));
    }
    await worker.terminate();
    result.early += ports.length === 0 ? 1 : 0;
    for (const port of ports) {
      result.ports += 1;
      if (!(await isFree(port))) taken.push(port);
    }
    result.workers += 1;
    if (result.workers % Math.ceil(count / 5) === 0) rss.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
  }
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < count) {
      next += 1;
      await one();
    }
  }));
  for (let waited = 0; peers.size > 0 && waited < LIMIT; waited += 20) await new Promise((resolve) => setTimeout(resolve, 20));
  result.peersLeft = peers.size;
  for (const port of taken) {
    if (!(await isFree(port))) result.portsTaken += 1;
  }
  plain.close();
  secure.close();
  for (const peer of peers) peer.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  Object.assign(result, { rssMiB: rss, descriptors: readdirSync("/proc/self/fd").length, seconds: (Date.now() - start) / 1000 });
  if (options.report) {
    report(result);
    return;
  }
  console.log(result);
  if (result.errors.length > 0 || result.portsTaken > 0 || result.peersLeft > 0 || result.workers !== count) process.exitCode = 1;
}

if (isMainThread) main();
else work(workerData);
