"use strict";

// Busy polling (docs/runtimes.md): after an exchange of short messages the thread looks for the next one before it sleeps. That changes how long
// a message takes, and nothing else: timers, other I/O, deadlines and the loop go on as they do without it.

const { once } = require("node:events");
const net = require("node:net");
const { setTimeout } = require("node:timers/promises");
const { run, runJSON } = require("../helpers");
const { defer } = require("../helpers/cleanup");
const { counted, countingTest } = require("../helpers/counting");

jest.setTimeout(60_000);

const env = (limit) => (limit === undefined ? {} : { TCP_UDP_SOCKETS_BUSY_POLL: String(limit) });

test.each(["on", "-1", "1.5", "1001", "1e2"])("TCP_UDP_SOCKETS_BUSY_POLL=%s makes require() throw", async (value) => {
  const { code, stderr } = await run("", { env: env(value) });
  expect(code).toBe(1);
  expect(stderr).toContain(`TCP_UDP_SOCKETS_BUSY_POLL is "${value}"; it can be 0 (off) to 1000 microseconds`);
});

/** An echo server in a process of its own, which also has the package; `ask()` sends a message, and resolves with the answer. */
const EXCHANGE = `
  const { spawn } = require("node:child_process");
  const ECHO = \`
    const { TCPServerSocket } = require(process.env.PACKAGE);
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    server.onconnect = ({ connectedSocket }) => {
      connectedSocket.onmessage = (event) => connectedSocket.send(event.data);
      connectedSocket.onerror = () => {};
    };
    console.log(server.localPort);
    // It ends with the process that has started it.
    process.stdin.resume().on("end", () => process.exit()).on("error", () => process.exit());\`;
  const peer = spawn(process.execPath, ["-e", ECHO], { stdio: ["pipe", "pipe", "inherit"] });
  async function talk(serve) {
    const socket = await connect("127.0.0.1", Number(String(await once(peer.stdout, "data"))));
    let answered;
    socket.onmessage = ({ data }) => answered(Buffer.from(data).toString());
    const ask = (text) => new Promise((resolve) => { answered = resolve; socket.send(text); });
    try {
      report(await serve(ask));
    } finally {
      peer.kill();
      await socket.reset();
    }
  }`;

const packaged = (limit) => ({ timeout: 30_000, env: { PACKAGE: require.resolve("../.."), ...env(limit) } });

test.each([0, undefined, 1000])("a limit of %s: timers, immediates, files and deadlines have their turn during exchanges", async (limit) => {
  const result = await runJSON(
    `${EXCHANGE}
    const { readFile } = require("node:fs");
    talk(async (ask) => {
      const counts = { timers: 0, immediates: 0, files: 0, lost: "" };
      const timer = setInterval(() => counts.timers++, 1);
      let isOver = false;
      setImmediate(function next() { counts.immediates++; if (!isOver && counts.immediates < 20) setImmediate(next); });
      (function next() { readFile(process.execPath + ".none", () => { counts.files++; if (!isOver) next(); }); })();
      // A deadline of a socket that takes no part.
      const quiet = new TCPServerSocket({ localAddress: "127.0.0.1" });
      quiet.onconnect = () => {};
      const silent = new TCPSocket("127.0.0.1", quiet.localPort, { idleTimeout: 100 });
      silent.onerror = ({ error }) => (counts.lost = error.code);
      const start = Date.now();
      let wrong = 0;
      let exchanges = 0;
      while (Date.now() - start < 600) {
        exchanges++;
        if ((await ask("message " + exchanges)) !== "message " + exchanges) wrong++;
      }
      isOver = true;
      clearInterval(timer);
      quiet.close();
      return { wrong, enough: exchanges > 100, timers: counts.timers > 50, immediates: counts.immediates, files: counts.files > 50, lost: counts.lost };
    });`,
    packaged(limit),
  );
  expect(result).toEqual({ wrong: 0, enough: true, timers: true, immediates: 20, files: true, lost: "ETIMEDOUT" });
});

countingTest("a thread that polls asks the system many times for one message", async () => {
  const polls = async (limit) => {
    const server = await counted(
      `process.stdin.resume().on("end", () => process.exit());
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      server.onconnect = ({ connectedSocket }) => { connectedSocket.onmessage = ({ data }) => connectedSocket.send(data); };
      report(server.localPort);`,
      limit,
    );
    const peer = net.connect(server.port, "127.0.0.1");
    defer(() => peer.destroy());
    await once(peer, "connect");
    const cost = await server.cost(500, async () => {
      for (let n = 0; n < 500; n++) {
        peer.write("x");
        await once(peer, "data");
      }
    });
    await server.end();
    return cost.polls;
  };
  const without = await polls(0);
  // One poll that finds nothing asks for a millisecond. While other programs take the processors, no wait may be short enough for one.
  let most = 0;
  for (let attempt = 0; attempt < 10 && most < 2 * without; attempt++) most = Math.max(most, await polls(1000));
  expect(without).toBeLessThan(8);
  expect(most).toBeGreaterThan(2 * without);
});

countingTest("after a message that a poll has found, and that nobody answers, the thread sleeps", async () => {
  const server = await counted(
    `process.stdin.resume().on("end", () => process.exit());
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    server.onconnect = ({ connectedSocket }) => {
      connectedSocket.onmessage = ({ data }) => { if (Buffer.from(data).toString() === "?") connectedSocket.send("!"); };
    };
    report(server.localPort);`,
    1000,
  );
  const peer = net.connect(server.port, "127.0.0.1");
  defer(() => peer.destroy());
  await once(peer, "connect");
  let most = 0;
  for (let attempt = 0; attempt < 10; attempt++) {
    for (let n = 0; n < 100; n++) {
      peer.write("?");
      await once(peer, "data");
    }
    // It comes while the thread polls, if the processors are free.
    peer.write(".");
    await setTimeout(20);
    most = Math.max(most, (await server.cost(1, () => setTimeout(50))).polls);
  }
  await server.end();
  // A loop that goes round without a pause asks thousands of times.
  expect(most).toBeLessThan(50);
});
