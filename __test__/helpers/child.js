"use strict";

const { spawn } = require("node:child_process");
const path = require("node:path");
const { setTimeout, clearTimeout } = require("node:timers");
const { defer } = require("./cleanup");
const { environment } = require("./environment");
const { showPanics } = require("./panics");
const { SLOWNESS } = require("./slowness");

const ROOT = path.join(__dirname, "..", "..");
const FIXTURES = path.join(__dirname, "..", "fixtures");

/** The names that a script given as source text may use without requiring them. */
const PRELUDE = `"use strict";
const { UDPSocket, TCPSocket, TCPServerSocket, UnixSocket, UnixServerSocket, connect } = require(${JSON.stringify(ROOT)});
const net = require("node:net");
const { once } = require(${JSON.stringify(path.join(__dirname, "events"))});
const { report } = require(${JSON.stringify(path.join(__dirname, "report"))});
`;

/**
 * Starts a script in a Node process of its own, with the same wake source (the environment is inherited). The script returns its results by
 * report(); next(), `reports` and runJSON() receive them. stdout and stderr are for people.
 *
 * @param {string} script source text (with the package's classes, connect(), net, once() and report() at hand), or
 *   the name of a file in __test__/fixtures ("emfile.js")
 * @param {object} [how]
 * @param {boolean} [how.bare] true: the source text runs as it is, without requiring anything before
 * @param {string[]} [how.nodeArgs] such as ["--expose-gc"]
 * @param {string[]} [how.args] the script's own
 * @param {object} [how.env] added to this process's
 * @param {number} [how.openFiles] the limit on open files (ulimit -n); Windows has none for a process
 * @param {number} [how.timeout] ms after which it is killed and `timedOut` is true; default 8 s
 * @returns {{ process: import("node:child_process").ChildProcess, line: (text: string) => Promise<void>,
 *   next: () => Promise<any>, output: { stdout: string, stderr: string },
 *   done: Promise<{ code: number | null, signal: string | null, stdout: string, stderr: string, reports: any[], timedOut: boolean }> }}
 */
function start(script, { nodeArgs = [], args = [], env = {}, openFiles, bare = false, timeout = 8000 } = {}) {
  const isFile = /^[\w-]+\.c?js$/.test(script);
  const what = isFile ? [path.join(FIXTURES, script), ...args] : ["-e", (bare ? "" : PRELUDE) + script, "--", ...args];
  let command = process.execPath;
  let argv = [...nodeArgs, ...what];
  if (openFiles !== undefined && process.platform !== "win32") {
    argv = ["-c", `ulimit -n ${openFiles} && exec "$@"`, "sh", command, ...argv];
    command = "sh";
  }
  const child = spawn(command, argv, { cwd: ROOT, env: environment(env), stdio: ["pipe", "pipe", "pipe", "pipe"] });
  const result = { code: null, signal: null, stdout: "", stderr: "", reports: [], timedOut: false };
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
  let reported = "";
  child.stdio[3].setEncoding("utf8");
  child.stdio[3].on("data", (chunk) => {
    // The text after the last line break is the beginning of a value, or the rest of one from a killed process.
    const lines = (reported + chunk).split("\n");
    reported = lines.pop();
    result.reports.push(...lines.map((json) => JSON.parse(json)));
    for (const watch of watchers) {
      watch();
    }
  });
  const done = new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      result.timedOut = true;
      child.kill("SIGKILL");
    }, timeout * SLOWNESS);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      showPanics(result.stderr);
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
  /** Resolves with the result of `find`, once that is not undefined. Rejects with all the child's output if it ends before. */
  function until(find, what) {
    return new Promise((resolve, reject) => {
      function watch() {
        const found = find();
        if (found !== undefined) {
          watchers.delete(watch);
          resolve(found);
        } else if (result.code !== null || result.signal !== null) {
          watchers.delete(watch);
          reject(new Error(`the child ended and never ${what}:\n${result.stdout}\n${result.stderr}`));
        }
      }
      watchers.add(watch);
      watch();
    });
  }
  let taken = 0;
  return {
    process: child,
    done,
    output: result,
    /** Resolves when the child has printed this text. */
    line: (text) => until(() => (result.stdout.includes(text) ? true : undefined), `printed ${JSON.stringify(text)}`),
    /** The first reported value that next() has not returned yet. */
    async next() {
      const index = taken++;
      await until(() => (index < result.reports.length ? true : undefined), `reported a value number ${index + 1}`);
      return result.reports[index];
    },
  };
}

/** Does start(), and waits for the end. */
function run(script, how) {
  return start(script, how).done;
}

/** Does run(). The script must exit with 0 within its time and report() one value, which this returns. */
async function runJSON(script, how) {
  const { code, signal, stdout, stderr, reports, timedOut } = await run(script, how);
  if (timedOut || code !== 0 || reports.length !== 1) {
    const end = timedOut ? "a timeout" : (signal ?? code);
    throw new Error(`the child ended with ${end}, after ${reports.length} report()s:\n${JSON.stringify(reports)}\n${stdout}\n${stderr}`);
  }
  return reports[0];
}

module.exports = { FIXTURES, start, run, runJSON };
