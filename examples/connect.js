// A TCP client that connects by host name, as a browser does: every address of the host has its chance, none keeps the
// others waiting. It asks a web server for its front page over plain HTTP and prints how that begins.
//
//   node connect.js [HOST [PORT]]

"use strict";

const { connect } = require("tcp-udp-sockets");

const host = process.argv[2] || "example.com";
const port = process.argv[3] || 80;

async function main() {
  const socket = await connect(host, port, {
    connectTimeout: 10_000,
    // Asked right before each attempt: prints what is tried. Return false for what must not be connected to.
    allowAddress(address) {
      console.log(`trying ${address}`);
      return true;
    },
  });
  console.log(`connected to ${socket.remoteAddress} port ${socket.remotePort}`);

  // Nothing that the server says before this is lost.
  let answer = "";
  const decoder = new TextDecoder();
  socket.onmessage = ({ data }) => {
    answer += decoder.decode(data, { stream: true });
  };
  socket.onclose = () => console.log(answer.split("\r\n\r\n")[0]);
  socket.onerror = ({ error }) => console.error(error.message);
  socket.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
}

main().catch((error) => {
  // One error for all addresses; its cause has them one by one.
  console.error(error.message);
  for (const one of error.cause?.errors ?? []) {
    console.error(`  ${one.address}: ${one.code}`);
  }
  process.exitCode = 1;
});
