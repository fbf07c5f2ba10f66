// Runs a cargo build, and prints its progress meanwhile. cargo itself prints a line only when a crate begins, and the largest crates take
// long.

import { spawn } from "node:child_process";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { about, startProgress } from "./progress.mjs";

/**
 * Seconds of processor time that the larger crates took in a measured, optimised build, with their build scripts. The measurement used
 * RUSTC_WRAPPER and the shell's `times`. All crates together took 81 s.
 */
const COST = {
  rustls: 16, "tcp-udp-sockets": 14, napi: 10, ring: 10, tokio: 7, syn: 4, "futures-util": 3, "rustls-webpki": 2.5, "napi-derive-backend": 2,
};
/** The seconds of each other crate, on average. */
const COST_OF_OTHERS = 0.3;

/**
 * The arguments for the addon alone. The package is a library for its tests, too (`crate-type` in Cargo.toml), and cargo optimises nothing
 * across crates where that is built as well.
 */
export const ADDON = ["rustc", "--lib", "--crate-type", "cdylib"];

/** The crate that is compiled last, alone. */
const LAST = "tcp-udp-sockets";

/** The number of processors that a build uses, for the estimate. Crates wait for each other, so more than three do not help. */
const PARALLEL = Math.min(os.availableParallelism(), 3);

/** Matches a message of cargo: it has a verb in the first twelve columns. Messages of the compiler have none there. */
const STATUS = /^ *([A-Z][a-z]+)(?<=^.{12}) (.*)$/;

/**
 * @param {string} root the folder with Cargo.toml
 * @param {string[]} args the arguments for cargo
 * @param {{ optimised: boolean, program?: string, env?: NodeJS.ProcessEnv }} how `optimised: false`: the build's duration cannot be
 *   estimated; `program`: what takes cargo's arguments
 * @returns {Promise<string>} the path of the dynamic library
 */
export async function cargo(root, args, { optimised, program = "cargo", env = process.env }) {
  const build = new Build(optimised);
  const colour = process.stderr.isTTY && !process.env.NO_COLOR ? "always" : "never";
  const child = spawn(program, [...args, "--message-format=json-render-diagnostics"], {
    cwd: root,
    env: { CARGO_TERM_COLOR: colour, ...env, CARGO_TERM_PROGRESS_WHEN: "never", CARGO_TERM_QUIET: "false" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const progress = startProgress("build", (seconds) => build.describe(seconds));
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("{")) build.message(JSON.parse(line), progress.seconds());
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    const [, verb, rest] = stripVTControlCharacters(line).match(STATUS) ?? [];
    if (verb === undefined) {
      console.error(line);
      return;
    }
    if (verb === "Compiling" && !build.begun) {
      progress.line(build.begin());
      // With -Zbuild-std cargo also compiles the standard library's crates, which it does not list.
      if (!args.some((arg) => arg.startsWith("-Zbuild-std"))) void listCrates(root).then((crates) => build.expect(crates));
    }
    build.status(verb, rest);
  });
  try {
    const code = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status, signal) => resolve(signal ?? status));
    });
    if (code !== 0) throw new Error("cargo build failed");
    if (build.library === undefined) throw new Error("cargo built no dynamic library");
    if (build.begun) progress.line(`done after ${Math.round(progress.seconds())} s`);
    return build.library;
  } finally {
    progress.stop();
  }
}

/** How far a build is, by cargo's messages. */
class Build {
  /** The dynamic library's path, once it exists. @type {string | undefined} */
  library;
  /** Whether anything has to be compiled. */
  begun = false;

  /** Names and versions (`ring@0.17.14`) of the crates that this build has compiled. */
  #done = new Set();
  /** Names and versions of the crates that have begun and are not finished. */
  #compiling = new Set();
  /** Crates that an earlier build has compiled. */
  #fresh = new Set();
  /** All crates of the addon; undefined until cargo has listed them. @type {string[] | undefined} */
  #all;
  /** How many crates were downloaded. */
  #downloaded = 0;
  /** cargo's last action. */
  #verb = "";
  /** When the last crate was finished, in seconds since the start. */
  #doneAt = 0;
  /** Whether this is an optimised build. Only its duration can be estimated. */
  #optimised;

  /** @param {boolean} optimised */
  constructor(optimised) {
    this.#optimised = optimised;
  }

  /** The first line of a compilation. */
  begin() {
    this.begun = true;
    return this.#optimised ? "compiling the native half" : "compiling the native half, unoptimised";
  }

  /** @param {string[] | undefined} crates all crates of the addon */
  expect(crates) {
    this.#all = crates;
  }

