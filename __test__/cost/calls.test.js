"use strict";

// What a message costs in system calls and allocations, under a fixed load: a guard that no clock disturbs. The server is stopped
// while the load is laid before it, so that each turn has the same to do. The bounds are what was counted, with a little room.

const dgram = require("node:dgram");
const { once } = require("node:events");
const net = require("node:net");
const { counted, countingTest } = require("../helpers/counting");
const { defer } = require("../helpers/cleanup");

jest.setTimeout(60_000);

/** With libuv a turn begins with two polls: libuv's, and the set's. The other sources ask once more before they watch again. */
const OTHER = (process.env.TCP_UDP_SOCKETS_WAKE ?? "uv") === "uv" ? 1 : 3;

const ROUNDS = 50;
/** Before anything is counted: code is compiled, buffers are made. */
const WARM_UP = 150;

/* global TCPServerSocket, UDPSocket -- at hand in the script */

/** A script that serves and reports its port. */
const serving = (serve) => `process.stdin.resume().on("end", () => process.exit()); report((${serve})().localPort);`;

/** Connections to a server, open. */
async function connections(port, count) {
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = net.connect(port, "127.0.0.1");
      socket.setNoDelay(true);
      defer(() => socket.destroy());
      await once(socket, "connect");
      return socket;
    }),
  );
  return sockets;
}

/** What a unit costs the server, where a round is so many. */
async function costOf(server, units, round) {
  for (let i = 0; i < WARM_UP; i++) await round();
  return server.cost(units * ROUNDS, async () => {
    for (let i = 0; i < ROUNDS; i++) await round();
  });
}

/**
 * The lowest of each count in eight goes. For a load that cannot be laid before a stopped server: in a go in which other processes hold
 * the peer back, the server reads in smaller pieces; and in one in which the engine compiles, it allocates for that.
 */
async function lowestCost(server, units, go) {
  const lowest = {};
  for (let i = 0; i < 8; i++) {
    for (const [kind, count] of Object.entries(await server.cost(units, go))) {
      lowest[kind] = Math.min(count, lowest[kind] ?? Infinity);
    }
  }
  return lowest;
}

/** Resolves when the sockets have received so many bytes together. */
function received(sockets, bytes) {
  return new Promise((resolve) => {
    const count = (data) => {
      bytes -= data.length;
      if (bytes <= 0) {
        sockets.forEach((socket) => socket.off("data", count));
        resolve();
      }
    };
    sockets.forEach((socket) => socket.on("data", count));
  });
}

countingTest("TCP echo: one read and one write a message", async () => {
  const server = await counted(
    serving(() => {
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      server.onconnect = ({ connectedSocket }) => {
        connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
      };
      return server;
    }),
  );
  const sockets = await connections(server.port, 32);
  const message = Buffer.alloc(64, "x");
  const round = async () => {
    server.pause();
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.write(message, resolve))));
    const back = received(sockets, 32 * 64);
    server.resume();
    await back;
  };
  const cost = await costOf(server, 32, round);
  expect(cost.reads).toBeLessThan(1.02 * OTHER);
  expect(cost.writes).toBeLessThan(1.02 * OTHER);
  expect(cost.polls).toBeLessThan(0.25 * OTHER);
  expect(cost.controls + cost.ends).toBeLessThan(0.03 * OTHER);
  expect(cost.allocations).toBeLessThan(5.5);
  await server.end();
});

countingTest("TCP: a thousand small sends in a turn are one write, and none of them allocates", async () => {
  const server = await counted(
    serving(() => {
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      const line = new Uint8Array(64);
      server.onconnect = ({ connectedSocket }) => {
        connectedSocket.onmessage = () => {
          for (let i = 0; i < 1000; i++) connectedSocket.send(line);
        };
      };
      return server;
    }),
  );
  const [socket] = await connections(server.port, 1);
  const round = async () => {
    const back = received([socket], 64_000);
    socket.write("x");
    await back;
  };
  const cost = await costOf(server, 1000, round);
  expect(cost.writes).toBeLessThan(0.0011 * OTHER);
  expect(cost.polls).toBeLessThan(0.004 * OTHER);
  expect(cost.allocations).toBeLessThan(0.03);
  await server.end();
});

