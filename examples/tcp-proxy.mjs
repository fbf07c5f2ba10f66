// Passes each connection on to another address, with back-pressure in both directions. A slow side makes the other side
// wait. A connection never holds much more than its high-water mark in memory.
//
//   node tcp-proxy.mjs LOCAL_PORT REMOTE_ADDRESS REMOTE_PORT

import process from "node:process";
import { TCPServerSocket, TCPSocket } from "tcp-udp-sockets";

const [localPort, remoteAddress, remotePort] = process.argv.slice(2);

try {
  const server = new TCPServerSocket({ localPort });
  console.log(`listens on port ${server.localPort}`);
  server.onerror = ({ error }) => console.error(error.message);
  server.onconnect = ({ connectedSocket: client }) => {
    client.suspend(); // Its data waits until the other connection is open.
    const target = dial();
    if (target === undefined) return client.reset();
    target.onopen = () => client.resume();
    pass(client, target);
    pass(target, client);
  };
} catch (error) {
  console.error(error.message); // The port is in use, for example.
  process.exitCode = 1;
}

function dial() {
  try {
    return new TCPSocket(remoteAddress, remotePort);
  } catch (error) {
    console.error(error.message); // Not an address, or too many open files.
    return undefined;
  }
}

function pass(from, to) {
  from.onmessage = ({ data }) => {
    if (!to.send(data)) from.suspend(); // Above the high-water mark: stop reading …
  };
  to.ondrain = () => from.resume(); // … until nothing is buffered.
  from.onhalfclose = () => to.halfclose();
  from.onclose = () => to.close();
  from.onerror = ({ error }) => {
    console.error(error.message);
    to.reset();
  };
}
