"use strict";

// The file of a server that has ended is replaced, by one server only, and under the lock of its folder (R-unix).

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { expectDOMException, once, start } = require("../helpers");
const { defer } = require("../helpers/cleanup");
const { launch } = require("../helpers/programs");
const { kindAt, leaveStale } = require("../helpers/socket-files");
const { UnixServerSocket, dialPath, socketPath, unixServer, unixTest } = require("../helpers/unix");

jest.setTimeout(30_000);

/** A starter: reports whether it listens, and then stays until its standard input ends. */
const STARTER = `
  process.stdin.once("data", () => {
    try {
      const server = new UnixServerSocket({ path: process.argv[1] });
      server.onconnect = ({ connectedSocket }) => connectedSocket.send(String(process.pid));
      report("listens");
      process.stdin.once("end", () => server.close()).resume();
    } catch (error) {
      report(error.code);
    }
  });
  report("ready");
`;

unixTest("a server replaces the file of one that has ended, and clients reach it (R-unix)", async () => {
  const where = socketPath();
  await leaveStale(where);
  const server = unixServer({ path: where });
  const connect = once(server, "connect");
  await dialPath(where);
  await connect;
  server.close();
  expect(kindAt(where)).toBeUndefined();
});

unixTest("of many processes that start at once on one stale path, one listens (R-unix)", async () => {
  const where = socketPath();
  for (let round = 0; round < 3; round++) {
    await leaveStale(where);
    const starters = Array.from({ length: 6 }, () => start(STARTER, { args: [where], timeout: 25_000 }));
    for (const starter of starters) expect(await starter.next()).toBe("ready");
    for (const starter of starters) starter.process.stdin.write("go\n");
    const results = await Promise.all(starters.map((starter) => starter.next()));
    expect([...results].sort()).toEqual([...Array(5).fill("EADDRINUSE"), "listens"]);
    const winner = starters[results.indexOf("listens")];
    const peer = await dialPath(where);
    expect(String((await once(peer, "data")))).toBe(String(winner.process.pid));
    peer.destroy();
    for (const starter of starters) starter.process.stdin.end();
    await Promise.all(starters.map(({ done }) => done));
    expect(kindAt(where)).toBeUndefined();
  }
});

unixTest("a live server whose backlog is full keeps its path (R-unix)", async () => {
  const server = unixServer({ backlog: 1 });
  const waiting = await Promise.all(Array.from({ length: 2 }, () => dialPath(server.localPath)));
  const error = expectDOMException(() => new UnixServerSocket({ path: server.localPath }), "InvalidAccessError", "EADDRINUSE");
  expect(error.message).toContain("a server listens there");
  const connect = once(server, "connect");
  await connect;
  waiting.forEach((peer) => peer.destroy());
});

/** Holds the lock of a folder in another process. */
async function lockFolder(folder) {
  const holder = launch("flock", [folder, "sh", "-c", "echo locked; exec cat"]);
  defer(() => holder.end());
  await holder.says(/locked/);
}

const lockTest = spawnSync("flock", ["--version"]).status === 0
  ? unixTest
  : (name, body) => test.skip(`${name} (needs flock)`, body);

lockTest("while another process holds the folder's lock, a stale file stays, and a free path is taken (R-unix)", async () => {
  const where = socketPath();
  await leaveStale(where);
  await lockFolder(path.dirname(where));
  const from = performance.now();
  const error = expectDOMException(() => new UnixServerSocket({ path: where }), "InvalidAccessError", "EADDRINUSE");
  expect(performance.now() - from).toBeGreaterThan(150);
  expect(error.message).toContain("cannot be locked");
  expect(kindAt(where)).toBe("socket");
  const free = unixServer({ path: `${where}2` });
  expect(kindAt(free.localPath)).toBe("socket");
});

lockTest("a lock that another process releases in time is waited for (R-unix)", async () => {
  const where = socketPath();
  await leaveStale(where);
  const holder = launch("flock", [path.dirname(where), "sh", "-c", "echo locked; sleep 0.05"]);
  await holder.says(/locked/);
  const server = unixServer({ path: where });
  expect(server.localPath).toBe(where);
});

unixTest("the lock is released when the server listens (R-unix)", () => {
  const servers = Array.from({ length: 20 }, (_, i) => {
    const where = socketPath();
    return unixServer({ path: path.join(path.dirname(where), String(i)) });
  });
  const folder = path.dirname(servers[0].localPath);
  const from = performance.now();
  unixServer({ path: path.join(folder, "another") });
  expect(performance.now() - from).toBeLessThan(150);
  expect(fs.readdirSync(folder).sort()).toEqual(["0", "another"]);
});
