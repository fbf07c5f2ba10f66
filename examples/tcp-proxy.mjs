// Passes each connection on to another address, with back-pressure both ways: a side that does not keep up makes the
// other wait, and a connection never holds more than about its high-water mark in memory.
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
    client.suspend(); // What it sends waits until there is somewhere to send it.
    const target = dial();
    if (target === undefined) return client.reset();
    target.onopen = () => client.resume();
    pass(client, target);
    pass(target, client);
  };
} catch (error) {
  console.error(error.message); // The port is taken, for example.
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
    if (!to.send(data)) from.suspend(); // Above the high-water mark: read no more …
  };
  to.ondrain = () => from.resume(); // … until everything is out.
  from.onhalfclose = () => to.halfclose();
  from.onclose = () => to.close();
  from.onerror = ({ error }) => {
    console.error(error.message);
    to.reset();
  };
}
