"use strict";

// Finds and loads the native half. It tries the file that NAPI_RS_NATIVE_LIBRARY_PATH names, then a local build in the repository's root,
// then the platform's package. In a single executable, require() finds only Node's own modules. There it also tries an asset of the
// executable, a file beside the executable, and the package in a node_modules folder above the executable.

const fs = require("node:fs");
const { createRequire } = require("node:module");
const os = require("node:os");
const path = require("node:path");
const process = require("node:process");
const { isDeno } = require("./runtime.js");

/** A file or package that could not be loaded, and why. @typedef {{ from: string, error: unknown }} LoadAttempt */

/** Why no package of this platform was tried. */
const NOT_PUBLISHED = new Error("no binaries are published for this platform");

/** What helps if the platform's package is missing. */
const REINSTALL = `\
If the package is missing: npm sometimes leaves optional dependencies out (https://github.com/npm/cli/issues/4828).
Delete node_modules and the entries of @tcp-udp-sockets in package-lock.json (or the file) and install again,
without --omit=optional or --no-optional. Otherwise, build it yourself.
`;

/** What helps in each case. */
const BUILD = `\
To build it: with Rust installed (https://rustup.rs), run \`npm install\` and \`npm run build\` in a clone of the
repository, and set NAPI_RS_NATIVE_LIBRARY_PATH to the .node file that this makes. In a single executable: add that file
as an asset under its own name, or put it beside the executable.`;

/** Loads files from the disk. The require() of a bundle or of a single executable may not find them. */
const requireFile = createRequire(__filename);

/**
 * @returns {any} the native half's exports
 */
function loadBinding() {
  const forced = process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  /** @type {LoadAttempt[]} */
  const attempts = [];
  if (forced) {
    const file = path.resolve(forced);
    const binding = attempt(attempts, file, () => requireFile(file));
    if (binding === undefined) {
      throw failure(`what NAPI_RS_NATIVE_LIBRARY_PATH names (${forced})`, attempts);
    }
    // All packages that are made with napi-rs read this variable, so the file may belong to another package.
    if (typeof binding.attach === "function") {
      return binding;
    }
  }
  const target = `${process.platform}-${process.arch}${abi()}`;
  const name = `tcp-udp-sockets.${target}.node`;
  const binding =
    requireLocal(attempts, name) ??
    requirePackage(attempts, target) ??
    loadForSingleExecutable(attempts, target, name);
  if (binding === undefined) {
    throw failure(target, attempts);
  }
  return binding;
}

/**
 * Loads the build in a clone of the repository. In a single executable it loads nothing, because the folder above the executable may belong
 * to anybody.
 *
 * @param {LoadAttempt[]} attempts
 * @param {string} name
 */
function requireLocal(attempts, name) {
  if (singleExecutable() !== undefined) {
    return undefined;
  }
  // The path is not a literal, so that bundlers do not resolve it.
  const local = path.join(__dirname, "..", name);
  return attempt(attempts, local, () => requireFile(local));
}

/** The module `node:sea` in a single executable; undefined elsewhere. */
function singleExecutable() {
  const sea = /** @type {any} */ (process).getBuiltinModule?.("node:sea");
  return sea?.isSea() ? sea : undefined;
}

/**
 * Loads the binary of a single executable: an asset called `name`, a file beside the executable, or a package in a node_modules above it.
 *
 * @param {LoadAttempt[]} attempts
 * @param {string} target
 * @param {string} name the binary's file name
 */
function loadForSingleExecutable(attempts, target, name) {
  const sea = singleExecutable();
  if (sea === undefined) {
    return undefined;
  }
  const beside = path.join(path.dirname(process.execPath), name);
  const inPackage = `@tcp-udp-sockets/${target}`;
  return (
    attempt(attempts, `the asset ${name} of this executable`, () => loadAsset(sea.getRawAsset(name), name)) ??
    attempt(attempts, beside, () => requireFile(beside)) ??
    attempt(attempts, `${inPackage}, from ${path.dirname(process.execPath)}`, () => requireFile(inPackage))
  );
}

/**
 * Loads an asset. The system can load a library only from a file, so the asset is written to a file first. The file is removed afterwards, if
 * the system permits it.
 *
 * @param {ArrayBuffer} asset
 * @param {string} name
 */
function loadAsset(asset, name) {
  // The folder has mode 0700, so no other user can put a file there.
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-"));
  const file = path.join(folder, name);
  try {
    fs.writeFileSync(file, new Uint8Array(asset));
    return requireFile(file);
  } finally {
    try {
      fs.rmSync(folder, { recursive: true });
    } catch {
      // Windows does not remove a library that is in use.
    }
  }
}

/**
 * Loads something. If that fails, it returns undefined, and the failure is added to the attempts.
 *
 * @param {LoadAttempt[]} attempts
 * @param {string} from
 * @param {() => any} load
 */
function attempt(attempts, from, load) {
  try {
    return load();
  } catch (error) {
    attempts.push({ from, error });
    return undefined;
  }
}

