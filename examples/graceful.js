// A server that ends well. It echoes what its clients send. On SIGTERM or SIGINT it stops accepting, gives the connections time to end by
// themselves (GRACE), then closes them, so that what it has sent still arrives, and resets what is left after TIMEOUT. So the process ends
// within TIMEOUT, whatever its clients do. A second signal ends it at once.
//
//   node graceful.js [PORT] [GRACE] [TIMEOUT]
//
// GRACE and TIMEOUT are in milliseconds. Their defaults are 5000 and 10000.

"use strict";

const { TCPServerSocket } = require("tcp-udp-sockets");

const [port = 6789, grace = 5000, timeout = 10_000] = process.argv.slice(2).map(Number);

/** The signals that ask for the end. Others, such as SIGKILL, cannot be handled. */
const SIGNALS = ["SIGTERM", "SIGINT"];

try {
  const server = new TCPServerSocket({ localPort: port });
  server.onconnect = ({ connectedSocket }) => {
    connectedSocket.onmessage = ({ data }) => {
      if (!connectedSocket.send(data)) {
        connectedSocket.suspend();
      }
    };
    connectedSocket.ondrain = () => connectedSocket.resume();
    connectedSocket.onerror = ({ error }) => console.error(`lost: ${error.message}`);
  };
  server.onerror = ({ error }) => console.error(error.message);
  console.log(`Listening on port ${server.localPort}`);

  const end = async (signal) => {
    // From now on the runtime's own handling applies: a second signal ends the process at once.
    for (const name of SIGNALS) {
      process.off(name, end);
    }
    const start = performance.now();
    console.log(`${signal}: ${server.connections} connections are to end`);
    await server.shutdown({ grace, timeout });
    console.log(`Done after ${Math.round(performance.now() - start)} ms`);
  };
  for (const name of SIGNALS) {
    process.on(name, end);
  }
} catch (error) {
  console.error(`Could not start: ${error.message}`);
  process.exitCode = 1;
}