/** Sends so many MiB to the server, which answers a byte for each. Resolves when the last answer is there. */
async function transfer(socket, mebibytes) {
  const megabyte = Buffer.alloc(1024 * 1024);
  const back = received([socket], mebibytes);
  for (let i = 0; i < mebibytes; i++) {
    if (!socket.write(megabyte)) await once(socket, "drain");
  }
  await back;
}

countingTest("TCP in bulk: four blocks of 64 KiB a read, and nothing copied", async () => {
  const server = await counted(
    serving(() => {
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      server.onconnect = ({ connectedSocket }) => {
        let bytes = 0;
        connectedSocket.onmessage = ({ data }) => {
          for (bytes += data.byteLength; bytes >= 1024 * 1024; bytes -= 1024 * 1024) connectedSocket.send("x");
        };
      };
      return server;
    }),
  );
  const [socket] = await connections(server.port, 1);
  await transfer(socket, 64);
  const cost = await lowestCost(server, 16, () => transfer(socket, 16));
  // Sixteen reads of 64 KiB where the peer is slow, four of 256 KiB where it is fast.
  expect(cost.reads).toBeLessThan(24 * OTHER);
  expect(cost.polls).toBeLessThan(40 * OTHER);
  expect(cost.allocations).toBeLessThan(200);
  await server.end();
});

countingTest("TCP, BYOB reads of readable in bulk: no memory is allocated for the bytes", async () => {
  const server = await counted(
    serving(() => {
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      server.onconnect = async ({ connectedSocket }) => {
        const reader = connectedSocket.readable.getReader({ mode: "byob" });
        let bytes = 0;
        for (let buffer = new ArrayBuffer(256 * 1024); ;) {
          const { value, done } = await reader.read(new Uint8Array(buffer));
          if (done) return;
          ({ buffer } = value);
          for (bytes += value.byteLength; bytes >= 1024 * 1024; bytes -= 1024 * 1024) connectedSocket.send("x");
        }
      };
      return server;
    }),
  );
  const [socket] = await connections(server.port, 1);
  await transfer(socket, 64);
  const cost = await lowestCost(server, 16, () => transfer(socket, 16));
  expect(cost.reads).toBeLessThan(24 * OTHER);
  expect(cost.polls).toBeLessThan(40 * OTHER);
  // A chunk for each read would be a MiB in all. What is left are the engine's records of the ArrayBuffers that pass to and fro.
  expect(cost.allocated).toBeLessThan(16 * 1024);
  socket.end();
  await server.end();
});

countingTest("TCP, readExactly() of a MiB: its own memory, and a third of that while it grows", async () => {
  const server = await counted(
    serving(() => {
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      server.onconnect = async ({ connectedSocket }) => {
        for (;;) {
          await connectedSocket.reader.readExactly(1024 * 1024);
          connectedSocket.send("x");
        }
      };
      return server;
    }),
  );
  const [socket] = await connections(server.port, 1);
  await transfer(socket, 64);
  const cost = await lowestCost(server, 16, () => transfer(socket, 16));
  expect(cost.reads).toBeLessThan(24 * OTHER);
  expect(cost.allocated).toBeLessThan(1.5 * 1024 * 1024);
  await server.end();
});

countingTest("TCP: what it takes to accept, answer and close", async () => {
  const server = await counted(
    serving(() => {
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      server.onconnect = ({ connectedSocket }) => {
        connectedSocket.onmessage = ({ data }) => {
          connectedSocket.send(data);
          connectedSocket.close();
        };
      };
      return server;
    }),
  );
  const visit = async () => {
    const socket = net.connect(server.port, "127.0.0.1").on("error", () => {});
    socket.end("x");
    socket.resume();
    await once(socket, "close");
  };
  const cost = await costOf(server, 1, visit);
  // accept() twice: the second says that nobody else is there.
  expect(cost.ends).toBeLessThan(4.1);
  expect(cost.reads).toBeLessThan(2.1 * OTHER);
  // A busy machine has a wake-up more for some.
  expect(cost.writes).toBeLessThan(1.5 * OTHER);
  expect(cost.controls).toBeLessThan(1.1 * OTHER);
  expect(cost.allocations).toBeLessThan(90);
  await server.end();
});

