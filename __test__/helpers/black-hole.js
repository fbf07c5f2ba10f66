"use strict";

const net = require("node:net");
const { defer } = require("./cleanup");
const { once } = require("./events");
const { listen } = require("./peers");
const { TCPServerSocket } = require("./sockets");

/** Why a full backlog is no black hole here; undefined if it is one. Linux drops connections that no longer fit. */
const noBlackHole = process.platform === "linux" ? undefined : "needs Linux";

/** `test`, or a visibly skipped test if there are no black holes here. */
function blackHoleTest(name, body, timeout) {
  if (noBlackHole) {
    test.skip(`${name} (${noBlackHole})`, body);
  } else {
    test(name, body, timeout);
  }
}

/**
 * An address that does not answer: a server that accepts no connections, and whose backlog is full. After
 * `answer()` it accepts. Then the system's next SYN, about a second after the first, is answered.
 *
 * @param {string} address
 * @param {number} port
 */
async function blackHole(address, port) {
  const server = new TCPServerSocket({ localAddress: address, localPort: port, backlog: 1 });
  defer(() => server.close());
  const fillers = new Set();
  // Linux takes one connection more than the backlog.
  for (let count = 0; count < 2; count++) {
    const socket = net.connect({ host: address, port: server.localPort });
    socket.on("error", () => {});
    defer(() => socket.destroy());
    await once(socket, "connect");
    fillers.add(String(socket.localPort));
  }
  const connections = [];
  return {
    server,
    port: server.localPort,
    /** Accepted connections, without those that fill the backlog. */
    connections,
    answer() {
      server.onconnect = ({ connectedSocket }) => {
        defer(() => connectedSocket.reset());
        if (!fillers.has(connectedSocket.remotePort)) {
          connections.push(connectedSocket);
        }
      };
    },
  };
}

/**
 * Listeners (node:net's) and black holes that share one port, by address.
 *
 * @param {Record<string, "answers" | "silent">} roles
 */
async function places(roles) {
  const entries = Object.entries(roles);
  for (let tries = 0; ; tries++) {
    const made = {};
    let port = 0;
    try {
      for (const [address, role] of entries) {
        made[address] = role === "silent" ? await blackHole(address, port) : await listen({ host: address, port });
        ({ port } = made[address]);
      }
      return { ...made, port };
    } catch (error) {
      // Another socket has that port at the next address.
      if (error.code !== "EADDRINUSE" || tries === 20) {
        throw error;
      }
    }
  }
}

/** A port that refuses connections on every address. No socket listens, and no other socket gets the port while it is bound. */
async function refusingPort() {
  const server = net.createServer().listen(0, "127.0.0.9");
  await once(server, "listening");
  defer(() => server.close());
  return server.address().port;
}

module.exports = { blackHole, blackHoleTest, places, refusingPort };
