"use strict";

// A body out and back through one connection, by streams or by events at both ends: processor time, memory, and that each byte
// comes back in its place.

const { TCPServerSocket, TCPSocket } = require("../../..");
const { play, company, next, watchMemory } = require("./roles");

const BLOCK = 64 * 1024;

/** The blocks of the body, told apart by their first bytes. */
function* blocks(bytes) {
  for (let offset = 0; offset < bytes; offset += BLOCK) {
    const block = new Uint8Array(Math.min(BLOCK, bytes - offset));
    new DataView(block.buffer).setFloat64(0, offset);
    yield block;
  }
}

/** Looks at what comes back: how much, and whether each block begins with its place. */
function checker() {
  let received = 0;
  let head = [];
  let wrong = 0;
  return {
    take(chunk) {
      // Heads may be cut in two.
      let at = (BLOCK - (received % BLOCK)) % BLOCK;
      if (head.length > 0) {
        at = -head.length;
      }
      for (; at < chunk.length; at += BLOCK) {
        const bytes = [...head, ...chunk.subarray(Math.max(at, 0), at + 8)];
        head = [];
        if (bytes.length < 8) {
          head = bytes;
        } else if (new DataView(new Uint8Array(bytes).buffer).getFloat64(0) !== received + at) {
          wrong += 1;
        }
      }
      received += chunk.length;
    },
    result: () => ({ received, wrong }),
  };
}

const echo = {
  streams: (socket) => socket.readable.pipeTo(socket.writable),
  events(socket) {
    socket.onmessage = ({ data }) => {
      if (!socket.send(data)) {
        socket.suspend();
      }
    };
    socket.ondrain = () => socket.resume();
    socket.onhalfclose = () => socket.close();
    return next(socket, "close");
  },
};

const exchange = {
  async streams(socket, bytes, check) {
    const source = blocks(bytes);
    const body = new ReadableStream({
      pull(controller) {
        const { value, done } = source.next();
        if (done) {
          controller.close();
        } else {
          controller.enqueue(value);
        }
      },
    });
    await Promise.all([
      body.pipeTo(socket.writable),
      socket.readable.pipeTo(new WritableStream({ write: (chunk) => check.take(chunk) })),
    ]);
  },
  async events(socket, bytes, check) {
    socket.onmessage = ({ data }) => check.take(new Uint8Array(data));
    const closed = next(socket, "close");
    for (const block of blocks(bytes)) {
      if (!socket.send(block)) {
        await next(socket, "drain");
      }
    }
    socket.halfclose();
    await closed;
  },
};

async function measured(act) {
  const memory = watchMemory();
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return { ms: (user + system) / 1000, growth: memory.stop() };
}

play({
  async main(parameters) {
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const peer = company(__filename, "peer", { ...parameters, port: server.localPort });
    const { connectedSocket } = await next(server, "connect");
    server.close();
    const check = checker();
    const ours = await measured(() => exchange[parameters.how](connectedSocket, parameters.bytes, check));
    const { theirs } = await peer.hear("result");
    peer.close();
    return { ...check.result(), ours, theirs };
  },

  async peer({ how, port }, parent) {
    const socket = new TCPSocket("127.0.0.1", port);
    await next(socket, "open");
    parent.tell("result", { theirs: await measured(() => echo[how](socket)) });
    process.removeAllListeners("message");
  },
});
