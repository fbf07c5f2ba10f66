"use strict";

const { runJSON } = require("../helpers");

const script = (body) => `(async () => {${body}\n})().catch((error) => { console.error(error); process.exit(70); });`;

describe("many sockets in one process", () => {
  test("2,000 UDPSockets at once: each gets its own datagrams", async () => {
    const result = await runJSON(
      script(
        `const count = 2000;
        const sockets = [];
        const wrong = [];
        let right = 0;
        const done = new Promise((resolve) => {
          for (let i = 0; i < count; i++) {
            const socket = new UDPSocket({ localAddress: "127.0.0.1" });
            socket.onmessage = ({ data, remotePort }) => {
              const text = Buffer.from(data).toString();
              if (text !== i + " from " + remotePort) {
                wrong.push(text);
              }
              right += 1;
              if (right === count) {
                resolve();
              }
            };
            sockets.push(socket);
          }
        });
        sockets.forEach((socket, i) => {
          socket.send((i * 7) % count + " from " + socket.localPort, "127.0.0.1", sockets[(i * 7) % count].localPort);
        });
        await done;
        sockets.forEach((socket) => socket.close());
        report({ right, wrong });`,
      ),
      { timeout: 20_000 },
    );
    expect(result).toEqual({ right: 2000, wrong: [] });
  });

  test("500 TCP connections at once, both ends in one process: each echoes its own bytes, then all end cleanly", async () => {
    const result = await runJSON(
      script(
        `const count = 500;
        const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
        const result = { connects: 0, echoes: 0, wrong: 0, closes: 0, acceptedCloses: 0, errors: 0 };
        server.onconnect = ({ connectedSocket }) => {
          result.connects += 1;
          connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
          connectedSocket.onclose = () => {
            result.acceptedCloses += 1;
          };
          connectedSocket.onerror = () => {
            result.errors += 1;
          };
        };
        const one = (i) => new Promise((resolve) => {
          const text = ("connection " + i + ";").repeat(1 + (i % 50));
          const client = new TCPSocket("127.0.0.1", server.localPort);
          let back = "";
          client.onopen = () => client.send(text);
          client.onmessage = ({ data }) => {
            back += Buffer.from(data).toString();
            if (back.length === text.length) {
              result.echoes += 1;
              result.wrong += back === text ? 0 : 1;
              client.close();
            }
          };
          client.onerror = () => {
            result.errors += 1;
          };
          client.onclose = () => {
            result.closes += 1;
            resolve();
          };
        });
        await Promise.all(Array.from({ length: count }, (_, i) => one(i)));
        while (result.acceptedCloses < count) {
          await new Promise(setImmediate);
        }
        server.close();
        report(result);`,
      ),
      { timeout: 20_000 },
    );
    expect(result).toEqual({ connects: 500, echoes: 500, wrong: 0, closes: 500, acceptedCloses: 500, errors: 0 });
  });

  test("200 servers at once: each connection arrives at the right one", async () => {
    const result = await runJSON(
      script(
        `const servers = Array.from({ length: 200 }, () => new TCPServerSocket({ localAddress: "127.0.0.1" }));
        const arrived = await Promise.all(servers.map((server, i) => new Promise((resolve) => {
          const client = new TCPSocket("127.0.0.1", server.localPort);
          server.onconnect = ({ connectedSocket }) => {
            resolve(connectedSocket.remotePort === String(client.localPort) && connectedSocket.localPort === server.localPort);
            connectedSocket.close();
            client.close();
            server.close();
          };
        })));
        report(arrived.filter(Boolean).length);`,
      ),
    );
    expect(result).toBe(200);
  });

  test("sockets opened and closed in the handlers of others, for 3,000 rounds", async () => {
    const rounds = await runJSON(
      script(
        `let rounds = 0;
        await new Promise((resolve) => {
          const next = (previous) => {
            const socket = new UDPSocket({ localAddress: "127.0.0.1" });
            previous?.close();
            rounds += 1;
            if (rounds === 3000) {
              socket.close();
              resolve();
              return;
            }
            socket.onmessage = () => next(socket);
            socket.send("x", "127.0.0.1", socket.localPort);
          };
          next();
        });
        report(rounds);`,
      ),
      { timeout: 20_000 },
    );
    expect(rounds).toBe(3000);
  });

  // Windows has no such limit for a process.
  (process.platform === "win32" ? test.skip : test)("a limit on open files: the constructors throw NetworkError with code EMFILE, and work again after a close", async () => {
    const result = await runJSON(
      script(
        `const open = [];
        let error;
        try {
          for (;;) {
            open.push(new UDPSocket({ localAddress: "127.0.0.1" }));
          }
        } catch (reason) {
          error = reason;
        }
        const count = open.length;
        const others = [() => new TCPServerSocket({ localAddress: "127.0.0.1" }), () => new TCPSocket("127.0.0.1", 9)].map((make) => {
          try {
            make();
          } catch (reason) {
            return [reason.name, reason.code];
          }
        });
        open.pop().close();
        open.push(new UDPSocket({ localAddress: "127.0.0.1" }));
        const message = once(open[0], "message");
        open.at(-1).send("works", "127.0.0.1", open[0].localPort);
        const text = Buffer.from((await message).data).toString();
        open.forEach((socket) => socket.close());
        report({ count, error: [error.name, error.code], others, text });`,
      ),
      { openFiles: 256 },
    );
    expect(result.count).toBeGreaterThan(100);
    expect(result.error).toEqual(["NetworkError", "EMFILE"]);
    expect(result.others).toEqual([["NetworkError", "EMFILE"], ["NetworkError", "EMFILE"]]);
    expect(result.text).toBe("works");
  });
});
