"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { start } = require("./child");
const { preload } = require("./preload");

/** The counters of fixtures/counting.c, in its order. */
const KINDS = ["reads", "writes", "polls", "controls", "ends", "allocations", "allocated"];

const { folder, library, obstacle } = preload("counting");

/** `test` if calls can be counted here, else a skipped test whose name says why. */
function countingTest(name, body, timeout) {
  if (obstacle) {
    test.skip(`${name} (${obstacle})`, body);
  } else {
    test(name, body, timeout);
  }
}

let files = 0;

/**
 * Starts a script in a process of its own, and counts its system calls and allocations. The script reports its port first.
 *
 * @param {string} script as `start()` takes it
 * @param {number} [busyPoll] the limit of busy polling in microseconds. How often a thread polls before it sleeps depends on the time that its peers
 *   take, so nothing else that is counted would be certain with it.
 */
async function counted(script, busyPoll = 0) {
  const file = path.join(folder, String((files += 1)));
  fs.writeFileSync(file, Buffer.alloc(8 * KINDS.length));
  const child = start(script, { env: { LD_PRELOAD: library, COUNTS: file, TCP_UDP_SOCKETS_BUSY_POLL: String(busyPoll) }, timeout: 60_000 });
  const port = await child.next();
  const read = () => {
    const numbers = new BigUint64Array(new Uint8Array(fs.readFileSync(file)).buffer);
    return Object.fromEntries(KINDS.map((kind, i) => [kind, Number(numbers[i])]));
  };
  return {
    port,
    child,
    /** Stops the process until resume(), so that it finds all data that arrives meanwhile at once. */
    pause: () => child.process.kill("SIGSTOP"),
    resume: () => child.process.kill("SIGCONT"),
    /** The counts of `work`, divided by `units`. */
    async cost(units, work) {
      const before = read();
      await work();
      const after = read();
      return Object.fromEntries(KINDS.map((kind) => [kind, (after[kind] - before[kind]) / units]));
    },
    async end() {
      child.process.stdin.end();
      await child.done;
    },
  };
}

module.exports = { counted, countingTest };
