"use strict";

// Other programs as peers: openssl, curl, postgres, nginx. If one is not installed, its tests are skipped and say so.

const { spawn, spawnSync } = require("node:child_process");
const { accessSync, constants, readdirSync } = require("node:fs");
const path = require("node:path");
const { defer } = require("./cleanup");
const { environment } = require("./environment");
const { deadline } = require("./events");
const { showPanics } = require("./panics");

/** Where Debian has PostgreSQL's programs: a folder for each version. */
const POSTGRESQL = "/usr/lib/postgresql";

/** Folders of programs: those of PATH, and those that are not on every user's. */
function folders() {
  let versions = [];
  try {
    versions = readdirSync(POSTGRESQL).sort((a, b) => Number(b) - Number(a));
  } catch {
    // Another system has them on PATH, or not at all.
  }
  const onPath = (process.env.PATH ?? "").split(path.delimiter).filter(Boolean);
  return [...onPath, "/usr/local/sbin", "/usr/sbin", ...versions.map((version) => path.join(POSTGRESQL, version, "bin"))];
}

/**
 * The file of a program, or its name if there is none.
 *
 * @param {string} program
 */
function located(program) {
  const isThere = (file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return folders().map((folder) => path.join(folder, program)).find(isThere) ?? program;
}

/** How a program is asked for its version, if it does not know `--version`. */
const VERSION_OPTIONS = { nginx: "-v", openssl: "version" };

/** @type {Map<string, string | undefined>} the version text of each program; undefined: not installed */
const found = new Map();

/** @param {string} program */
function versionOf(program) {
  if (!found.has(program)) {
    const { status, stdout, stderr } = spawnSync(located(program), [VERSION_OPTIONS[program] ?? "--version"], { encoding: "utf8" });
    found.set(program, status === 0 ? (stdout || stderr).split("\n")[0] : undefined);
  }
  return found.get(program);
}

/**
 * `test` if the programs are installed, else a skipped test whose name says why.
 *
 * @param {...string} programs
 */
function testWith(...programs) {
  return (name, body, timeout) => {
    const missing = programs.find((program) => versionOf(program) === undefined);
    if (missing !== undefined) {
      test.skip(`${name} (needs ${missing})`, body);
    } else {
      test(name, body, timeout);
    }
  };
}

/**
 * The user for programs that refuse root or give up its rights. Undefined if this process is not root, or if there is no such user.
 *
 * @returns {{ name: string, group: string, uid: number, gid: number } | undefined}
 */
function nobody() {
  if (process.getuid?.() !== 0) return undefined;
  const id = (option) => spawnSync("id", [option, "nobody"], { encoding: "utf8" }).stdout?.trim();
  const user = { name: "nobody", group: id("-gn"), uid: Number(id("-u") || NaN), gid: Number(id("-g") || NaN) };
  return Number.isNaN(user.uid) ? undefined : user;
}

/**
 * Starts a program; it is killed after the test at the latest.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, user?: { uid: number, gid: number } }} [how] as serve()'s
 */
function launch(program, args, how) {
  const running = serve(program, args, how);
  defer(() => running.stop("SIGKILL"));
  return running;
}

/**
 * Starts a program that serves several tests. afterAll() calls stop().
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, user?: { uid: number, gid: number } }} [how] `env`: variables that are added; `user`: whom it
 *   runs as, if not as this process
 */
function serve(program, args, { env, user } = {}) {
  const child = spawn(located(program), args, { env: environment(env), uid: user?.uid, gid: user?.gid, stdio: ["pipe", "pipe", "pipe"] });
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
    /** Ends it by this signal; by SIGKILL, with an error, if it has not ended then. */
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      try {
        return await deadline(ended, () => `the end of ${program} by ${signal}; it said:\n${everything()}`, 8000);
      } finally {
        child.kill("SIGKILL");
      }
    },
  };
}

module.exports = { launch, located, nobody, serve, testWith, versionOf };
