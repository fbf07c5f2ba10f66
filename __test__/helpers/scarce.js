"use strict";

// Few threads: children under a user of their own. prlimit(1) limits the user's number of threads while they run. The limit does not
// apply to root, and Node does not start if the limit is low from the start.

const { spawn, spawnSync } = require("node:child_process");
const { readFileSync, readdirSync } = require("node:fs");
const path = require("node:path");
const { setTimeout, clearTimeout } = require("node:timers");
const { defer } = require("./cleanup");
const { FIXTURES } = require("./child");

const ROOT = path.join(__dirname, "..", "..");

/** The first user ID that is tried: above all that systems and containers assign by themselves. */
const FIRST_USER = 611_000;

let lastUser = FIRST_USER;

/** A user without any process. */
function freeUser() {
  const taken = new Set();
  for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      taken.add(Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))[1]));
    } catch {
      // The process has ended meanwhile.
    }
  }
  do {
    lastUser += 1;
  } while (taken.has(lastUser));
  return lastUser;
}

/** Why threads cannot be limited here; undefined if they can. */
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

/** `test` if threads can be limited here, else a skipped test whose name says why. */
function scarceTest(name, body, timeout) {
  if (obstacle) {
    test.skip(`${name} (${obstacle})`, body);
  } else {
    test(name, body, timeout);
  }
}

/**
 * A Node process under its own user. It runs a fixture that answers each message with one message.
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
  /** Allows it so many more threads than it has; Infinity: restores the first limit. */
  const allow = (more) => {
    const [, hard] = /^Max processes +\S+ +(\S+)/m.exec(readFileSync(`/proc/${child.pid}/limits`, "utf8"));
    const most = more === Infinity ? hard : String(readdirSync(`/proc/${child.pid}/task`).length + more);
    // It runs as the child's user, which may do that even if root has few rights (in a container).
    const { status, stderr: said } = spawnSync("prlimit", ["--pid", String(child.pid), `--nproc=${most}:`], {
      encoding: "utf8",
      uid: user,
      gid: user,
    });
    if (status !== 0) {
      throw new Error(`prlimit: ${said}`);
    }
  };
  /** Sends a message, if one is given, and waits for the next answer. */
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
    /** All its printed output. */
    get stderr() {
      return stderr;
    },
  };
}

module.exports = { scarceTest, startScarce };
