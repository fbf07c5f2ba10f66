"use strict";

const { runJSON } = require("../helpers");

const how = { nodeArgs: ["--expose-gc"], timeout: 25_000 };

/** Collect garbage thoroughly: finalizers run between turns. */
const prelude = `
  const turns = (count) => new Promise((resolve) => {
    const next = () => (count-- > 0 ? setImmediate(next) : resolve());
    next();
  });
  const collect = async () => {
    for (let i = 0; i < 6; i++) {
      gc();
      await turns(5);
    }
  };
  const fs = require("node:fs");
  const descriptors = () => fs.readdirSync("/proc/self/fd").length;
  // Big enough to disturb what is young or cached.
  const litter = () => Array.from({ length: 1000 }, () => new Array(1000).fill(0)).length;
`;

const script = (body) => `${prelude}(async () => {${body}\n})().catch((error) => { console.error(error); process.exit(70); });`;

describe("open sockets survive garbage collection (R-keep)", () => {
  test("a UDPSocket with a listener and no reference still receives", async () => {
    const result = await runJSON(
      script(
        `let got = "";
        const port = (() => {
          const socket = new UDPSocket({ localAddress: "127.0.0.1" });
          socket.onmessage = ({ data }) => {
            got += Buffer.from(data).toString();
          };
          return socket.localPort;
        })();
        litter();
        await collect();
        const sender = new UDPSocket({ localAddress: "127.0.0.1" });
        sender.send("survived", "127.0.0.1", port);
        while (got === "") {
          await turns(1);
        }
        report(got);
        process.exit(0);`,
      ),
      how,
    );
    expect(result).toBe("survived");
  });

  test("a server, its accepted sockets and a client, none referenced, still echo", async () => {
    const result = await runJSON(
      script(
        `const port = (() => {
          const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
          server.onconnect = ({ connectedSocket }) => {
            connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
          };
          return server.localPort;
        })();
        await collect();
        const echoed = new Promise((resolve) => {
          (() => {
            const client = new TCPSocket("127.0.0.1", port);
            client.onopen = async () => {
              await collect();
              client.send("over and back");
            };
            client.onmessage = ({ data }) => resolve(Buffer.from(data).toString());
          })();
        });
        litter();
        await collect();
        report(await echoed);
        process.exit(0);`,
      ),
      how,
    );
    expect(result).toBe("over and back");
  });

  test("sockets without listeners, unref'd ones too, are kept until they are closed", async () => {
    const result = await runJSON(
      script(
        `const refs = (() => {
          const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
          const client = new TCPSocket("127.0.0.1", server.localPort);
          const unrefd = new UDPSocket({ localAddress: "127.0.0.1" });
          unrefd.unref();
          return [new UDPSocket({ localAddress: "127.0.0.1" }), server, client, unrefd].map((socket) => new WeakRef(socket));
        })();
        await turns(20);
        litter();
        await collect();
        report(refs.map((ref) => ref.deref()?.readyState));
        process.exit(0);`,
      ),
      how,
    );
    expect(result).toEqual(["open", "open", "open", "open"]);
  });

  test("what was set on a socket is still there after a collection: its identity holds in events", async () => {
    const result = await runJSON(
      script(
        `const port = (() => {
          const socket = new UDPSocket({ localAddress: "127.0.0.1" });
          socket.mark = { kept: true };
          socket.addEventListener("message", function (event) {
            report([this.mark.kept, event.target === this, event.target.mark.kept]);
            this.close();
          });
          return socket.localPort;
        })();
        await collect();
        const sender = new UDPSocket({ localAddress: "127.0.0.1" });
        sender.send("x", "127.0.0.1", port);
        sender.close();`,
      ),
      how,
    );
    expect(result).toEqual([true, true, true]);
  });

  test("a closed socket whose bytes are still on their way out is kept until they are", async () => {
    const result = await runJSON(
      script(
        `const receiver = net.createServer((peer) => {
          let received = 0;
          peer.pause();
          setTimeout(() => peer.resume(), 300);
          peer.on("data", (chunk) => {
            received += chunk.length;
          });
          peer.on("end", () => {
            report(received);
            receiver.close();
          });
        });
        receiver.listen(0, "127.0.0.1");
        await once(receiver, "listening");
        (() => {
          const socket = new TCPSocket("127.0.0.1", receiver.address().port);
          socket.onopen = () => {
            socket.send(new Uint8Array(32 << 20));
            socket.close();
          };
        })();
        await turns(20);
        await collect();
        litter();
        await collect();`,
      ),
      how,
    );
    expect(result).toBe(32 << 20);
  });
});

