"use strict";

// Finds and loads the native half: the one that NAPI_RS_NATIVE_LIBRARY_PATH names, a local build in the repository's root,
// the platform's package, in this order. In a single executable, where require() knows only Node's own modules, also what was
// put into it as an asset, and what lies beside it.

const fs = require("node:fs");
const { createRequire } = require("node:module");
const os = require("node:os");
const path = require("node:path");
const process = require("node:process");
const { isDeno } = require("./runtime.js");

/** @typedef {{ from: string, error: unknown }} Attempt */

/** For files on the disk: the require() of a bundle or of a single executable may not know them. */
const requireFile = createRequire(__filename);

/**
 * @returns {any} the native half's exports
 */
function loadBinding() {
  const forced = process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  /** @type {Attempt[]} */
  const attempts = [];
  if (forced) {
    const file = path.resolve(forced);
    const binding = attempt(attempts, file, () => requireFile(file));
    if (binding === undefined) {
      throw failure(`what NAPI_RS_NATIVE_LIBRARY_PATH names (${forced})`, attempts);
    }
    // All packages made with napi-rs read this variable: it may be meant for another one.
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
 * The build in a clone of the repository. In a single executable, which is one file, the folder above is anybody's.
 *
 * @param {Attempt[]} attempts
 * @param {string} name
 */
function requireLocal(attempts, name) {
  if (singleExecutable() !== undefined) {
    return undefined;
  }
  // Not a literal path, so that bundlers leave it alone.
  const local = path.join(__dirname, "..", name);
  return attempt(attempts, local, () => requireFile(local));
}

/** The module `node:sea`, in a single executable. */
function singleExecutable() {
  const sea = /** @type {any} */ (process).getBuiltinModule?.("node:sea");
  return sea?.isSea() ? sea : undefined;
}

/**
 * A single executable has its binary as an asset of this name, or beside it, or in a node_modules above it.
 *
 * @param {Attempt[]} attempts
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
 * The system loads libraries from files alone: the asset is written to one of this user's own, which is gone again afterwards
 * where the system allows that.
 *
 * @param {ArrayBuffer} asset
 * @param {string} name
 */
function loadAsset(asset, name) {
  // Made with mode 0700: nobody else can put another file there.
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-"));
  const file = path.join(folder, name);
  try {
    fs.writeFileSync(file, new Uint8Array(asset));
    return requireFile(file);
  } finally {
    try {
      fs.rmSync(folder, { recursive: true });
    } catch {
      // Windows keeps a library that is in use.
    }
  }
}

/**
 * @param {Attempt[]} attempts
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
 * Each package by a literal name inside try/catch: so bundlers see it, and don't mind that the others are not installed.
 *
 * @param {Attempt[]} attempts
 * @param {string} target
 */
function requirePackage(attempts, target) {
  const from = `@tcp-udp-sockets/${target}`;
  try {
    switch (target) {
      case "darwin-arm64":
        return require("@tcp-udp-sockets/darwin-arm64");
      case "darwin-x64":
        return require("@tcp-udp-sockets/darwin-x64");
      case "linux-arm64-gnu":
        return require("@tcp-udp-sockets/linux-arm64-gnu");
      case "linux-arm64-musl":
        return require("@tcp-udp-sockets/linux-arm64-musl");
      case "linux-x64-gnu":
        return require("@tcp-udp-sockets/linux-x64-gnu");
      case "linux-x64-musl":
        return require("@tcp-udp-sockets/linux-x64-musl");
      case "win32-arm64-msvc":
        return require("@tcp-udp-sockets/win32-arm64-msvc");
      case "win32-x64-msvc":
        return require("@tcp-udp-sockets/win32-x64-msvc");
      default:
        attempts.push({ from, error: new Error("no binaries are published for this platform") });
    }
  } catch (error) {
    attempts.push({ from, error });
  }
  return undefined;
}

/** The part of a target's name that tells the C library or compiler apart, where there is more than one. */
function abi() {
  switch (process.platform) {
    case "linux":
      return isMusl() ? "-musl" : "-gnu";
    case "win32":
      return "-msvc";
    default:
      return "";
  }
}

/** Whether this process stands on musl, found out without running a program. */
function isMusl() {
  if (isDeno) {
    // Reading its own executable would make Deno ask for one more permission.
    return /** @type {any} */ (globalThis).Deno.build.target.endsWith("musl");
  }
  const interpreter = elfInterpreter(process.execPath);
  if (interpreter !== undefined) {
    return interpreter.includes("musl");
  }
  const report = /** @type {any} */ (process.report);
  if (report !== undefined && "excludeNetwork" in report) {
    // Without excludeNetwork the report looks the names of all peers up, which has taken minutes.
    const before = report.excludeNetwork;
    report.excludeNetwork = true;
    try {
      return report.getReport().header.glibcVersionRuntime === undefined;
    } catch {
      // The next best sign follows.
    } finally {
      report.excludeNetwork = before;
    }
  }
  return fs.existsSync("/etc/alpine-release");
}

/**
 * The dynamic linker that an ELF file asks for, which is the C library's own: "/lib64/ld-linux-x86-64.so.2",
 * "/lib/ld-musl-x86_64.so.1". Undefined where the file cannot be read or asks for none.
 *
 * @param {string} file
 */
function elfInterpreter(file) {
  let descriptor;
  try {
    descriptor = fs.openSync(file, "r");
    // The program headers follow the ELF header in all that linkers make; 4 KiB hold over 70 of them.
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
 * What was tried, each reason, and what would help.
 *
 * @param {string} what
 * @param {Attempt[]} attempts
 */
function failure(what, attempts) {
  const reasons = attempts.map(({ from, error }) => {
    const [reason] = String(error instanceof Error ? error.message : error).split("\n");
    return `  - ${from}: ${reason}`;
  });
  return new Error(
    `tcp-udp-sockets could not load its native half for ${what}. Tried:\n${reasons.join("\n")}\n` +
      "If the package is missing: npm sometimes leaves optional dependencies out (https://github.com/npm/cli/issues/4828).\n" +
      "Delete node_modules and the entries of @tcp-udp-sockets in package-lock.json (or the file) and install again,\n" +
      "without --omit=optional or --no-optional. Otherwise build it: with Rust installed (https://rustup.rs), run\n" +
      "`npm install` and `npm run build` in a clone of the repository, and set NAPI_RS_NATIVE_LIBRARY_PATH to the\n" +
      ".node file that this makes. In a single executable: add that file as an asset under its own name, or put it\n" +
      "beside the executable.",
    { cause: new AggregateError(attempts.map(({ error }) => error)) },
  );
}

module.exports = { loadBinding };
