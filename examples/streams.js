"use strict";

// Promises, streams, loops and a signal: a server that answers lines of text, and its client.
//
//   node examples/streams.js

const { TCPServerSocket, TCPSocket } = require("tcp-udp-sockets");

/** Cuts a stream of text into lines. */
function lines() {
  let rest = "";
  return new TransformStream({
    transform(text, controller) {
      const all = (rest + text).split("\n");
      rest = all.pop();
      all.forEach((line) => controller.enqueue(line));
    },
    flush(controller) {
      if (rest !== "") controller.enqueue(rest);
    },
  });
}

/** Answers each line, until the client ends. A slow client makes this loop wait, and this loop makes a fast client wait. */
async function serve(socket) {
  const writer = socket.writable.getWriter();
  for await (const line of socket.readable.pipeThrough(new TextDecoderStream()).pipeThrough(lines())) {
    await writer.write(`${line.toUpperCase()}\n`);
  }
  await writer.close();
}

async function main() {
  const stop = new AbortController();
  const server = new TCPServerSocket({ localAddress: "127.0.0.1", signal: stop.signal });
  const serving = (async () => {
    // One connection for each iteration of the loop. The others wait.
    for await (const socket of server) {
      serve(socket).catch((error) => console.error(error.message));
    }
  })();

  // A limit for everything. It also ends a healthy connection. To limit only connecting, use connectTimeout.
  const socket = new TCPSocket("127.0.0.1", server.localPort, { signal: AbortSignal.timeout(5000) });
  const { readable, writable, remoteAddress, remotePort } = await socket.opened;
  console.log(`connected to ${remoteAddress}, port ${remotePort}`);
  const sent = new ReadableStream({
    start(controller) {
      ["one", "two", "three"].forEach((word) => controller.enqueue(`${word}\n`));
      controller.close();
    },
  }).pipeTo(writable);
  for await (const line of readable.pipeThrough(new TextDecoderStream()).pipeThrough(lines())) {
    console.log(line);
  }
  await Promise.all([sent, socket.closed]);

  stop.abort();
  await serving;
  console.log("done");
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
