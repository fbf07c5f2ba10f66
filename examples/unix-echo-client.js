// Sends a line to the echo server at a path, and prints the answer. Start unix-echo-server.js first.
//
//   node unix-echo-client.js PATH [LINE]

"use strict";

const { UnixSocket, once } = require("tcp-udp-sockets");

async function main([path, line = "Hello, neighbour"]) {
  if (path === undefined) throw new Error("usage: node unix-echo-client.js PATH [LINE]");
  const message = new TextEncoder().encode(`${line}\n`);
  const socket = new UnixSocket(path, { connectTimeout: 10_000 });
  await once(socket, "open");
  console.log(`Connected to ${socket.remotePath}`);
  socket.send(message);
  const decoder = new TextDecoder();
  let answer = "";
  for (let length = 0; length < message.byteLength; ) {
    // It rejects if the server ends or the connection is lost before the line is complete, and after ten seconds of silence.
    const { data } = await once(socket, "message", { signal: AbortSignal.timeout(10_000) });
    length += data.byteLength;
    answer += decoder.decode(data, { stream: true });
  }
  socket.close();
  if (answer !== `${line}\n`) throw new Error(`the server is no echo server: it says ${JSON.stringify(answer.slice(0, 60))}`);
  process.stdout.write(answer);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
