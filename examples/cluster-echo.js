// An echo server on every core: each worker thread has a server of its own, and all share one port (reusePort). The
// system deals the connections out. All threads' sockets share one native runtime.
//
//   node cluster-echo.js PORT [WORKERS]

"use strict";

const os = require("node:os");
const process = require("node:process");
const { Worker, isMainThread, parentPort, threadId, workerData } = require("node:worker_threads");
const { TCPServerSocket } = require("tcp-udp-sockets");

function serve(localPort) {
  const server = new TCPServerSocket({ localPort, reusePort: true });
  server.onconnect = ({ connectedSocket: client }) => {
    console.log(`worker ${threadId} serves port ${client.remotePort}`);
    client.onmessage = ({ data }) => client.send(data);
    client.onerror = () => {}; // Its client has gone.
  };
  return server.localPort;
}

async function main() {
  const [port = "0", workers = os.availableParallelism()] = process.argv.slice(2);
  let localPort = Number(port);
  for (let count = 0; count < Number(workers); count++) {
    const worker = new Worker(__filename, { workerData: localPort });
    // With 0 the first picks the port for all.
    localPort = await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  }
  console.log(`${workers} workers listen on port ${localPort}`);
}

if (isMainThread) main();
else parentPort.postMessage(serve(workerData));
