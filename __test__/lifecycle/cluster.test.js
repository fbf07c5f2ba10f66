"use strict";

const path = require("node:path");
const { ROOT, dial, collect, start, eventually } = require("../helpers");

jest.setTimeout(20_000);

const linuxTest = process.platform === "linux" ? test : test.skip;
const EXAMPLE = path.join(ROOT, "examples", "cluster-echo.js");

describe("several servers on one port (reusePort, extensions TCPServerOptions)", () => {
  linuxTest("examples/cluster-echo.js: several workers get connections, and each answers", async () => {
    const child = start(`process.argv.splice(1, process.argv.length, "node", "0", "3"); require(${JSON.stringify(EXAMPLE)});`, {
      timeout: 15_000,
    });
    await child.line("workers listen on port");
    const { output } = child;
    const port = Number(/on port (\d+)/.exec(output.stdout)[1]);
    // 40 connections that the system deals out by chance: that all go to one of three happens once in 3 ** 39 runs.
    for (let i = 0; i < 40; i++) {
      const client = await dial(port);
      const inbox = collect(client);
      client.end("ping");
      await inbox.end();
      expect(inbox.text()).toBe("ping");
    }
    const workers = () => new Set([...output.stdout.matchAll(/worker (\d+) serves/g)].map(([, id]) => id));
    await eventually(() => output.stdout.match(/serves/g).length === 40);
    expect(workers().size).toBeGreaterThan(1);
  });

  linuxTest("processes share a port, too", async () => {
    const server = `
      const server = new TCPServerSocket({ localAddress: "127.0.0.1", localPort: Number(process.argv[1] ?? 0), reusePort: true });
      server.onconnect = ({ connectedSocket }) => {
        connectedSocket.send(String(process.pid));
        connectedSocket.close();
      };
      report(server.localPort);`;
    const first = start(server, { timeout: 15_000 });
    const port = await first.next();
    const second = start(server, { args: [String(port)], timeout: 15_000 });
    expect(await second.next()).toBe(port);
    const pids = new Set();
    for (let i = 0; i < 40; i++) {
      const client = await dial(port);
      const inbox = collect(client);
      client.end();
      await inbox.end();
      pids.add(Number(inbox.text()));
    }
    expect([...pids].sort()).toEqual([first.process.pid, second.process.pid].sort());
  });
});
