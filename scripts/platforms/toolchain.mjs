// The compilers for other systems. Debian's rustc-web comes with the sources of the standard library, and can build it for any target. zig
// compiles C for any target. Nothing else is needed to check the code for another system.

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { root } from "../build.mjs";
import { isOlder, requireTools } from "../tools.mjs";
import { cached, run } from "./cache.mjs";
import { libraryPath, requireDebian, unpack } from "./debian.mjs";

/** Debian's packages with rustc, the standard library's sources, its build for this system, and clippy. */
const RUST = ["rustc-web", "rust-web-src", "libstd-rust-web-dev", "rust-web-clippy"];
/** PyPI's package of zig. */
const ZIG = "ziglang~=0.17";

/**
 * The tools that compile for other systems.
 *
 * @typedef {object} Toolchain
 * @property {string} bin the folder with rustc and cargo-clippy
 * @property {string} version the version of rustc
 * @property {NodeJS.ProcessEnv} env the environment of cargo, the same for each target
 * @property {string} zig the path of the program zig
 */

/**
 * Returns the toolchain. Fetches the parts that are not in the cache yet.
 *
 * @param {string} purpose the check that is left out if this system has no such compiler
 * @returns {Toolchain}
 */
export function toolchain(purpose) {
  requireDebian(purpose);
  // Build scripts are linked for this system and run on it, so its own tools are needed, too.
  requireTools(root);
  const rust = cached("rust-web", (folder) => {
    console.log("fetching Debian's rustc-web and the standard library's sources");
    // With --reinstall, packages that this system has installed are unpacked, too. rustc and the library's sources have to lie in one
    // folder.
    unpack(folder, RUST, ["--reinstall"]);
    // The version is checked before the folder becomes part of the cache. So the next run tries again, perhaps with a better source in
    // apt's lists.
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

/** Runs Python with Debian's pip, which is unpacked into a temporary folder. @param {string[]} args */
function withDebiansPip(args) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-pip-"));
  try {
    unpack(folder, ["python3-minimal", "python3-pip"]);
    run("python3", args, {
      ...process.env,
      ...libraryPath(folder),
      // If the system has Python, it was not unpacked, and is found by the system's PATH.
      PATH: `${path.join(folder, "usr", "bin")}:${process.env.PATH}`,
      PYTHONPATH: path.join(folder, "usr", "lib", "python3", "dist-packages"),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Writes the programs that build scripts and rustc call: a C compiler for the target, an archiver, and dlltool, which makes import
 * libraries for Windows. Returns the environment variables that name them.
 *
 * @param {string} folder the folder to write to
 * @param {string} zig
 * @param {string} triple Rust's name of the target
 * @param {string} target zig's name of the target
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
    // The script removes `--target=…`: the cc crate gives Rust's name of the target to every clang, and zig does not know this name.
    [`CC_${variable}`]: script(
      "target-cc",
      'for arg do shift; case $arg in --target=*) ;; *) set -- "$@" "$arg" ;; esac; done\n' + `exec "${zig}" cc -target ${target} "$@"`,
    ),
    [`AR_${variable}`]: script("target-ar", `exec "${zig}" ar "$@"`),
  };
}
