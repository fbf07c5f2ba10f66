// A compiler that has the standard library's sources, and so can make the library for any target: Debian's rustc-web. With zig, which
// compiles C for any target, nothing else is needed to check the code for another system.

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { root } from "../build.mjs";
import { isOlder, requireTools } from "../tools.mjs";
import { cached, run } from "./cache.mjs";
import { libraryPath, requireDebian, unpack } from "./debian.mjs";

/** rustc, the library's sources and its build for this system, and clippy. */
const RUST = ["rustc-web", "rust-web-src", "libstd-rust-web-dev", "rust-web-clippy"];
/** zig, as PyPI has it. */
const ZIG = "ziglang~=0.17";

/**
 * What compiles for other systems.
 *
 * @typedef {object} Toolchain
 * @property {string} bin the folder with rustc and cargo-clippy
 * @property {string} version rustc's
 * @property {NodeJS.ProcessEnv} env what cargo needs in its environment, whatever the target
 * @property {string} zig the program
 */

/**
 * Fetches what is not in the cache yet.
 *
 * @param {string} purpose what is left out where this system has no such compiler
 * @returns {Toolchain}
 */
export function toolchain(purpose) {
  requireDebian(purpose);
  // Build scripts run here, and are linked here.
  requireTools(root);
  const rust = cached("rust-web", (folder) => {
    console.log("fetching Debian's rustc-web and the standard library's sources");
    // Also what is installed here: the library's sources and rustc have to lie in one folder.
    unpack(folder, RUST, ["--reinstall"]);
    // Checked before it is kept: with a better source in apt's lists, the next run tries again.
    requireVersion(folder);
  });
  const zig = path.join(cached("zig", fetchZig), "ziglang", "zig");
  const env = rustEnvironment(rust);
  return { bin: path.join(rust, "usr", "bin"), version: requireVersion(rust), env, zig };
}

/** @param {string} folder the unpacked packages */
function rustEnvironment(folder) {
  return {
    ...process.env,
    ...libraryPath(folder),
    RUSTC: path.join(folder, "usr", "bin", "rustc"),
    // -Zbuild-std is not stable yet.
    RUSTC_BOOTSTRAP: "1",
    RUSTC_WRAPPER: "",
    RUSTFLAGS: "",
  };
}

/** rustc's version; throws where it is too old for this package. @param {string} folder the unpacked packages */
function requireVersion(folder) {
  const env = rustEnvironment(folder);
  const [, version] = run(env.RUSTC, ["--version"], env).match(/^rustc (\S+)/);
  const [, least] = readFileSync(path.join(root, "Cargo.toml"), "utf8").match(/^rust-version = "([\d.]+)"/m);
  if (isOlder(version, least)) {
    throw new Error(
      `apt has rustc-web ${version} here, and ${least} or later is needed:\n` +
        "  Debian's security updates have it. Add them to apt's sources (deb http://deb.debian.org/debian-security RELEASE-security main).",
    );
  }
  return version;
}

/** @param {string} folder */
function fetchZig(folder) {
  console.log("fetching zig from PyPI");
  const install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--disable-pip-version-check", "--target", folder, ZIG];
  try {
    run("python3", ["-m", "pip", "--version"]);
  } catch {
    withDebiansPip(install);
    return;
  }
  run("python3", install);
}

/** Runs Debian's Python with pip, unpacked for this once. @param {string[]} args */
function withDebiansPip(args) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-pip-"));
  try {
    unpack(folder, ["python3-minimal", "python3-pip"]);
    run("python3", args, {
      ...process.env,
      ...libraryPath(folder),
      // A Python that the system has was not unpacked.
      PATH: `${path.join(folder, "usr", "bin")}:${process.env.PATH}`,
      PYTHONPATH: path.join(folder, "usr", "lib", "python3", "dist-packages"),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Writes the programs that build scripts and rustc call: a C compiler for the target, an archiver, and what makes Windows' import
 * libraries. Returns the variables that name them.
 *
 * @param {string} folder where to
 * @param {string} zig
 * @param {string} triple Rust's name of the target
 * @param {string} target zig's name of it
 * @returns {Record<string, string>}
 */
export function writeTools(folder, zig, triple, target) {
  mkdirSync(folder, { recursive: true });
  const script = (name, lines) => {
    const file = path.join(folder, name);
    writeFileSync(file, `#!/bin/sh\n${lines}\n`);
    chmodSync(file, 0o755);
    return file;
  };
  const variable = triple.replaceAll("-", "_");
  script("x86_64-w64-mingw32-dlltool", `exec "${zig}" dlltool "$@"`);
  return {
    // Rust's name of the target, which the cc crate gives to every clang, is unknown to zig.
    [`CC_${variable}`]: script(
      "target-cc",
      'for arg do shift; case $arg in --target=*) ;; *) set -- "$@" "$arg" ;; esac; done\n' + `exec "${zig}" cc -target ${target} "$@"`,
    ),
    [`AR_${variable}`]: script("target-ar", `exec "${zig}" ar "$@"`),
  };
}