/**
 * Loads the platform's package. Each name is a literal inside try/catch. So bundlers find the package, and do not fail because the packages
 * of other platforms are not installed.
 *
 * @param {LoadAttempt[]} attempts
 * @param {string} target
 */
function requirePackage(attempts, target) {
  const from = `@tcp-udp-sockets/${target}`;
  try {
    switch (target) {
      case "android-arm64":
        return require("@tcp-udp-sockets/android-arm64");
      case "darwin-arm64":
        return require("@tcp-udp-sockets/darwin-arm64");
      case "darwin-x64":
        return require("@tcp-udp-sockets/darwin-x64");
      case "freebsd-x64":
        return require("@tcp-udp-sockets/freebsd-x64");
      case "linux-arm-gnueabihf":
        return require("@tcp-udp-sockets/linux-arm-gnueabihf");
      case "linux-arm64-gnu":
        return require("@tcp-udp-sockets/linux-arm64-gnu");
      case "linux-arm64-musl":
        return require("@tcp-udp-sockets/linux-arm64-musl");
      case "linux-riscv64-gnu":
        return require("@tcp-udp-sockets/linux-riscv64-gnu");
      case "linux-x64-gnu":
        return require("@tcp-udp-sockets/linux-x64-gnu");
      case "linux-x64-musl":
        return require("@tcp-udp-sockets/linux-x64-musl");
      case "win32-arm64-msvc":
        return require("@tcp-udp-sockets/win32-arm64-msvc");
      case "win32-x64-msvc":
        return require("@tcp-udp-sockets/win32-x64-msvc");
      default:
        attempts.push({ from, error: NOT_PUBLISHED });
    }
  } catch (error) {
    attempts.push({ from, error });
  }
  return undefined;
}

/** The end of a target's name: the C library or the compiler, on systems that have more than one. */
function abi() {
  switch (process.platform) {
    case "linux":
      // Node exists only for those 32-bit ARM processors that compute with floating-point numbers in hardware ("hf").
      return `${isMusl() ? "-musl" : "-gnu"}${process.arch === "arm" ? "eabihf" : ""}`;
    case "win32":
      return "-msvc";
    default:
      return "";
  }
}

/** Whether this process uses musl. No program is run to find out. */
function isMusl() {
  if (isDeno) {
    // Deno would need another permission to read its own executable.
    return /** @type {any} */ (globalThis).Deno.build.target.endsWith("musl");
  }
  const interpreter = elfInterpreter(process.execPath);
  if (interpreter !== undefined) {
    return interpreter.includes("musl");
  }
  const report = /** @type {any} */ (process.report);
  if (report !== undefined && "excludeNetwork" in report) {
    // Without excludeNetwork the report looks up the names of all peers, which has taken minutes.
    const before = report.excludeNetwork;
    report.excludeNetwork = true;
    try {
      return report.getReport().header.glibcVersionRuntime === undefined;
    } catch {
      // The last check follows.
    } finally {
      report.excludeNetwork = before;
    }
  }
  return fs.existsSync("/etc/alpine-release");
}

/**
 * The dynamic linker that an ELF file names. It belongs to the C library: "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1".
 * undefined if the file cannot be read or names none.
 *
 * @param {string} file
 */
function elfInterpreter(file) {
  let descriptor;
  try {
    descriptor = fs.openSync(file, "r");
    // In files that linkers make, the program headers come directly after the ELF header. 4 KiB hold more than 70 program headers.
    const head = Buffer.alloc(4096);
    fs.readSync(descriptor, head, 0, head.length, 0);
    const is64BitLittleEndian = head.readUInt32BE(0) === 0x7f454c46 && head[4] === 2 && head[5] === 1;
    if (!is64BitLittleEndian) {
      return undefined;
    }
    const offset = Number(head.readBigUInt64LE(32));
    const size = head.readUInt16LE(54);
    const count = head.readUInt16LE(56);
    const PT_INTERP = 3;
    for (let at = offset; at < offset + size * count && at + 56 <= head.length; at += size) {
      if (head.readUInt32LE(at) === PT_INTERP) {
        const interpreter = Buffer.alloc(Math.min(Number(head.readBigUInt64LE(at + 32)), 256));
        fs.readSync(descriptor, interpreter, 0, interpreter.length, Number(head.readBigUInt64LE(at + 8)));
        return interpreter.toString("latin1");
      }
    }
    return undefined;
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) {
      fs.closeSync(descriptor);
    }
  }
}

/**
 * The error if nothing could be loaded: what was tried, why each attempt failed, and what would help.
 *
 * @param {string} what
 * @param {LoadAttempt[]} attempts
 */
function failure(what, attempts) {
  const reasons = attempts.map(({ from, error }) => {
    const [reason] = String(error instanceof Error ? error.message : error).split("\n");
    return `  - ${from}: ${reason}`;
  });
  const isPublished = attempts.every(({ error }) => error !== NOT_PUBLISHED);
  return new Error(
    `tcp-udp-sockets could not load its native half for ${what}. Tried:\n${reasons.join("\n")}\n${isPublished ? REINSTALL : ""}${BUILD}`,
    { cause: new AggregateError(attempts.map(({ error }) => error)) },
  );
}

module.exports = { loadBinding };
