"use strict";

const { spawn } = require("node:child_process");
const path = require("node:path");
const { setTimeout, clearTimeout } = require("node:timers");
const { defer } = require("./cleanup");

const ROOT = path.join(__dirname, "..", "..");
const FIXTURES = path.join(__dirname, "..", "fixtures");

/** What a script given as source text may use without requiring it. */
const PRELUDE = `"use strict";
const { UDPSocket, TCPSocket, TCPServerSocket, connect } = require(${JSON.stringify(ROOT)});
const net = require("node:net");
const { once } = require(${JSON.stringify(path.join(__dirname, "events"))});
`;

/**
 * Start a script in a node of its own, in the same wake mode (the environment is inherited).
 *
 * @param {string} script source text (with UDPSocket, TCPSocket, TCPServerSocket, net and once() at hand), or
 *   the name of a file in __test__/fixtures ("emfile.js")
 * @param {object} [how]
 * @param {string[]} [how.nodeArgs] such as ["--expose-gc"]
 * @param {string[]} [how.args] the script's own
 * @param {object} [how.env] added to this process's
 * @param {number} [how.openFiles] the limit on open files (ulimit -n)
 * @param {number} [how.timeout] ms after which it is killed and `timedOut` is true; 8 s unless said
 * @returns {{ process: import("node:child_process").ChildProcess, line: (text: string) => Promise<void>,
 *   output: { stdout: string, stderr: string },
 *   done: Promise<{ code: number | null, signal: string | null, stdout: string, stderr: string, timedOut: boolean }> }}
 */
function start(script, { nodeArgs = [], args = [], env = {}, openFiles, timeout = 8000 } = {}) {
  const what = /^[\w-]+\.c?js$/.test(script) ? [path.join(FIXTURES, script), ...args] : ["-e", PRELUDE + script, "--", ...args];
  let command = process.execPath;
  let argv = [...nodeArgs, ...what];
  if (openFiles !== undefined) {
    argv = ["-c", `ulimit -n ${openFiles} && exec "$@"`, "sh", command, ...argv];
    command = "sh";
  }
  const child = spawn(command, argv, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const result = { code: null, signal: null, stdout: "", stderr: "", timedOut: false };
  const watchers = new Set();
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8");
    child[name].on("data", (chunk) => {
      result[name] += chunk;
      for (const watch of watchers) {
        watch();
      }
    });
  }
  child.stdin.on("error", () => {});
  const done = new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      result.timedOut = true;
      child.kill("SIGKILL");
    }, timeout);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve(Object.assign(result, { code, signal }));
      for (const watch of watchers) {
        watch();
      }
    });
  });
  defer(async () => {
    child.kill("SIGKILL");
    await done;
  });
  /** Resolves when the child has printed this text; rejects with all its output when it ends before. */
  function line(expected) {
    return new Promise((resolve, reject) => {
      function watch() {
        if (result.stdout.includes(expected)) {
          watchers.delete(watch);
          resolve();
        } else if (child.exitCode !== null || child.signalCode !== null) {
          watchers.delete(watch);
          reject(new Error(`the child never said ${JSON.stringify(expected)}:\n${result.stdout}\n${result.stderr}`));
        }
      }
      watchers.add(watch);
      watch();
    });
  }
  return { process: child, line, done, output: result };
}

/** start(), and wait for the end. */
function run(script, how) {
  return start(script, how).done;
}

/** run(), which must exit with 0 within its time; its stdout, parsed where it is JSON. */
async function runJSON(script, how) {
  const { code, signal, stdout, stderr, timedOut } = await run(script, how);
  if (timedOut || code !== 0) {
    throw new Error(`the child ended with ${timedOut ? "a timeout" : (signal ?? code)}:\n${stdout}\n${stderr}`);
  }
  return JSON.parse(stdout);
}

module.exports = { FIXTURES, start, run, runJSON };