  /** Handles a message of cargo: `Compiling`, `ring v0.17.14`. */
  status(verb, rest) {
    this.#verb = verb;
    if (verb === "Downloaded") this.#downloaded += 1;
    if (verb !== "Compiling") return;
    const crate = rest.replace(/ v(\S+).*/, "@$1");
    // cargo's two pipes are not in step, so the end of a small crate may be reported before its beginning. And cargo reports the beginning
    // of the last crate with that of its build script, long before the other crates are finished.
    if (!this.#done.has(crate) && nameOf(crate) !== LAST) this.#compiling.add(crate);
  }

  /** Handles a JSON message of cargo. @param {number} seconds since the start */
  message({ reason, package_id: id, target, fresh, filenames }, seconds) {
    // A build script is only a step towards its crate.
    if (reason !== "compiler-artifact" || target.kind.includes("custom-build")) return;
    if (target.crate_types.includes("cdylib")) this.library = filenames.find((file) => /\.(so|dylib|dll)$/.test(file));
    const crate = crateOf(id);
    this.#compiling.delete(crate);
    (fresh ? this.#fresh : this.#done).add(crate);
    this.#doneAt = seconds;
  }

  /** The current action, and about how long the rest takes. @param {number} seconds since the start */
  describe(seconds) {
    const time = `${Math.round(seconds)} s`;
    if (this.#verb === "Blocking") return `waiting for another cargo, which builds here too, ${time}`;
    if (!this.begun) return this.#downloaded > 0 ? `${this.#downloaded} crates downloaded, ${time}` : `cargo looks for crates, ${time}`;
    const done = this.#fresh.size + this.#done.size;
    const of = this.#all === undefined ? "" : ` of ${this.#all.length}`;
    const now = this.#compiling.size > 0 ? [...this.#compiling].slice(-2).map(nameOf).join(", ") : LAST;
    const rest = this.#left(seconds) ?? this.#measured();
    return `${done}${of} crates compiled, ${time}${rest ? `; ${rest}` : ""}; now ${now}`;
  }

  /**
   * The remaining seconds, from this machine's time for the finished crates and the measured cost of the rest. Undefined while
   * there is too little to estimate from.
   *
   * @param {number} seconds since the start
   */
  #left(seconds) {
    if (!this.#optimised || this.#all === undefined) return undefined;
    const all = this.#cost(this.#all.filter((crate) => !this.#fresh.has(crate)));
    // Crates under way count half.
    const done = this.#cost(this.#done) + this.#cost(this.#compiling) / 2;
    // A tenth is too little to estimate this machine's speed.
    if (done <= all / 10) return undefined;
    const rest = (this.#doneAt * all) / done - seconds;
    // The rest takes at least the time of the crates that have not begun.
    const left = Math.max(rest, (this.#cost(this.#waiting()) * seconds) / done);
    return left > 0 ? `${about(left)} left` : "longer than expected";
  }

  /** The estimate as long as this machine's speed is not known: the processor time of this build when it was measured elsewhere. */
  #measured() {
    if (!this.#optimised || this.#all === undefined) return undefined;
    const names = this.#all.filter((crate) => !this.#fresh.has(crate)).map(nameOf);
    const sum = names.reduce((seconds, name) => seconds + (COST[name] ?? COST_OF_OTHERS), 0);
    return `${Math.round(sum)} s of one processor when measured`;
  }

  /** @param {Iterable<string>} crates */
  #cost(crates) {
    return [...crates].reduce((sum, crate) => sum + costOf(crate), 0);
  }

  /** Crates that have not begun. */
  #waiting() {
    const waiting = this.#all.filter((crate) => ![this.#done, this.#fresh, this.#compiling].some((some) => some.has(crate)));
    // If only the last crate is left, it has begun.
    return this.#compiling.size === 0 ? waiting.filter((crate) => nameOf(crate) !== LAST) : waiting;
  }
}

/** The seconds of a crate on a machine like the measured one. @param {string} crate its name and version */
function costOf(crate) {
  const name = nameOf(crate);
  return (COST[name] ?? COST_OF_OTHERS) / (name === LAST ? 1 : PARALLEL);
}

/** The name of `ring@0.17.14`. @param {string} crate */
function nameOf(crate) {
  return crate.replace(/@.*/, "");
}

/**
 * A crate's name and version from cargo's package ID: "registry+https://…#ring@0.17.14", or "path+file:///…/tcp-udp-sockets#0.1.0".
 *
 * @param {string} id
 */
function crateOf(id) {
  const [where, what] = id.split("#");
  return what.includes("@") ? what : `${path.posix.basename(where)}@${what}`;
}

/**
 * All crates of the addon, itself included, as names and versions; undefined if cargo cannot list them.
 *
 * @param {string} root
 * @returns {Promise<string[] | undefined>}
 */
function listCrates(root) {
  const child = spawn("cargo", ["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"], {
    cwd: root,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const crates = new Set();
  createInterface({ input: child.stdout }).on("line", (line) => crates.add(line.replace(/ v(\S+).*/, "@$1")));
  return new Promise((resolve) => {
    child.once("error", () => resolve(undefined));
    child.once("close", (code) => resolve(code === 0 ? [...crates] : undefined));
  });
}