describe("closed sockets are collected", () => {
  const kinds = {
    UDPSocket: `
      const make = async () => {
        const socket = new UDPSocket({ localAddress: "127.0.0.1" });
        socket.onmessage = () => {};
        socket.addEventListener("error", () => socket.mark);
        socket.send("x", "127.0.0.1", socket.localPort);
        await once(socket, "message");
        socket.close();
        return [socket];
      };`,
    TCPServerSocket: `
      const make = async () => {
        const socket = new TCPServerSocket({ localAddress: "127.0.0.1" });
        socket.onconnect = () => socket.mark;
        socket.close();
        return [socket];
      };`,
    "TCPSocket, both ends": `
      const make = async () => {
        const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
        const client = new TCPSocket("127.0.0.1", server.localPort);
        client.onopen = () => client.send("x");
        client.onmessage = () => client.close();
        const clientClose = once(client, "close");
        const { connectedSocket } = await once(server, "connect");
        server.close();
        connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
        await Promise.all([clientClose, once(connectedSocket, "close")]);
        return [client, connectedSocket];
      };`,
    "TCPSocket that failed to connect": `
      const make = async () => {
        const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
        const { localPort } = server;
        server.close();
        const socket = new TCPSocket("127.0.0.1", localPort);
        await once(socket, "error");
        return [socket];
      };`,
    "TCPSocket that was reset": `
      const make = async () => {
        const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
        const client = new TCPSocket("127.0.0.1", server.localPort);
        const [{ connectedSocket }] = await Promise.all([once(server, "connect"), once(client, "open")]);
        server.close();
        connectedSocket.onerror = () => {};
        const closes = [once(client, "close"), once(connectedSocket, "close")];
        client.reset();
        await Promise.all(closes);
        return [client, connectedSocket];
      };`,
    "UDPSocket that closed itself": `
      const make = async () => {
        const socket = new UDPSocket({ localAddress: "127.0.0.1" });
        const error = once(socket, "error");
        socket.send(new Uint8Array(70000), "127.0.0.1", 9);
        await error;
        return [socket];
      };`,
  };

  test.each(Object.keys(kinds))("%s: of 200 closed ones, all are gone after collections", async (kind) => {
    const { made, left, finalized } = await runJSON(
      script(
        `${kinds[kind]}
        let finalized = 0;
        const registry = new FinalizationRegistry(() => {
          finalized += 1;
        });
        const refs = [];
        for (let i = 0; i < 200; i++) {
          for (const socket of await make()) {
            refs.push(new WeakRef(socket));
            registry.register(socket, i);
          }
        }
        // The once() of this script keeps its events until its timers are cleared.
        for (let tries = 0; tries < 50 && refs.some((ref) => ref.deref()); tries++) {
          await collect();
        }
        await turns(10);
        report({ made: refs.length, left: refs.filter((ref) => ref.deref()).length, finalized });`,
      ),
      how,
    );
    // One or two may still be on the stack of the last call.
    expect(left).toBeLessThanOrEqual(2);
    expect(finalized).toBeGreaterThanOrEqual(made - 2);
  });
});

describe("10,000 opened and closed sockets leave no growth", () => {
  const rounds = {
    UDPSocket: `
      const round = async (count) => {
        for (let i = 0; i < count; i++) {
          const socket = new UDPSocket({ localAddress: "127.0.0.1" });
          socket.onmessage = () => {};
          socket.close();
          if (i % 100 === 0) {
            await turns(1);
          }
        }
      };`,
    TCPServerSocket: `
      const round = async (count) => {
        for (let i = 0; i < count; i++) {
          const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
          server.onconnect = () => {};
          server.close();
          if (i % 100 === 0) {
            await turns(1);
          }
        }
      };`,
    "TCPSocket, connected and accepted": `
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      server.onconnect = ({ connectedSocket }) => {
        connectedSocket.onerror = () => {};
        connectedSocket.onmessage = () => {};
      };
      const one = () => new Promise((resolve) => {
        const socket = new TCPSocket("127.0.0.1", server.localPort);
        socket.onopen = () => {
          socket.send("x");
          socket.reset();
        };
        socket.onclose = resolve;
      });
      const round = async (count) => {
        for (let i = 0; i < count; i += 50) {
          await Promise.all(Array.from({ length: 50 }, one));
        }
        await turns(20);
      };`,
    "UDPSocket that sent, received and was closed": `
      const one = () => new Promise((resolve) => {
        const socket = new UDPSocket({ localAddress: "127.0.0.1", highWaterMark: 0 });
        socket.onmessage = () => {
          socket.close();
          resolve();
        };
        socket.send("x", "127.0.0.1", socket.localPort);
      });
      const round = async (count) => {
        for (let i = 0; i < count; i += 50) {
          await Promise.all(Array.from({ length: 50 }, one));
        }
      };`,
  };

  test.each(Object.keys(rounds))("%s", async (kind) => {
    const { before, after } = await runJSON(
      script(
        `${rounds[kind]}
        const look = async () => {
          await collect();
          return {
            rss: process.memoryUsage().rss,
            heap: process.memoryUsage().heapUsed,
            external: process.memoryUsage().external,
            descriptors: descriptors(),
            resources: process.getActiveResourcesInfo().length,
          };
        };
        // What is made once (code, caches, the allocator's arenas) is made before the first look.
        await round(10_000);
        await round(10_000);
        const before = await look();
        await round(10_000);
        const after = await look();
        report({ before, after });
        process.exit(0);`,
      ),
      // A small young generation: V8 lets it grow to 32 MiB otherwise, which hides what the sockets leave.
      { ...how, nodeArgs: [...how.nodeArgs, "--max-semi-space-size=1"] },
    );
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2);
    expect(after.resources).toBeLessThanOrEqual(before.resources + 2);
    // 100 bytes for each would be 1 MB.
    expect(after.heap - before.heap).toBeLessThan(1_000_000);
    expect(after.external - before.external).toBeLessThan(1_000_000);
    expect(after.rss - before.rss).toBeLessThan(10_000_000);
  });
});
