// A TCP load balancer. Each connection goes to the target with the fewest connections, or to the next one if that target
// is down. The bytes never enter JavaScript.
//
//   node load-balancer.js LOCAL_PORT HOST:PORT HOST:PORT …

"use strict";

const { TCPServerSocket, connect, relay } = require("tcp-udp-sockets");

const [localPort, ...hosts] = process.argv.slice(2);
const { server, targets } = start();

for (const target of targets) console.log(`to ${target.host}, port ${target.port}`);
console.log(`listens on port ${server.localPort}`);
server.onerror = ({ message }) => console.error(message);
server.onconnect = async ({ connectedSocket: client }) => {
  for (const target of targets.toSorted((a, b) => a.busy - b.busy)) {
    target.busy++;
    try {
      const socket = await connect(target.host, target.port, { connectTimeout: 2000 });
      if (client.readyState !== "open") return socket.reset(); // The client has left meanwhile.
      return await relay(client, socket);
    } catch (error) {
      console.error(error.message);
      if (client.readyState === "closed") return; // The relay had begun, and a connection was lost.
    } finally {
      target.busy--;
    }
  }
  client.reset();
};

function start() {
  try {
    const all = hosts.map((host) => ({ ...split(host), busy: 0 }));
    if (all.length === 0) throw new Error("usage: node load-balancer.js LOCAL_PORT HOST:PORT HOST:PORT …");
    return { server: new TCPServerSocket({ localPort, maxConnections: 10_000 }), targets: all };
  } catch (error) {
    console.error(error.message); // The port is in use, for example.
    return process.exit(1);
  }
}

function split(host) {
  const { hostname, port } = URL.canParse(`tcp://${host}`) ? new URL(`tcp://${host}`) : {};
  if (!hostname || !port) throw new Error(`${host} is not HOST:PORT`);
  return { host: hostname, port };
}
