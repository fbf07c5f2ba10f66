"use strict";

// What becomes of a server's file when its process ends (R-unix): docs/unix-sockets.md, "How the file ends".

const { existsSync, readFileSync } = require("node:fs");
const { ROOT, run } = require("../helpers");
const { socketPath, unixServer, unixTest } = require("../helpers/unix");

/** Runs `end` in a process that has a server at `where`. Returns how it has ended, and whether the server listened. */
async function endWith(end, where) {
  const script = `
    const fs = require("node:fs");
    const { UnixServerSocket: Server } = require(${JSON.stringify(ROOT)});
    const [where] = process.argv.slice(1);
    const server = new Server({ path: where });
    process.stdout.write(String(fs.lstatSync(where).isSocket()));
    ${end}`;
  const { code, signal, stdout, timedOut } = await run(script, { args: [where] });
  expect([stdout, timedOut]).toEqual(["true", false]);
  return { code, signal };
}

describe("the file is gone when the process has ended (R-unix, R-end-of-life)", () => {
  const ends = {
    "process.exit()": ["process.exit(7);", 7],
    "process.exit() in a later turn": ["setImmediate(() => process.exit(7));", 7],
    "an uncaught exception": ['setImmediate(() => { throw new Error("a test"); });', 1],
    "a rejection that nobody handles": ['void Promise.reject(new Error("a test"));', 1],
    "nothing more to do": ["server.unref();", 0],
    "a handler of SIGTERM that closes the server": ['process.once("SIGTERM", () => server.close()); process.kill(process.pid, "SIGTERM");', 0],
  };
  for (const [how, [end, status]] of Object.entries(ends)) {
    unixTest(`after ${how}`, async () => {
      const where = socketPath();
      expect(await endWith(end, where)).toEqual({ code: status, signal: null });
      expect(existsSync(where)).toBe(false);
    });
  }

  unixTest("and another file that has taken its path stays", async () => {
    const where = socketPath();
    expect(await endWith('fs.unlinkSync(where); fs.writeFileSync(where, "another"); process.exit(7);', where)).toEqual({ code: 7, signal: null });
    expect(readFileSync(where, "utf8")).toBe("another");
  });
});

describe("the file stays when a signal has ended the process, and the next server replaces it (R-unix)", () => {
  for (const name of ["SIGTERM", "SIGINT", "SIGKILL"]) {
    unixTest(`after ${name}`, async () => {
      const where = socketPath();
      expect(await endWith(`process.kill(process.pid, "${name}");`, where)).toEqual({ code: null, signal: name });
      expect(existsSync(where)).toBe(true);
      const server = unixServer({ path: where });
      expect(server.localPath).toBe(where);
      server.close();
      expect(existsSync(where)).toBe(false);
    });
  }
});
