"use strict";

// Many simultaneous accepted connections on one server; the clients are in another process.

const fs = require("node:fs");
const net = require("node:net");
const { TCPServerSocket, TCPSocket } = require("../../..");
const { play, company, next } = require("./roles");

/** The number of open descriptors; undefined where the system does not tell it. */
const descriptors = () => (process.platform === "linux" ? fs.readdirSync("/proc/self/fd").length : undefined);

play({
  /** The server. */
  async main({ count, client }) {
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const live = new Set();
    const result = { connects: 0, peak: 0, echoes: 0, closes: 0, errors: 0 };
    const before = { rss: process.memoryUsage.rss(), descriptors: descriptors() };
    let allClosed;
    const closed = new Promise((resolve) => {
      allClosed = resolve;
    });
    server.onerror = () => {
      result.errors += 1;
    };
    server.onconnect = ({ connectedSocket }) => {
      result.connects += 1;
      live.add(connectedSocket);
      result.peak = Math.max(result.peak, live.size);
      connectedSocket.onmessage = ({ data }) => {
        result.echoes += 1;
        connectedSocket.send(data);
      };
      connectedSocket.onerror = () => {
        result.errors += 1;
      };
      connectedSocket.onclose = () => {
        result.closes += 1;
        live.delete(connectedSocket);
        if (result.closes === count) {
          allClosed();
        }
      };
    };
    const peer = company(__filename, "peer", { count, client, port: server.localPort });
    await peer.hear("all open");
    result.open = [...live].filter((socket) => socket.readyState === "open").length;
    result.bytesEach = Math.round((process.memoryUsage.rss() - before.rss) / count);
    result.descriptorsOpen = descriptors() - before.descriptors;
    peer.tell("once more");
    result.wrong = (await peer.hear("echoed again")).wrong;
    peer.tell("end");
    await closed;
    await peer.hear("done");
    server.close();
    peer.close();
    result.descriptorsLeft = descriptors() - before.descriptors;
    return result;
  },

  /** The clients, of node:net or of this package. */
  async peer({ count, client, port }, parent) {
    const connect = client === "net" ? netClient : ownClient;
    const clients = [];
    let wrong = 0;
    const ask = async (one, i, round) => {
      const text = `${round}:${i}`.padEnd(12);
      if ((await one.echo(text)) !== text) {
        wrong += 1;
      }
    };
    // A few hundred at a time: the backlog is 511.
    for (let i = 0; i < count; i += 200) {
      const batch = Array.from({ length: Math.min(200, count - i) }, (_, j) => connect(port, `127.0.0.${2 + ((i + j) % 4)}`));
      clients.push(...(await Promise.all(batch)));
      await Promise.all(clients.slice(i).map((one, j) => ask(one, i + j, 1)));
    }
    parent.tell("all open");
    await parent.hear("once more");
    await Promise.all(clients.map((one, i) => ask(one, i, 2)));
    parent.tell("echoed again", { wrong });
    await parent.hear("end");
    await Promise.all(clients.map((one) => one.end()));
    parent.tell("done");
    process.removeAllListeners("message");
  },
});

async function netClient(port, localAddress) {
  const socket = net.connect({ host: "127.0.0.1", port, localAddress });
  await next(socket, "connect");
  return {
    echo(text) {
      socket.write(text);
      let back = "";
      return new Promise((resolve) => {
        socket.on("data", function take(chunk) {
          back += chunk;
          if (back.length >= text.length) {
            socket.off("data", take);
            resolve(back);
          }
        });
      });
    },
    async end() {
      const close = next(socket, "close");
      socket.end();
      await close;
    },
  };
}

async function ownClient(port, localAddress) {
  const socket = new TCPSocket("127.0.0.1", port, { localAddress });
  await next(socket, "open");
  return {
    echo(text) {
      socket.send(text);
      let back = "";
      return new Promise((resolve) => {
        socket.onmessage = ({ data }) => {
          back += Buffer.from(data);
          if (back.length >= text.length) {
            resolve(back);
          }
        };
      });
    },
    async end() {
      const close = next(socket, "close");
      socket.close();
      await close;
    },
  };
}
