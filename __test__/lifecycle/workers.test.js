"use strict";

const { runJSON, run } = require("../helpers");

/**
 * What a worker does until it is ended: both kinds of TCP socket and a UDP socket in the middle of transfers, with
 * Blobs and timers under way. workerData: the ports of the peers. It posts its own ports.
 */
const worker = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { UDPSocket, TCPSocket, TCPServerSocket } = require(workerData.root);
  const block = new Uint8Array(256 * 1024);
  const pump = (socket) => {
    socket.onmessage = () => {};
    socket.ondrain = () => {
      socket.send(new Blob([block]));
      socket.send(block);
    };
    socket.onerror = () => {};
    socket.send(block);
    socket.send(block);
  };
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  server.onconnect = ({ connectedSocket }) => pump(connectedSocket);
  const client = new TCPSocket("127.0.0.1", workerData.port);
  client.onopen = () => pump(client);
  const udp = new UDPSocket({ localAddress: "127.0.0.1", remoteAddress: "127.0.0.1" });
  udp.onmessage = ({ data }) => udp.send(data, "127.0.0.1", udp.localPort);
  for (let i = 0; i < 20; i++) {
    udp.send("x".repeat(i * 10), "127.0.0.1", udp.localPort);
  }
  parentPort.postMessage({ tcp: server.localPort, udp: udp.localPort, from: client.localPort });`;

const prelude = `
  const { Worker } = require("node:worker_threads");
  const dgram = require("node:dgram");
  const root = process.cwd();
  const workerSource = ${JSON.stringify(worker)};
  const canBind = (port) => new Promise((resolve) => {
    const server = net.createServer().once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  });
  const canBindUdp = (port) => new Promise((resolve) => {
    const socket = dgram.createSocket("udp4").once("error", () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, "127.0.0.1", () => socket.close(() => resolve(true)));
  });
