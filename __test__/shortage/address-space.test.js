"use strict";

// Little address space (ulimit -v): each amount from hardly any to enough. What opens a socket works, or fails with a system's code. Nothing
// hangs, the native half does not end the process, and all works again once there is enough.

const { spawnSync } = require("node:child_process");
const { start } = require("../helpers");

const canLimit = process.platform === "linux" && spawnSync("prlimit", ["--version"]).status === 0;
const testLimited = canLimit ? test : test.skip;

/** How much more a process may have, in KiB: from where no thread can be started to where all works. */
const ROOMS = [512, 1024, 2048, 2300, 2600, 2900, 3200, 3800, 4400, 5200, 6600, 8192, 16384];

const OUTCOMES = /^(works|NetworkError E(AGAIN|NOBUFS|NOMEM))$/;

/** The engine has its space for young objects from the start, so that it asks for less memory later. malloc() has one arena. */
const how = (room) => ({
  nodeArgs: ["--min-semi-space-size=32", "--max-semi-space-size=32", "--single-threaded-gc"],
  args: [String(room)],
  env: { MALLOC_ARENA_MAX: "1" },
  timeout: 60_000,
});

testLimited("R-error: with little address space, everything that opens a socket works or fails with a system's code, and works again later", async () => {
  let failed = 0;
  for (const room of ROOMS) {
    const { code, stdout, stderr } = await start("little-memory.js", how(room)).done;
    const tries = stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
    if (code !== 0) {
      // Only the engine may give up, which needs memory to collect garbage.
      expect({ room, stderr }).toEqual({ room, stderr: expect.stringMatching(/heap out of memory|process out of memory|Fatal JavaScript out of memory|Out of memory: |std::bad_alloc/) });
    }
    for (const [name, limit, outcome] of tries) {
      expect({ name, room, limit, outcome }).toEqual({ name, room, limit, outcome: limit === "any" ? "works" : expect.stringMatching(OUTCOMES) });
      failed += outcome === "works" ? 0 : 1;
    }
  }
  expect(failed).toBeGreaterThan(0);
}, 180_000);
