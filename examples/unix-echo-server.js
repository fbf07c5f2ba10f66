// An echo server on a Unix socket: clients on this machine reach it by a path, and the file's permissions say who may
// connect. It sends received data back, and logs who each client is. Stop it with Ctrl+C.
//
//   node unix-echo-server.js PATH

"use strict";

const { UnixServerSocket } = require("tcp-udp-sockets");

function main([path]) {
  if (path === undefined) throw new Error("usage: node unix-echo-server.js PATH");
  // 0o600: only this user may connect. A file that a killed server has left behind is replaced.
  const server = new UnixServerSocket({ path, mode: 0o600 });
  console.log(`Listening on ${server.localPath}`);

  server.onconnect = ({ connectedSocket: client }) => {
    // Where the system reports it, this is the process at the other end.
    const { pid, uid } = client.peerCredentials ?? {};
    console.log(`Connection from user ${uid}, process ${pid}`);
    client.onmessage = ({ data }) => {
      if (!client.send(data)) client.suspend(); // The client reads more slowly than it sends: stop reading …
    };
    client.ondrain = () => client.resume(); // … until nothing is buffered.
    client.onclose = () => console.log("Connection has been closed");
    client.onerror = ({ error }) => console.error(`Error: ${error.message}`);
  };
  // A connection could not be accepted.
  server.onerror = ({ error }) => console.error(`Error: ${error.message}`);

  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      server.close(); // Removes the file.
      process.exit();
    });
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(error.message); // The path is in use, for example, or its folder does not exist.
  process.exitCode = 1;
}
