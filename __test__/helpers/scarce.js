"use strict";

// Few threads: children under a user of their own, whose number of threads prlimit(1) sets while they run. Root itself is bound by
// no such limit, and one that is low from the start keeps Node from starting.

const { spawn, spawnSync } = require("node:child_process");
const { readFileSync, readdirSync } = require("node:fs");
const path = require("node:path");
const { setTimeout, clearTimeout } = require("node:timers");
const { defer } = require("./cleanup");
const { FIXTURES } = require("./child");

const ROOT = path.join(__dirname, "..", "..");

/** Users that are tried, from this one on: above all that systems and containers give out by themselves. */
const FIRST_USER = 611_000;

let lastUser = FIRST_USER;

/** A user that no process runs under. */
function freeUser() {
  const taken = new Set();
  for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      taken.add(Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  do {
    lastUser += 1;
  } while (taken.has(lastUser));
  return lastUser;
}

/** Why threads cannot be made scarce here; undefined where they can. */
const obstacle = (() => {
  if (process.platform !== "linux") {
    return "needs Linux";
  }
  if (process.getuid() !== 0 || spawnSync("prlimit", ["--version"]).status !== 0) {
    return "needs root and prlimit";
  }
  const user = freeUser();
  const script = `require("node:fs").readFileSync(${JSON.stringify(path.join(ROOT, "package.json"))})`;
  const probe = spawnSync(process.execPath, ["-e", script], { uid: user, gid: user, cwd: ROOT });
  return probe.status === 0 ? undefined : "needs a Node and a clone that other users can read";
})();

/** `test` where threads can be made scarce, else a skipped test whose name tells why. */
function scarceTest(name, body, timeout) {
  if (obstacle) {
    test.skip(`${name} (${obstacle})`, body);
  } else {
    test(name, body, timeout);
  }
}

/**
 * A Node under a user of its own that runs a fixture, which answers each message of ours with one of its own.
 *
 * @param {string} fixture
 * @param {number} limit ms that an answer may take
 */
function startScarce(fixture, limit) {
  const user = freeUser();
  const child = spawn(process.execPath, [path.join(FIXTURES, fixture)], {
    cwd: ROOT,
    uid: user,
    gid: user,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  defer(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  /** Lets it have so many threads more than it has; Infinity: as many as it had before. */
  const allow = (more) => {
    const [, hard] = /^Max processes +\S+ +(\S+)/m.exec(readFileSync(`/proc/${child.pid}/limits`, "utf8"));
    const most = more === Infinity ? hard : String(readdirSync(`/proc/${child.pid}/task`).length + more);
    // Under its user, who may do that even where root is not almighty (in a container).
    const { status, stderr: said } = spawnSync("prlimit", ["--pid", String(child.pid), `--nproc=${most}:`], {
      encoding: "utf8",
      uid: user,
      gid: user,
    });
    if (status !== 0) {
      throw new Error(`prlimit: ${said}`);
    }
  };
  /** Sends a message, if any, and waits for the next answer. */
  const ask = (message) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${message} after ${limit} ms\n${stderr}`)), limit);
      const settle = (act) => (value) => {
        clearTimeout(timer);
        child.removeAllListeners("message");
        child.removeAllListeners("exit");
        act(value);
      };
      child.once("message", settle(resolve));
      child.once("exit", settle((code) => reject(new Error(`the child ended with ${code}\n${stderr}`))));
      if (message !== undefined) {
        child.send(message);
      }
    });
  return {
    allow,
    ask,
    /** All that it printed for people. */
    get stderr() {
      return stderr;
    },
  };
}

module.exports = { scarceTest, startScarce };
