// A TCP client that connects by host name, as a browser does. It tries every address of the host, and no address delays
// the others. It requests the front page of a web server over plain HTTP, and prints the beginning of the answer.
//
//   node connect.js [HOST [PORT]]

"use strict";

const { connect } = require("tcp-udp-sockets");

const host = process.argv[2] || "example.com";
const port = process.argv[3] || 80;

async function main() {
  const socket = await connect(host, port, {
    connectTimeout: 10_000,
    // The limit for everything: the client does not wait for a silent server.
    signal: AbortSignal.timeout(20_000),
    // Called right before each attempt. It prints the address. Return false to forbid an address.
    allowAddress(address) {
      console.log(`trying ${address}`);
      return true;
    },
  });
  console.log(`connected to ${socket.remoteAddress} port ${socket.remotePort}`);
  socket.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);

  // The loop ends with the server's FIN, and throws if the connection is lost.
  let answer = "";
  for await (const text of socket.readable.pipeThrough(new TextDecoderStream())) {
    answer += text;
    if (answer.includes("\r\n\r\n") || !"HTTP/".startsWith(answer.slice(0, 5))) break;
  }
  socket.close();
  const [head, ...body] = answer.split("\r\n\r\n");
  if (answer === "") throw new Error("the server has ended the connection without an answer");
  if (!answer.startsWith("HTTP/")) throw new Error(`the server does not speak HTTP: ${JSON.stringify(answer.slice(0, 60))}`);
  if (body.length === 0) throw new Error(`the answer has ended too early: ${JSON.stringify(answer.slice(0, 60))}`);
  console.log(head);
}

main().catch((error) => {
  // connect() rejects with one error for all addresses. Its cause has one error for each.
  console.error(error.message);
  for (const one of error.cause?.errors ?? []) {
    console.error(`  ${one.address}: ${one.code}`);
  }
  process.exitCode = 1;
});
