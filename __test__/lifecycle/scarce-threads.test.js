"use strict";

const { scarceTest, startScarce } = require("../helpers/scarce");

/** ms that one round of everything may take: a hang is one, and not a slow machine. */
const LIMIT = 20_000;

/** Threads that may be had beyond those that are there: from one less to more than the package ever needs at once. */
const SPARE = [-1, 0, 1, 2, 3, 4, 5, 6];

const outcomes = ({ results }) => Object.entries(results).map(([name, { outcome }]) => `${name} ${outcome}`);

scarceTest(
  "R-error: where threads are short, what needs one fails with EAGAIN, nothing hangs, and it works again in the same process once there are some",
  async () => {
    let failed = 0;
    let worked = 0;
    for (const spare of SPARE) {
      const child = startScarce("scarce-threads.js", LIMIT);
      await child.ask();
      child.allow(spare);
      // Twice: what failed may be tried again, and takes nothing with it.
      const first = await child.ask("try");
      const second = await child.ask("try");
      for (const [name, result] of [...Object.entries(first.results), ...Object.entries(second.results)]) {
        if (result.outcome === "works") {
          worked += 1;
          continue;
        }
        failed += 1;
        expect({ spare, name, ...result }).toMatchObject({ outcome: "fails", name: "NetworkError", code: "EAGAIN" });
        expect(result.message).toContain("no thread can be started");
      }
      child.allow(Infinity);
      const healed = await child.ask("try");
      expect({ spare, outcomes: outcomes(healed) }).toEqual({ spare, outcomes: Object.keys(healed.results).map((name) => `${name} works`) });
      // Node 22 and later want a thread of their own for it, too, and say so.
      expect(child.stderr.replace(/^Warning: Failed to load CA certificates off thread.*\n/gm, "")).toBe("");
      if (spare < 1) {
        // Attempts that failed have left nothing behind.
        expect({ spare, threads: second.threads, files: second.files }).toEqual({ spare, threads: first.threads, files: first.files });
      }
    }
    expect(failed).toBeGreaterThan(0);
    expect(worked).toBeGreaterThan(0);
  },
  SPARE.length * 4 * LIMIT,
);