/** A foreign UDP socket. */
async function peer() {
  const socket = dgram.createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  defer(() => new Promise((resolve) => socket.close(resolve)));
  return socket;
}

countingTest("UDP echo: many datagrams a call, both ways", async () => {
  const server = await counted(
    serving(() => {
      const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      socket.onmessage = ({ data, remoteAddress, remotePort }) => socket.send(data, remoteAddress, remotePort);
      return socket;
    }),
  );
  const socket = await peer();
  const round = async () => {
    server.pause();
    await Promise.all(
      Array.from({ length: 64 }, () => new Promise((resolve) => socket.send(Buffer.alloc(64), server.port, "127.0.0.1", resolve))),
    );
    let left = 64;
    const back = new Promise((resolve) => socket.on("message", () => (left -= 1) === 0 && resolve()));
    server.resume();
    await back;
    socket.removeAllListeners("message");
  };
  const cost = await costOf(server, 64, round);
  expect(cost.reads).toBeLessThan(0.06 * OTHER);
  expect(cost.writes).toBeLessThan(0.045 * OTHER);
  expect(cost.polls).toBeLessThan(0.15 * OTHER);
  expect(cost.allocations).toBeLessThan(5.5);
  await server.end();
});

/** Servers that answer every 64th datagram. */
const COUNTING_SERVERS = {
  "`for await`": () => {
    const socket = new UDPSocket({ localAddress: "127.0.0.1" });
    void (async () => {
      let count = 0;
      for await (const { data, remotePort } of socket) {
        if (data.byteLength === 64 && (count += 1) % 64 === 0) socket.send("x", "127.0.0.1", remotePort);
      }
    })();
    return socket;
  },
  readable: () => {
    const socket = new UDPSocket({ localAddress: "127.0.0.1" });
    void (async () => {
      let count = 0;
      for await (const { data, remotePort } of socket.readable) {
        if (data.byteLength === 64 && (count += 1) % 64 === 0) socket.send("x", "127.0.0.1", remotePort);
      }
    })();
    return socket;
  },
  "message events whose data is not read": () => {
    const socket = new UDPSocket({ localAddress: "127.0.0.1" });
    let count = 0;
    socket.onmessage = ({ remotePort }) => {
      if ((count += 1) % 64 === 0) socket.send("x", "127.0.0.1", remotePort);
    };
    return socket;
  },
};

for (const [way, serve] of Object.entries(COUNTING_SERVERS)) {
  countingTest(`UDP, short datagrams by ${way}: two calls for 64 of them, and no memory outside of the engine's heap`, async () => {
    const server = await counted(serving(serve));
    const socket = await peer();
    const round = async () => {
      server.pause();
      await Promise.all(
        Array.from({ length: 64 }, () => new Promise((resolve) => socket.send(Buffer.alloc(64), server.port, "127.0.0.1", resolve))),
      );
      const back = once(socket, "message");
      server.resume();
      await back;
    };
    const cost = await costOf(server, 64, round);
    expect(cost.reads).toBeLessThan(0.06 * OTHER);
    // An ArrayBuffer for each datagram would be three. V8 itself allocates now and then, in Node 24 most.
    expect(cost.allocations).toBeLessThan(1.5);
    await server.end();
  });
}

countingTest("UDP: a burst to as many destinations as datagrams is one call", async () => {
  const server = await counted(
    serving(() => {
      const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      const data = new Uint8Array(64);
      socket.onmessage = (event) => {
        for (const port of new Uint16Array(event.data)) socket.send(data, "127.0.0.1", port);
      };
      return socket;
    }),
  );
  const socket = await peer();
  const others = await Promise.all(Array.from({ length: 48 }, peer));
  const ports = Buffer.from(new Uint16Array(others.map((other) => other.address().port)).buffer);
  const round = async () => {
    const back = Promise.all(others.map((other) => once(other, "message")));
    socket.send(ports, server.port, "127.0.0.1");
    await back;
  };
  const cost = await costOf(server, 48, round);
  expect(cost.writes).toBeLessThan(0.022 * OTHER);
  expect(cost.allocations).toBeLessThan(1.6);
  await server.end();
});
