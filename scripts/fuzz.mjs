// Runs the fuzz targets (fuzz/): two at a time, under the address sanitizer. Needs no nightly toolchain.
//
//   npm run fuzz                         each target for ten minutes
//   npm run fuzz -- tls x509             only these
//   npm run fuzz -- --seconds 60         each for a minute
//   npm run fuzz -- --minimize           puts what the runs have found into fuzz/corpus, without inputs that reach nothing new
//
// New inputs are kept in fuzz/target/corpus. An input that breaks a promise is written to fuzz/artifacts, and the command to run it again is
// printed. Every input of fuzz/corpus is also a case of `cargo test`.

import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, unlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { root } from "./build.mjs";

/** How many targets run at once. */
const AT_ONCE = 2;
/** The longest input in bytes. No target does more with a longer one. */
const LONGEST = 4096;
/** The most bytes of inputs that --minimize leaves in the folder of one target. */
const MOST_COMMITTED = 64 * 1024;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "600" }, minimize: { type: "boolean", default: false } },
});
const seconds = Number(values.seconds);
if (!Number.isInteger(seconds) || seconds <= 0) fail(`--seconds takes a whole number above 0, not ${values.seconds}`);

const folder = path.join(root, "fuzz");
const all = readdirSync(path.join(folder, "targets")).map((file) => path.basename(file, ".rs"));
const unknown = positionals.filter((name) => !all.includes(name));
if (unknown.length > 0) fail(`there is no target ${unknown.join(", ")}; the targets are ${all.join(", ")}`);
const targets = positionals.length > 0 ? positionals : all;
const found = path.join(folder, "target", "corpus");
const artifacts = path.join(folder, "artifacts");

/** @param {string} why @returns {never} */
function fail(why) {
  console.error(why);
  process.exit(1);
}

/** cargo-fuzz, installed into the cache if this machine has none. */
function cargoFuzz() {
  if (spawnSync("cargo", ["fuzz", "--version"]).status === 0) return ["cargo", "fuzz"];
  const cache = process.env.TCP_UDP_SOCKETS_CI_CACHE ?? path.join(os.homedir(), ".cache", "tcp-udp-sockets-ci");
  const installed = path.join(cache, "cargo-fuzz", "bin", "cargo-fuzz");
  if (!existsSync(installed)) {
    const { status } = spawnSync("cargo", ["install", "cargo-fuzz@^0.13", "--locked", "--root", path.join(cache, "cargo-fuzz")], { stdio: "inherit" });
    if (status !== 0) fail("cargo-fuzz could not be installed");
  }
  return [installed, "fuzz"];
}

/** Builds all targets. The sanitizer and the coverage need unstable options, which RUSTC_BOOTSTRAP gives to a stable compiler. */
function build() {
  const [command, ...args] = cargoFuzz();
  const { status } = spawnSync(command, [...args, "build", "--release"], { cwd: folder, stdio: "inherit", env: { ...process.env, RUSTC_BOOTSTRAP: "1" } });
  if (status !== 0) fail("the fuzz targets could not be built");
}

/** The program of a target. @param {string} target */
function program(target) {
  const built = readdirSync(path.join(folder, "target"))
    .map((triple) => path.join(folder, "target", triple, "release", target))
    .find((file) => existsSync(file) && statSync(file).isFile());
  return built ?? fail(`${target} was not built`);
}

/** The folders with inputs of a target; new ones go to the first. @param {string} target */
function corpora(target) {
  const own = path.join(found, target);
  const committed = path.join(folder, "corpus", target);
  for (const each of [own, committed, path.join(artifacts, target)]) mkdirSync(each, { recursive: true });
  return [own, committed];
}

/**
 * @typedef {{ target: string, isClean: boolean, runs: string, coverage: string }} Result
 */

/** Runs one target. @param {string} target @returns {Promise<Result>} */
function fuzz(target) {
  const prefix = path.join(artifacts, target) + path.sep;
  const args = [`-max_total_time=${seconds}`, "-timeout=20", "-rss_limit_mb=4096", `-max_len=${LONGEST}`, `-artifact_prefix=${prefix}`];
  const child = spawn(program(target), [...args, ...corpora(target)], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output = (output + text).slice(-64 * 1024);
  });
  return new Promise((resolve) => {
    child.on("close", (code) => {
      const [, runs = "?"] = /Done (\d+) runs/.exec(output) ?? [];
      const coverage = [...output.matchAll(/ cov: (\d+)/g)].at(-1)?.[1] ?? "?";
      const isClean = code === 0;
      if (!isClean) console.log(`\n${target} FAILED:\n${output.slice(-6000)}\nrun it again: ${path.relative(root, program(target))} ${path.relative(root, prefix)}…`);
      console.log(`${target}: ${isClean ? "clean" : "FAILED"}, ${runs} runs, ${coverage} edges`);
      resolve({ target, isClean, runs, coverage });
    });
  });
}

/** Puts the inputs of a target that reach something new into its committed folder, the shortest first. @param {string} target */
function minimize(target) {
  const merged = path.join(found, `${target}-merged`);
  rmSync(merged, { recursive: true, force: true });
  mkdirSync(merged, { recursive: true });
  const { status } = spawnSync(program(target), ["-merge=1", `-max_len=${LONGEST}`, merged, ...corpora(target).reverse()], { stdio: ["ignore", "ignore", "ignore"] });
  if (status !== 0) fail(`the inputs of ${target} could not be merged`);
  const committed = path.join(folder, "corpus", target);
  for (const file of readdirSync(committed)) unlinkSync(path.join(committed, file));
  const sizes = readdirSync(merged).map((file) => ({ file, size: statSync(path.join(merged, file)).size }));
  let left = MOST_COMMITTED;
  for (const { file, size } of sizes.sort((one, other) => one.size - other.size)) {
    if ((left -= size) < 0) break;
    copyFileSync(path.join(merged, file), path.join(committed, file));
  }
  console.log(`${target}: ${readdirSync(committed).length} of ${sizes.length} inputs kept`);
}

build();
if (values.minimize) {
  targets.forEach(minimize);
} else {
  const waiting = [...targets];
  const results = /** @type {Result[]} */ ([]);
  const next = async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) results.push(await fuzz(target));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  const failed = results.filter(({ isClean }) => !isClean).length;
  console.log(`${results.length - failed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
