// Requests a resource from an HTTP server on a Unix socket, such as Docker's, and prints the body of the answer as it comes.
//
//   node unix-http-get.js PATH TARGET
//   node unix-http-get.js /var/run/docker.sock /version

"use strict";

const { UnixSocket } = require("tcp-udp-sockets");

async function main([path, target]) {
  if (target === undefined) throw new Error("usage: node unix-http-get.js PATH TARGET");
  const socket = new UnixSocket(path, { connectTimeout: 10_000 });
  const { readable } = await socket.opened;
  // Version 1.0: the end of the answer is the end of the connection, so the body comes as it is, not in chunks.
  socket.send(`GET ${target} HTTP/1.0\r\nHost: localhost\r\n\r\n`);

  let head;
  let held = Buffer.alloc(0); // What has come of the head.
  let length = 0; // Of the body, so far.
  const print = (bytes) => {
    length += bytes.length;
    process.stdout.write(bytes);
  };
  try {
    // The loop ends when the server has ended, and throws if the connection is lost.
    for await (const chunk of readable) {
      if (head !== undefined) {
        print(chunk);
        continue;
      }
      held = Buffer.concat([held, chunk]);
      const start = held.toString("latin1", 0, 5);
      if (!"HTTP/".startsWith(start)) throw new Error(`the server does not speak HTTP: ${JSON.stringify(held.toString("latin1", 0, 60))}`);
      const end = held.indexOf("\r\n\r\n");
      if (end === -1) continue;
      head = held.toString("latin1", 0, end);
      print(held.subarray(end + 4));
    }
  } finally {
    socket.close(); // Also when what comes is no HTTP.
  }

  if (head === undefined) throw new Error(held.length === 0 ? "the server has ended without an answer" : "the answer has ended too early");
  const [status] = head.split("\r\n");
  const expected = /^content-length: *(\d+)/im.exec(head)?.[1] ?? length;
  if (length < Number(expected)) throw new Error(`the answer has ended too early: ${length} of ${expected} bytes`);
  if (!/^HTTP\/1\.\d 2/.test(status)) throw new Error(`the server refuses: ${status}`);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
