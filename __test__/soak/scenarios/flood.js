"use strict";

// A flood of datagrams: timers and a quiet TCP connection of the same thread stay responsive.

const net = require("node:net");
const { setInterval, clearInterval } = require("node:timers");
const { TCPServerSocket, UDPSocket } = require("../../..");
const { play, company, next, sleep } = require("./roles");

/** Some quantiles of a list of numbers, in ms. */
function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] * 10) / 10;
  return { count: sorted.length, median: at(0.5), p95: at(0.95), max: at(1) };
}

play({
  /** The one who is flooded. */
  async main({ seconds, size }) {
    const socket = new UDPSocket({ localAddress: "127.0.0.1" });
    let datagrams = 0;
    let wrongSize = 0;
    socket.onmessage = ({ data }) => {
      datagrams += 1;
      wrongSize += data.byteLength !== size;
    };
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    server.onconnect = ({ connectedSocket }) => {
      connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
    };
    const flooder = company(__filename, "flooder", { port: socket.localPort, size });
    const quiet = company(__filename, "quiet", { port: server.localPort });
    await next(socket, "message");
    const late = [];
    let due = performance.now() + 10;
    const timer = setInterval(() => {
      const now = performance.now();
      late.push(Math.max(0, now - due));
      due = now + 10;
    }, 10);
    await sleep(seconds * 1000);
    clearInterval(timer);
    const flooded = datagrams;
    quiet.tell("end");
    const { trips } = await quiet.hear("result");
    flooder.tell("end");
    const { sent } = await flooder.hear("result");
    socket.close();
    server.close();
    quiet.close();
    flooder.close();
    return { perSecond: Math.round(flooded / seconds), sent, wrongSize, timers: summary(late), trips: summary(trips) };
  },

  /** Sends as fast as it may. */
  async flooder({ port, size }, parent) {
    const socket = new UDPSocket({ localAddress: "127.0.0.1", remoteAddress: "127.0.0.1", remotePort: port });
    const datagram = new Uint8Array(size);
    let sent = 0;
    let running = true;
    const push = () => {
      if (!running) {
        return;
      }
      do {
        sent += 1;
      } while (socket.send(datagram));
    };
    socket.ondrain = push;
    socket.onerror = () => {};
    push();
    await parent.hear("end");
    running = false;
    socket.close();
    parent.tell("result", { sent });
    process.removeAllListeners("message");
  },

  /** One byte over and back, twenty times a second. */
  async quiet({ port }, parent) {
    const socket = net.connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    await next(socket, "connect");
    let running = true;
    const trips = [];
    const ended = parent.hear("end").then(() => {
      running = false;
    });
    while (running) {
      const start = performance.now();
      const back = next(socket, "data");
      socket.write("x");
      await back;
      trips.push(performance.now() - start);
      await sleep(50);
    }
    await ended;
    socket.destroy();
    parent.tell("result", { trips });
    process.removeAllListeners("message");
  },
});
