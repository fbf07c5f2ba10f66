"use strict";

const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { ROOT, runJSON } = require("../helpers");

const REPORT = path.join(ROOT, "__test__", "helpers", "report.js");

/** Run source text that has not loaded the package yet; what it reports. */
function bare(source, ...nodeArgs) {
  const prelude = nodeArgs.includes("--input-type=module")
    ? `import { report } from ${JSON.stringify(pathToFileURL(REPORT))};`
    : `const { report } = require(${JSON.stringify(REPORT)});`;
  return runJSON(prelude + source, { bare: true, nodeArgs, timeout: 40_000 });
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
    expect(await bare(`require(${JSON.stringify(ROOT)}); report(1);`)).toBe(1);
  });

  test("nor does importing it as a module", async () => {
    const source = `import * as all from "tcp-udp-sockets"; report(Object.keys(all).sort());`;
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
        report({ before, after });
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
        report(rounds);
      })();`,
    );
    expect(new Set(rounds.map((round) => JSON.stringify(round))).size).toBe(1);
  });

  test("adds nothing to globalThis (R-trust)", async () => {
    const added = await bare(
      `const before = new Set(Reflect.ownKeys(globalThis));
      require(${JSON.stringify(ROOT)});
      const added = Reflect.ownKeys(globalThis).filter((key) => !before.has(key));
      report(added.map(String));`,
    );
    expect(added).toEqual([]);
  });

  test("works in a worker, which ends by itself", async () => {
    const code = await bare(
      `const { Worker } = require("node:worker_threads");
      const worker = new Worker("require(" + ${JSON.stringify(JSON.stringify(ROOT))} + ")", { eval: true });
      worker.once("exit", (code) => report(code));`,
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
        report({ codes: [...codes], before, after: look() });
      })();`,
    );
    expect(codes).toEqual([0]);
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 4);
    expect(after.threads).toBeLessThanOrEqual(before.threads + 2);
  });
});
