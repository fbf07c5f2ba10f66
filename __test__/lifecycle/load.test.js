"use strict";

const { spawn } = require("node:child_process");
const { ROOT, deadline } = require("../helpers");

/** Run source text that has not loaded the package yet; its stdout, parsed. */
function bare(source, ...args) {
  const child = spawn(process.execPath, [...args, "-e", source], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  const ended = new Promise((resolve, reject) => {
    child.once("close", (code, signal) => {
      if (code === 0) {
        resolve(JSON.parse(stdout));
      } else {
        reject(new Error(`ended with ${signal ?? code}: ${stdout}`));
      }
    });
  });
  return deadline(ended, "the child to end by itself", 20_000).finally(() => child.kill("SIGKILL"));
}

const look = `
  const fs = require("node:fs");
  const look = () => ({
    descriptors: fs.readdirSync("/proc/self/fd").length,
    threads: fs.readdirSync("/proc/self/task").length,
    resources: process.getActiveResourcesInfo().length,
  });`;

const linuxTest = process.platform === "linux" ? test : test.skip;

describe("loading the package alone", () => {
  test("does not keep the process alive", async () => {
    expect(await bare(`require(${JSON.stringify(ROOT)}); process.stdout.write("1");`)).toBe(1);
  });

  test("nor does importing it as a module", async () => {
    const source = `import * as all from "tcp-udp-sockets"; process.stdout.write(JSON.stringify(Object.keys(all).sort()));`;
    const names = await bare(source, "--input-type=module");
    expect(names).toEqual(expect.arrayContaining(["TCPServerSocket", "TCPSocket", "UDPSocket"]));
  });

  linuxTest("opens no descriptor, starts no thread and registers no active resource", async () => {
    const { before, after } = await bare(
      `${look}
      fs.promises.readFile("/dev/null").then(() => {
        // libuv's own threads are up by now.
        const before = look();
        require(${JSON.stringify(ROOT)});
        const after = look();
        // Not earlier: stdout itself takes a descriptor when it is first looked at.
        process.stdout.write(JSON.stringify({ before, after }));
      });`,
    );
    expect(after).toEqual(before);
  });

  linuxTest("once the last socket is closed, no thread or descriptor is added by opening more", async () => {
    const rounds = await bare(
      `${look}
      const { UDPSocket, TCPServerSocket } = require(${JSON.stringify(ROOT)});
      const rounds = [];
      (async () => {
        for (let round = 0; round < 5; round++) {
          const open = [new UDPSocket(), new TCPServerSocket()];
          await new Promise((resolve) => setTimeout(resolve, 10));
          open.forEach((socket) => socket.close());
          await new Promise((resolve) => setTimeout(resolve, 10));
          rounds.push(look());
        }
        process.stdout.write(JSON.stringify(rounds));
      })();`,
    );
    expect(new Set(rounds.map((round) => JSON.stringify(round))).size).toBe(1);
  });

  test("adds nothing to globalThis (R-trust)", async () => {
    const added = await bare(
      `const before = new Set(Reflect.ownKeys(globalThis));
      require(${JSON.stringify(ROOT)});
      const added = Reflect.ownKeys(globalThis).filter((key) => !before.has(key));
      process.stdout.write(JSON.stringify(added.map(String)));`,
    );
    expect(added).toEqual([]);
  });

  test("works in a worker, which ends by itself", async () => {
    const code = await bare(
      `const { Worker } = require("node:worker_threads");
      const worker = new Worker("require(" + ${JSON.stringify(JSON.stringify(ROOT))} + ")", { eval: true });
      worker.once("exit", (code) => process.stdout.write(String(code)));`,
    );
    expect(code).toBe(0);
  });

  test("100 workers that only load it leave nothing behind", async () => {
    const { codes, before, after } = await bare(
      `${look}
      const { Worker } = require("node:worker_threads");
      const source = "require(" + ${JSON.stringify(JSON.stringify(ROOT))} + ")";
      const one = () => new Promise((resolve) => new Worker(source, { eval: true }).once("exit", resolve));
      (async () => {
        const codes = new Set([await one(), await one()]);
        const before = look();
        for (let i = 0; i < 50; i++) {
          for (const code of await Promise.all([one(), one()])) {
            codes.add(code);
          }
        }
        process.stdout.write(JSON.stringify({ codes: [...codes], before, after: look() }));
      })();`,
    );
    expect(codes).toEqual([0]);
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 4);
    expect(after.threads).toBeLessThanOrEqual(before.threads + 2);
  });
});
