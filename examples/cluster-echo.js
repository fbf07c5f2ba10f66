// An echo server on every core. Each worker thread has its own server, and all servers share one port (reusePort). The
// system distributes the connections. The sockets of all threads share one native runtime.
//
//   node cluster-echo.js PORT [WORKERS]

"use strict";

const { once } = require("node:events"); // For the workers. Sockets have the package's own once().
const os = require("node:os");
const process = require("node:process");
const { Worker, isMainThread, parentPort, threadId, workerData } = require("node:worker_threads");
const { TCPServerSocket } = require("tcp-udp-sockets");

function serve(localPort) {
  const server = new TCPServerSocket({ localPort, reusePort: true });
  server.onconnect = ({ connectedSocket: client }) => {
    console.log(`worker ${threadId} serves port ${client.remotePort}`);
    client.onmessage = ({ data }) => client.send(data);
    client.onerror = () => {}; // Its client has left.
  };
  return server.localPort;
}

async function main() {
  const [port = "0", workers = os.availableParallelism()] = process.argv.slice(2);
  let localPort = port;
  for (let count = 0; count < Number(workers); count++) {
    const worker = new Worker(__filename, { workerData: localPort });
    const [answer] = await once(worker, "message");
    if (answer.problem !== undefined) throw new Error(answer.problem);
    // With 0 the first worker's port is the port of all.
    ({ localPort } = answer);
  }
  console.log(`${workers} workers listen on port ${localPort}`);
}

if (isMainThread) {
  main().catch((error) => {
    console.error(error.message);
    process.exit(1); // The workers end with this process.
  });
} else {
  try {
    parentPort.postMessage({ localPort: serve(workerData) });
  } catch (error) {
    parentPort.postMessage({ problem: error.message });
  }
}