`;

const script = (body) => `${prelude}(async () => {${body}\n})().catch((error) => { console.error(error); process.exit(70); });`;

describe("worker_threads (R-end-of-life)", () => {
  test("100 workers terminated in the middle of transfers: their ports are free, their peers see the end, nothing crashes", async () => {
    const result = await runJSON(
      script(
        `const result = { ended: 0, accepted: 0, dialled: 0, tcpFree: 0, udpFree: 0 };
        const peers = net.createServer();
        peers.listen(0, "127.0.0.1");
        await once(peers, "listening");
        const { port } = peers.address();
        // What is still awaited, for the message of a test that hangs.
        const steps = new Map();
        setTimeout(() => console.error(result, [...steps.values()]), 75_000).unref();
        const one = async (number) => {
          const step = (name) => steps.set(number, name);
          step("the worker's ports");
          const worker = new Worker(workerSource, { eval: true, workerData: { root, port } });
          worker.on("error", (error) => {
            console.error(error);
            process.exit(71);
          });
          const ports = await once(worker, "message", 10_000);
          step("data");
          // Both directions are busy: our client reads from its server, and its client writes to ours.
          const dialled = net.connect(ports.tcp, "127.0.0.1").on("error", () => {});
          dialled.write(Buffer.alloc(1 << 20));
          const accepted = await waitFor(ports.from);
          let bytes = 0;
          const flowing = [dialled, accepted].map((socket) => once(socket, "data", 10_000));
          await Promise.all(flowing);
          const closes = [dialled, accepted].map((socket) => new Promise((resolve) => {
            socket.on("data", (chunk) => {
              bytes += chunk.length;
            });
            socket.on("end", () => socket.destroy());
            socket.once("close", resolve);
          }));
          step("the worker's end");
          await worker.terminate();
          result.ended += 1;
          step("close of the connection to it");
          await closes[0];
          result.dialled += 1;
          step("close of the connection from it");
          await closes[1];
          result.accepted += 1;
          step("its ports");
          const free = [await canBind(ports.tcp), await canBindUdp(ports.udp)];
          result.tcpFree += free[0];
          result.udpFree += free[1];
          steps.delete(number);
        };
        const arrived = new Map();
        const awaited = new Map();
        peers.on("connection", (socket) => {
          socket.on("error", () => {});
          const take = awaited.get(socket.remotePort);
          // A later worker may get the same port.
          if (take) {
            awaited.delete(socket.remotePort);
            take(socket);
          } else {
            arrived.set(socket.remotePort, socket);
          }
        });
        const waitFor = (from) => new Promise((resolve) => {
          const socket = arrived.get(from);
          if (socket) {
            arrived.delete(from);
            resolve(socket);
          } else {
            awaited.set(from, resolve);
          }
        });
        for (let i = 0; i < 50; i++) {
          await Promise.all([one(2 * i), one(2 * i + 1)]);
        }
        peers.close();
        report(result);`,
      ),
      { timeout: 90_000 },
    );
    expect(result).toEqual({ ended: 100, accepted: 100, dialled: 100, tcpFree: 100, udpFree: 100 });
  }, 100_000);

  test("workers terminated while they start, many at once", async () => {
    const codes = await runJSON(
      script(
        `const codes = [];
        for (let round = 0; round < 8; round++) {
          await Promise.all(Array.from({ length: 6 }, async (_, i) => {
            const worker = new Worker(workerSource, { eval: true, workerData: { root, port: 9 } });
            worker.on("error", () => {});
            if (i % 2) {
              await once(worker, "online", 10_000);
            }
            await new Promise((resolve) => setTimeout(resolve, i * round));
            codes.push(await worker.terminate());
          }));
        }
        report(codes);`,
      ),
      { timeout: 25_000 },
    );
    expect(codes).toHaveLength(48);
  });

  test("a worker ends by itself when its last socket is closed", async () => {
    const code = await runJSON(
      script(
        `const worker = new Worker(
          "const { UDPSocket } = require(" + JSON.stringify(root) + "); const socket = new UDPSocket({ localAddress: '127.0.0.1' });" +
          "socket.onmessage = () => socket.close(); socket.send('x', '127.0.0.1', socket.localPort);",
          { eval: true },
        );
        report(await once(worker, "exit"));`,
      ),
    );
    expect(code).toBe(0);
  });

  test("a worker stays while a socket of it is open", async () => {
    const said = await runJSON(
      script(
        `const worker = new Worker(
          "const { UDPSocket } = require(" + JSON.stringify(root) + "); const socket = new UDPSocket({ localAddress: '127.0.0.1' });" +
          "setTimeout(() => { require('node:worker_threads').parentPort.postMessage('still here'); socket.close(); }, 200).unref();",
          { eval: true },
        );
        report(await once(worker, "message"));`,
      ),
    );
    expect(said).toBe("still here");
  });

  test("process.exit() and an uncaught exception in a worker end it alone; its peers see the end", async () => {
    const result = await runJSON(
      script(
        `const result = [];
        for (const end of ["process.exit(5)", "setImmediate(() => { throw new Error('in the worker'); })"]) {
          const server = net.createServer();
          server.listen(0, "127.0.0.1");
          await once(server, "listening");
          const connection = once(server, "connection");
          const worker = new Worker(
            "const { TCPSocket } = require(" + JSON.stringify(root) + ");" +
            "const socket = new TCPSocket('127.0.0.1', " + server.address().port + ");" +
            "socket.onmessage = () => {" + end + "};",
            { eval: true },
          );
          const error = new Promise((resolve) => worker.once("error", (reason) => resolve(reason.message)));
          const exit = once(worker, "exit");
          const peer = await connection;
          peer.on("error", () => {});
          const closed = new Promise((resolve) => peer.resume().once("close", resolve));
          peer.write("now");
          const code = await exit;
          await closed;
          server.close();
          result.push(code === 5 ? 5 : [code, await error]);
        }
        report(result);`,
      ),
    );
    expect(result).toEqual([5, [1, "in the worker"]]);
  });

  test("ending a worker leaves the main thread's sockets alone, and the other way round", async () => {
    const seen = await runJSON(
      script(
        `const seen = [];
        const socket = new UDPSocket({ localAddress: "127.0.0.1" });
        const source = "const { UDPSocket } = require(" + JSON.stringify(root) + "); const { parentPort } = require('node:worker_threads');" +
          "const socket = new UDPSocket({ localAddress: '127.0.0.1' });" +
          "socket.onmessage = ({ data, remoteAddress, remotePort }) => socket.send(data, remoteAddress, remotePort);" +
          "parentPort.postMessage(socket.localPort);";
        const workers = [new Worker(source, { eval: true }), new Worker(source, { eval: true })];
        const ports = await Promise.all(workers.map((worker) => once(worker, "message")));
        const ask = async (port) => {
          const message = once(socket, "message");
          socket.send("echo", "127.0.0.1", port);
          seen.push(Buffer.from((await message).data).toString());
        };
        await ask(ports[0]);
        await ask(ports[1]);
        await workers[0].terminate();
        await ask(ports[1]);
        const another = new UDPSocket({ localAddress: "127.0.0.1" });
        another.close();
        await ask(ports[1]);
        await workers[1].terminate();
        socket.send("to myself", "127.0.0.1", socket.localPort);
        seen.push(Buffer.from((await once(socket, "message")).data).toString());
        socket.close();
        report(seen);`,
      ),
    );
    expect(seen).toEqual(["echo", "echo", "echo", "echo", "to myself"]);
  });

  test("process.exit() of the main thread while workers transfer ends the process cleanly", async () => {
    const { code, signal, stderr } = await run(
      script(
        `const server = net.createServer((socket) => socket.on("error", () => {}).resume());
        server.listen(0, "127.0.0.1");
        await once(server, "listening");
        const workers = Array.from({ length: 4 }, () => new Worker(workerSource, { eval: true, workerData: { root, port: server.address().port } }));
        await Promise.all(workers.map((worker) => once(worker, "message", 10_000)));
        setTimeout(() => process.exit(6), 50);`,
      ),
      { timeout: 20_000 },
    );
    expect(stderr).toBe("");
    expect([code, signal]).toEqual([6, null]);
  });
});
