"use strict";

// Busy polling (docs/runtimes.md): after an exchange of short messages the thread looks for the next one before it sleeps. That changes how long
// a message takes, and nothing else: timers, other I/O, deadlines and the loop go on as they do without it.

const os = require("node:os");
const { run, runJSON } = require("../helpers");

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

const hasTwo = process.platform === "linux" && os.availableParallelism() > 1;

(hasTwo ? test : test.skip)("a thread that polls sleeps less often", async () => {
  const sleeps = (limit) =>
    runJSON(
      `${EXCHANGE}
      talk(async (ask) => {
        for (let n = 0; n < 200; n++) await ask("x");
        const before = process.resourceUsage().voluntaryContextSwitches;
        for (let n = 0; n < 2000; n++) await ask("x");
        return (process.resourceUsage().voluntaryContextSwitches - before) / 2000;
      });`,
      packaged(limit),
    );
  // While other programs take the processors, polls miss. Then it sleeps as without polling, and the next attempt may show it.
  let share = 1;
  for (let attempt = 0; attempt < 10 && share >= 0.8; attempt++) {
    const [polling, sleeping] = [await sleeps(500), await sleeps(0)];
    share = polling / sleeping;
  }
  expect(share).toBeLessThan(0.8);
});
