"use strict";

// A flood, of datagrams or through connections: timers, the event loop and a quiet TCP connection of the same thread stay responsive.

const net = require("node:net");
const { monitorEventLoopDelay } = require("node:perf_hooks");
const { setImmediate, setInterval, clearInterval } = require("node:timers");
const { TCPServerSocket, UDPSocket } = require("../../..");
const { play, company, next, sleep } = require("./roles");

/** Some quantiles of a list of numbers, in ms. */
function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] * 10) / 10;
  return { count: sorted.length, median: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

play({
  /** The one who is flooded. */
  async main({ seconds, size, connections = 0 }) {
    let messages = 0;
    let wrongSize = 0;
    const count = ({ data }) => {
      messages += 1;
      wrongSize += connections === 0 && data.byteLength !== size;
    };
    const sink = connections > 0 ? new TCPServerSocket({ localAddress: "127.0.0.1" }) : new UDPSocket({ localAddress: "127.0.0.1" });
    const flooded = new Promise((resolve) => {
      sink.onmessage = (event) => {
        count(event);
        resolve();
      };
      sink.onconnect = ({ connectedSocket }) => {
        connectedSocket.onmessage = sink.onmessage;
        connectedSocket.onerror = () => {};
      };
    });
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    server.onconnect = ({ connectedSocket }) => {
      connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
    };
    const flooder = company(__filename, connections > 0 ? "streamer" : "flooder", { port: sink.localPort, size, connections });
    const quiet = company(__filename, "quiet", { port: server.localPort });
    await flooded;
    messages = 0;
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const late = [];
    let due = performance.now() + 10;
    const timer = setInterval(() => {
      const now = performance.now();
      late.push(Math.max(0, now - due));
      due = now + 10;
    }, 10);
    await sleep(seconds * 1000);
    clearInterval(timer);
    delay.disable();
    const taken = messages;
    quiet.tell("end");
    const { trips } = await quiet.hear("result");
    flooder.tell("end");
    const { sent } = await flooder.hear("result");
    sink.close();
    server.close();
    quiet.close();
    flooder.close();
    return {
      perSecond: Math.round(taken / seconds),
      sent,
      wrongSize,
      timers: summary(late),
      trips: summary(trips),
      loopDelay: { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6 },
    };
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

  /** The same through connections. */
  async streamer({ port, size, connections }, parent) {
    const block = new Uint8Array(size);
    let sent = 0;
    let running = true;
    const sockets = Array.from({ length: connections }, () => {
      const socket = net.connect(port, "127.0.0.1").on("error", () => {});
      // A write that the system takes at once says true for ever: the parent, too, is to be heard.
      const push = () => {
        for (let i = 0; i < 100; i++) {
          sent += 1;
          if (!socket.write(block)) {
            return;
          }
        }
        if (running) {
          setImmediate(push);
        }
      };
      socket.on("connect", push).on("drain", push);
      return socket;
    });
    await parent.hear("end");
    running = false;
    sockets.forEach((socket) => socket.removeAllListeners("drain").destroy());
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
