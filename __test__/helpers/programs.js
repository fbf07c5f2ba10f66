"use strict";

// Other programs as peers: openssl, curl. If one is not installed, its tests are skipped and say so.

const { spawn, spawnSync } = require("node:child_process");
const { defer } = require("./cleanup");
const { environment } = require("./environment");
const { deadline } = require("./events");
const { showPanics } = require("./panics");

/** @type {Map<string, string | undefined>} the version text of each program; undefined: not installed */
const found = new Map();

/** @param {string} program */
function versionOf(program) {
  if (!found.has(program)) {
    const { status, stdout } = spawnSync(program, [program === "openssl" ? "version" : "--version"], { encoding: "utf8" });
    found.set(program, status === 0 ? stdout.split("\n")[0] : undefined);
  }
  return found.get(program);
}

/**
 * `test` if the program is installed, else a skipped test whose name says why.
 *
 * @param {string} program
 */
function testWith(program) {
  return (name, body, timeout) => {
    if (versionOf(program) === undefined) {
      test.skip(`${name} (needs ${program})`, body);
    } else {
      test(name, body, timeout);
    }
  };
}

/**
 * Starts a program; it is killed after the test at the latest.
 *
 * @param {string} program
 * @param {string[]} args
 */
function launch(program, args) {
  const child = spawn(program, args, { env: environment(), stdio: ["pipe", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  const watchers = new Set();
  child.stdin.on("error", () => {});
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("latin1");
    child[name].on("data", (chunk) => {
      output[name] += chunk;
      for (const watch of watchers) {
        watch();
      }
    });
  }
  const ended = new Promise((resolve) => {
    child.once("close", (code, signal) => {
      showPanics(output.stderr);
      resolve({ code, signal, ...output });
    });
  });
  defer(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const everything = () => output.stdout + output.stderr;
  return {
    child,
    output,
    /** All its output so far. */
    get said() {
      return everything();
    },
    /** Resolves when its output matches. */
    says(pattern, ms) {
      const promise = new Promise((resolve) => {
        function watch() {
          const match = everything().match(pattern);
          if (match) {
            watchers.delete(watch);
            resolve(match);
          }
        }
        watchers.add(watch);
        watch();
      });
      return deadline(promise, () => `${program} to say ${pattern}; it said:\n${everything()}`, ms);
    },
    /** Its end: exit code and output. */
    ended: (ms) => deadline(ended, () => `the end of ${program}; it said:\n${everything()}`, ms),
    write: (text) => child.stdin.write(text),
    end: () => child.stdin.end(),
  };
}

module.exports = { launch, testWith, versionOf };
