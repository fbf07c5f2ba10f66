"use strict";

const { runJSON } = require("../helpers");

/** n datagrams in one batch, so that their events come in one turn. */
const burst = (count) => `
  for (let i = 0; i < ${count}; i++) {
    socket.send(String(i), "127.0.0.1", socket.localPort);
  }`;

describe("each event is a task of its own (R-task; Node)", () => {
  test("microtasks run between two messages of a batch", async () => {
    const seen = await runJSON(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      const seen = [];
      socket.onmessage = ({ data }) => {
        const number = Buffer.from(data).toString();
        seen.push("message " + number);
        Promise.resolve().then(() => {
          seen.push("microtask " + number);
          Promise.resolve().then(() => seen.push("its microtask " + number));
        });
        if (number === "9") {
          setImmediate(() => {
            report(seen);
            socket.close();
          });
        }
      };
      ${burst(10)}`,
    );
    expect(seen).toEqual(
      Array.from({ length: 10 }, (_, i) => [`message ${i}`, `microtask ${i}`, `its microtask ${i}`]).flat(),
    );
  });

  test("so do process.nextTick callbacks, before them", async () => {
    const seen = await runJSON(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      const seen = [];
      socket.onmessage = ({ data }) => {
        const number = Buffer.from(data).toString();
        seen.push("message " + number);
        queueMicrotask(() => seen.push("microtask " + number));
        process.nextTick(() => seen.push("tick " + number));
        if (number === "4") {
          setImmediate(() => {
            report(seen);
            socket.close();
          });
        }
      };
      ${burst(5)}`,
    );
    expect(seen).toEqual(Array.from({ length: 5 }, (_, i) => [`message ${i}`, `tick ${i}`, `microtask ${i}`]).flat());
  });

  test("an async handler that awaits once goes on before the next message", async () => {
    const seen = await runJSON(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      const seen = [];
      let running = 0;
      socket.onmessage = async () => {
        running += 1;
        seen.push(running);
        await null;
        running -= 1;
        if (seen.length === 20) {
          report(seen);
          socket.close();
        }
      };
      ${burst(20)}`,
    );
    expect(seen).toEqual(Array(20).fill(1));
  });

  test("microtasks run between events of different sockets too", async () => {
    const seen = await runJSON(
      `const sockets = Array.from({ length: 8 }, () => new UDPSocket({ localAddress: "127.0.0.1" }));
      const seen = [];
      let left = sockets.length;
      for (const socket of sockets) {
        socket.onmessage = () => {
          seen.push("message");
          queueMicrotask(() => seen.push("microtask"));
          left -= 1;
          if (left === 0) {
            setImmediate(() => {
              report(seen);
              sockets.forEach((one) => one.close());
            });
          }
        };
      }
      for (const socket of sockets) {
        sockets[0].send("x", "127.0.0.1", socket.localPort);
      }`,
    );
    expect(seen).toEqual(Array(8).fill(["message", "microtask"]).flat());
  });

  test("and between connect events of a server", async () => {
    const seen = await runJSON(
      `const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      const clients = Array.from({ length: 10 }, () => new TCPSocket("127.0.0.1", server.localPort));
      const seen = [];
      let opened = 0;
      for (const client of clients) {
        client.onopen = () => {
          opened += 1;
          if (opened < clients.length) {
            return;
          }
          // All wait in the backlog: they are served in one batch.
          server.onconnect = () => {
            seen.push("connect");
            queueMicrotask(() => {
              seen.push("microtask");
              if (seen.length === 20) {
                report(seen);
                process.exit(0);
              }
            });
          };
        };
      }`,
    );
    expect(seen).toEqual(Array(10).fill(["connect", "microtask"]).flat());
  });

  test("listeners of one event share its task's microtasks as in any EventTarget", async () => {
    const seen = await runJSON(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      const seen = [];
      socket.addEventListener("message", () => queueMicrotask(() => seen.push("microtask")));
      socket.addEventListener("message", () => seen.push("second listener"));
      socket.addEventListener("message", () => setImmediate(() => {
        report(seen);
        socket.close();
      }));
      socket.send("x", "127.0.0.1", socket.localPort);`,
    );
    expect(seen).toEqual(["second listener", "microtask"]);
  });

  test("no event comes while the thread is busy, nor before the code behind new", async () => {
    const seen = await runJSON(
      `const seen = [];
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      const client = new TCPSocket("127.0.0.1", server.localPort);
      // 100 ms in which the connection is long made.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      server.onconnect = ({ connectedSocket }) => {
        seen.push("connect", connectedSocket.readyState);
        server.close();
        connectedSocket.close();
      };
      seen.push(client.readyState);
      client.onopen = () => seen.push("open", client.readyState);
      client.onclose = () => {
        seen.push("close", client.readyState);
        report(seen);
      };
      seen.push("code behind new");
      Promise.resolve().then(() => seen.push("microtask"));`,
    );
    expect(seen.slice(0, 3)).toEqual(["connecting", "code behind new", "microtask"]);
    expect(seen).toContain("connect");
    expect(seen.slice(seen.indexOf("open"), seen.indexOf("open") + 2)).toEqual(["open", "open"]);
    expect(seen.slice(-2)).toEqual(["close", "closed"]);
  });

  test("timers and immediates get their turns between batches of a busy socket", async () => {
    const { timers, immediates } = await runJSON(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      let timers = 0;
      let immediates = 0;
      let running = true;
      const send = () => socket.send("x", "127.0.0.1", socket.localPort);
      socket.onmessage = () => running && send();
      for (let i = 0; i < 50; i++) {
        send();
      }
      const interval = setInterval(() => {
        timers += 1;
        if (timers === 20) {
          running = false;
          clearInterval(interval);
          report({ timers, immediates });
          socket.close();
        }
      }, 5);
      const again = () => {
        immediates += 1;
        if (running) {
          setImmediate(again);
        }
      };
      again();`,
    );
    expect(timers).toBe(20);
    expect(immediates).toBeGreaterThan(20);
  });
});
