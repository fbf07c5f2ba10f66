"use strict";

// shutdown() and the process (R-shutdown): many busy connections, and a process that must not end too early or too late.

const path = require("node:path");
const { ROOT, collect, dial, once, run, runJSON } = require("../helpers");
const { launch } = require("../helpers/programs");
const { obstacle, socketPath } = require("../helpers/unix");

jest.setTimeout(60_000);

const script = (body) => `(async () => {${body}\n})().catch((error) => { console.error(error); process.exit(70); });`;

/** Each server sends to 1,000 clients as fast as they take it. Half of the clients never read. */
const busy = (serve, dial) => script(`
  const count = 1000;
  const server = ${serve};
  const piece = Buffer.alloc(4096, 120);
  const sent = [];
  const accepted = [];
  let ends = 0;
  server.onconnect = ({ connectedSocket }) => {
    const index = accepted.push(connectedSocket) - 1;
    sent[index] = 0;
    const pump = () => {
      while (connectedSocket.readyState === "open") {
        sent[index] += piece.length;
        if (!connectedSocket.send(piece)) {
          return;
        }
      }
    };
    connectedSocket.onmessage = ({ data }) => {
      connectedSocket.reads = new Uint8Array(data)[0] === 1;
      pump();
    };
    connectedSocket.ondrain = pump;
    connectedSocket.onclose = () => (ends += 1);
  };
  const got = new Map();
  const clients = [];
  const open = async (i) => {
    const client = ${dial};
    client.on("error", () => {});
    await once(client, "connect", 45_000);
    clients.push(client);
    const reads = i % 2;
    client.write(new Uint8Array([reads]));
    if (reads) {
      const state = { bytes: 0, ended: false };
      got.set(client, state);
      client.on("data", (data) => (state.bytes += data.length));
      state.end = once(client, "end", 45_000);
    } else {
      client.pause();
    }
  };
  for (let i = 0; i < count; i += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, j) => open(i + j)));
  }
  // All are busy now.
  while (accepted.length < count || accepted.some((socket) => socket.reads === undefined)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const start = performance.now();
  const end = server.shutdown({ grace: 300, timeout: 1200 });
  await end;
  const took = performance.now() - start;
  await Promise.all([...got.values()].map((state) => state.end));
  const received = [...got.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const expected = accepted.reduce((sum, socket, i) => sum + (socket.reads ? sent[i] : 0), 0);
  clients.forEach((client) => client.destroy());
  report({ ends, readers: got.size, isComplete: received === expected, isLarge: expected > count * 10_000, took: Math.round(took), left: expected - received });
`);

/** The result of busy(): all are closed, nothing that was sent to a client that reads is lost, and it took no longer than \`timeout\`. */
function expectGraceful({ took, ...result }) {
  expect(result).toEqual({ ends: 1000, readers: 500, isComplete: true, isLarge: true, left: 0 });
  // The clients that never read hold it up until then.
  expect(took).toBeGreaterThan(1190);
  expect(took).toBeLessThan(20_000);
}

describe("shutdown() with 1,000 busy connections, half of which never read (R-shutdown)", () => {
  test("TCP: nothing that was flushed is lost, and it ends with `timeout`", async () => {
    const serve = "new TCPServerSocket({ localAddress: '127.0.0.1', backlog: 1024 })";
    const dial = "net.connect(server.localPort, '127.0.0.1')";
    expectGraceful(await runJSON(busy(serve, dial), { openFiles: 4096, timeout: 50_000 }));
  });

  (obstacle ? test.skip : test)("Unix: the same", async () => {
    const serve = `new UnixServerSocket({ path: ${JSON.stringify(socketPath())}, backlog: 1024 })`;
    const dial = "net.connect(server.localPath)";
    expectGraceful(await runJSON(busy(serve, dial), { openFiles: 4096, timeout: 50_000 }));
  });
});

/** A server and a connected client in one process, all with unref(). */
const UNREFERENCED = `
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  const connect = once(server, "connect");
  const client = new TCPSocket("127.0.0.1", server.localPort);
  client.onmessage = client.onerror = () => {};
  const { connectedSocket } = await connect;
  if (client.readyState === "connecting") {
    await once(client, "open");
  }
  connectedSocket.onclose = () => report("close");
  for (const socket of [server, client, connectedSocket]) {
    socket.unref();
  }
`;

