// An echo server on every core: each worker thread has a server of its own, and all share one port (reusePort). The
// system deals the connections out. All threads' sockets share one native runtime.
//
//   node cluster-echo.js PORT [WORKERS]

"use strict";

const { once } = require("node:events"); // For the workers: a socket's is the package's own.
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
  let localPort = port;
  for (let count = 0; count < Number(workers); count++) {
    const worker = new Worker(__filename, { workerData: localPort });
    const [answer] = await once(worker, "message");
    if (answer.problem !== undefined) throw new Error(answer.problem);
    // With 0 the first picks the port for all.
    ({ localPort } = answer);
  }
  console.log(`${workers} workers listen on port ${localPort}`);
}

if (isMainThread) {
  main().catch((error) => {
    console.error(error.message);
    process.exit(1); // With it the workers end.
  });
} else {
  try {
    parentPort.postMessage({ localPort: serve(workerData) });
  } catch (error) {
    parentPort.postMessage({ problem: error.message });
  }
}
