// Builds the native half with cargo, and puts it where lib/load-binding.js looks for a local build: tcp-udp-sockets.<platform>.node in the
// repository's root.
//
//   node scripts/build.mjs                    release
//   node scripts/build.mjs --debug            unoptimised, with assertions
//   node scripts/build.mjs --to FILE          puts it elsewhere; NAPI_RS_NATIVE_LIBRARY_PATH can name it
//   node scripts/build.mjs --test-hooks       only for tests: unoptimised, with hooks that panic; to target/test-hooks.node
//   node scripts/build.mjs --target TRIPLE    for another system
//   node scripts/build.mjs --zig …            links with zig (cargo-zigbuild), which has every Linux C library
//   node scripts/build.mjs … -- ARGUMENTS     further arguments for cargo

import { copyFileSync, mkdirSync, readdirSync, realpathSync, renameSync, statSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ADDON, cargo } from "./cargo.mjs";
import { requireTools } from "./tools.mjs";

/** The repository's root. */
export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** The file of the build for tests. Only tests load it. */
const TEST_HOOKS = path.join(root, "target", "test-hooks.node");

/** The files and folders that the native half is built from. */
const SOURCES = ["Cargo.toml", "Cargo.lock", "build.rs", ".cargo", "src"];

/** Rust's names for the platforms that npm/ has a package for. */
export const TRIPLES = {
  "android-arm64": "aarch64-linux-android",
  "darwin-arm64": "aarch64-apple-darwin",
  "darwin-x64": "x86_64-apple-darwin",
  "freebsd-x64": "x86_64-unknown-freebsd",
  "linux-arm-gnueabihf": "armv7-unknown-linux-gnueabihf",
  "linux-arm64-gnu": "aarch64-unknown-linux-gnu",
  "linux-arm64-musl": "aarch64-unknown-linux-musl",
  "linux-riscv64-gnu": "riscv64gc-unknown-linux-gnu",
  "linux-x64-gnu": "x86_64-unknown-linux-gnu",
  "linux-x64-musl": "x86_64-unknown-linux-musl",
  "win32-arm64-msvc": "aarch64-pc-windows-msvc",
  "win32-x64-msvc": "x86_64-pc-windows-msvc",
};

/**
 * Builds. Throws if that fails.
 *
 * @param {string[]} args as on the command line
 */
export async function build(args) {
  const [own, forCargo] = split(args, "--");
  const hooks = own.includes("--test-hooks");
  const debug = own.includes("--debug") || hooks;
  const zig = own.includes("--zig");
  const triple = option(own, "--target");
  requireTools(root, { linker: !zig });
  const cargoArgs = [...ADDON];
  if (!debug) cargoArgs.push("--release");
  if (triple) cargoArgs.push("--target", triple);
  if (hooks) cargoArgs.push("--features", "test-hooks");
  const made = await cargo(root, [...cargoArgs, ...forCargo], { optimised: !debug, program: zig ? "cargo-zigbuild" : "cargo" });
  const file = option(own, "--to") ?? (hooks ? TEST_HOOKS : binary(triple ? platformOf(triple) : undefined));
  // A process may have mapped the old file, so its content must not change. The new file takes over its name instead.
  const fresh = `${file}.${process.pid}.new`;
  mkdirSync(path.dirname(file), { recursive: true });
  copyFileSync(made, fresh);
  renameSync(fresh, file);
  console.log(`${path.relative(process.cwd(), file)}: ${statSync(file).size} bytes`);
}

/** The argument after this one. */
function option(words, name) {
  return words.includes(name) ? words[words.indexOf(name) + 1] : undefined;
}

/** Whether this machine's binary exists and is newer than its sources. */
export function isBuilt() {
  const built = modified(binary());
  return SOURCES.every((source) => newest(path.join(root, source)) <= built);
}

/** The path of the binary for a platform, by default for this machine's. */
export function binary(platform = thisPlatform()) {
  return path.join(root, `tcp-udp-sockets.${platform}.node`);
}

/** This machine's platform, as in the names of the packages in npm/. */
export function thisPlatform() {
  const { arch, platform } = process;
  if (platform === "win32") return `win32-${arch}-msvc`;
  if (platform !== "linux") return `${platform}-${arch}`;
  return `linux-${arch}-${isMusl() ? "musl" : "gnu"}${arch === "arm" ? "eabihf" : ""}`;
}

/** Whether Node itself runs on musl. Node reports a version only for glibc. */
function isMusl() {
  process.report.excludeNetwork = true; // its look-ups can take minutes
  return !process.report.getReport().header.glibcVersionRuntime;
}

/** @param {string} triple for cargo-zigbuild with the glibc to build for, as in x86_64-unknown-linux-gnu.2.28 */
function platformOf(triple) {
  const plain = triple.replace(/\.\d+\.\d+$/, "");
  const found = Object.entries(TRIPLES).find(([, name]) => name === plain);
  if (!found) throw new Error(`unknown target ${triple}; known are ${Object.values(TRIPLES).join(", ")}`);
  return found[0];
}

/** When a file was last changed; 0 if it does not exist. */
function modified(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** When a file at or below a path was last changed. */
function newest(file) {
  if (!statSync(file, { throwIfNoEntry: false })?.isDirectory()) return modified(file);
  return Math.max(0, ...readdirSync(file).map((name) => newest(path.join(file, name))));
}

/**
 * @param {string[]} list
 * @param {string} separator
 */
function split(list, separator) {
  const at = list.indexOf(separator);
  return at < 0 ? [list, []] : [list.slice(0, at), list.slice(at + 1)];
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    await build(process.argv.slice(2));
  } catch (error) {
    console.error(`build: ${error.message}`);
    process.exitCode = 1;
  }
}