describe("shutdown() and the end of the process (R-shutdown)", () => {
  test.each(["{}", "{ grace: 50 }", "{ grace: 50, timeout: 50 }", "{ timeout: 0 }"])(
    "it keeps the process alive until it is done, also where all sockets have unref(): %s",
    async (options) => {
      const result = await run(script(`${UNREFERENCED} server.shutdown(${options}).then(() => report("done"));`));
      expect([result.code, result.reports]).toEqual([0, ["close", "done"]]);
    },
  );

  test("without it, the same process ends at once", async () => {
    const result = await run(script(UNREFERENCED));
    expect([result.code, result.reports]).toEqual([0, []]);
  });

  test("once it is done, nothing keeps the process alive: its timers are gone", async () => {
    const result = await runJSON(script(`
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      await server.shutdown({ grace: 100_000, timeout: 200_000 });
      report("done");`));
    expect(result).toBe("done");
  });

  test.each(["{ timeout: 0 }", "{ grace: 0, timeout: 1 }"])("the same where nothing is left at the call: %s, and once more", async (options) => {
    const result = await runJSON(script(`
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      await server.shutdown(${options});
      await server.shutdown({ timeout: 0 });
      report("done");`));
    expect(result).toBe("done");
  });

  test("a worker that is terminated in it leaves nothing behind", async () => {
    const result = await runJSON(script(`
      const { Worker } = require("node:worker_threads");
      const worker = new Worker(${JSON.stringify(`
        const { TCPServerSocket } = require(${JSON.stringify(ROOT)});
        const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
        server.onconnect = () => {
          server.shutdown({ grace: 100_000, timeout: 200_000 });
          require("node:worker_threads").parentPort.postMessage("ending");
        };
        require("node:worker_threads").parentPort.postMessage(server.localPort);
      `)}, { eval: true });
      const [port] = await new Promise((resolve) => worker.once("message", (...args) => resolve(args)));
      const client = net.connect(port, "127.0.0.1");
      client.on("error", () => {});
      await new Promise((resolve) => worker.once("message", resolve));
      const ended = new Promise((resolve) => client.once("close", resolve));
      await worker.terminate();
      client.resume();
      await ended;
      report("ended");`));
    expect(result).toBe("ended");
  });
});

(process.platform === "win32" ? describe.skip : describe)("examples/graceful.js", () => {
  const example = (...words) => launch(process.execPath, [path.join(ROOT, "examples", "graceful.js"), ...words.map(String)]);

  /** The port that a running example prints. */
  async function portOf(running) {
    return Number((await running.says(/Listening on port (\d+)/, 10_000))[1]);
  }

  test("SIGTERM: a client that ends by itself ends the process before the deadline", async () => {
    const running = example(0, 20_000, 30_000);
    const client = await dial(await portOf(running));
    const inbox = collect(client);
    client.write("hello");
    await inbox.until(5);
    running.child.kill("SIGTERM");
    await running.says(/SIGTERM: 1 connection/, 10_000);
    client.write(" again");
    await inbox.until(11);
    client.end();
    const { code, stdout } = await running.ended(15_000);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Done after \d+ ms/);
  });

  test("SIGTERM: a client that never ends is closed after GRACE, one that never reads is reset after TIMEOUT", async () => {
    const running = example(0, 100, 2500);
    const port = await portOf(running);
    const [quiet, deaf] = [await dial(port), await dial(port)];
    const ended = once(quiet, "end", 10_000);
    deaf.pause();
    // Its echo shows that the server has accepted both.
    const inbox = collect(quiet);
    quiet.write("x");
    await inbox.until(1);
    // It sends until the server takes no more, since its echo is not read.
    const piece = Buffer.alloc(1024 * 1024);
    while (deaf.writableLength < 8 * piece.length) {
      deaf.write(piece);
    }
    const start = performance.now();
    running.child.kill("SIGTERM");
    await ended;
    const { code } = await running.ended(15_000);
    expect(code).toBe(0);
    expect(performance.now() - start).toBeGreaterThan(2490);
  });
});
