// A TCP load balancer: each connection goes to the target with the fewest, and where that is down to the next. The
// bytes never enter JavaScript.
//
//   node load-balancer.js LOCAL_PORT HOST:PORT HOST:PORT …

"use strict";

const { TCPServerSocket, connect, relay } = require("tcp-udp-sockets");

const [localPort, ...hosts] = process.argv.slice(2);
const targets = hosts.map((host) => ({ ...split(host), busy: 0 }));
const server = new TCPServerSocket({ localPort, maxConnections: 10_000 });

for (const target of targets) console.log(`to ${target.host}, port ${target.port}`);
console.log(`listens on port ${server.localPort}`);
server.onerror = ({ message }) => console.error(message);
server.onconnect = async ({ connectedSocket: client }) => {
  for (const target of targets.toSorted((a, b) => a.busy - b.busy)) {
    target.busy++;
    try {
      const socket = await connect(target.host, target.port, { connectTimeout: 2000 });
      if (client.readyState !== "open") return socket.reset(); // The client has not waited.
      return await relay(client, socket);
    } catch (error) {
      console.error(error.message);
      if (client.readyState === "closed") return; // It was relayed, and the connection is lost.
    } finally {
      target.busy--;
    }
  }
  client.reset();
};

function split(host) {
  const { hostname, port } = new URL(`tcp://${host}`);
  return { host: hostname, port };
}
