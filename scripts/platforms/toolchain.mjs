// The compilers for other systems. Debian's rustc-web comes with the sources of the standard library, and can build it for any target. zig
// compiles C for any target. Nothing else is needed to check the code for another system.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { root } from "../build.mjs";
import { isOlder, requireTools } from "../tools.mjs";
import { cached, run } from "./cache.mjs";
import { libraryPath, requireDebian, unpack } from "./debian.mjs";
import { pip } from "./pip.mjs";
import { TARGETS } from "./targets.mjs";

/** The folder of cargo's output for other systems, apart from that for this system. */
export const FOLDER = path.join(root, "target", "platforms");

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
 * @property {{ path: string, env: Record<string, string> }} [linking] a folder of programs that are preferred to zig's, and variables that
 *   name them
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
  pip(folder, [ZIG]);
}

/**
 * The environment of a build for a target: compilers, a linker, and what build scripts want.
 *
 * @param {string} name Rust's name of the target
 * @param {Toolchain} tools
 * @returns {NodeJS.ProcessEnv}
 */
export function environmentFor(name, { env, zig, linking }) {
  const { zig: target, archiver = "ar", env: own, rustflags = "" } = TARGETS[name];
  const folder = path.join(FOLDER, "tools", name);
  const compilers = writeTools(folder, zig, name, { target, archiver });
  // napi-build requires Node's library for Windows, but only a linker would open it. So an empty file is enough.
  writeFileSync(path.join(folder, "libnode.dll"), "");
  return {
    ...env, ...compilers, ...own,
    PATH: [...(linking ? [linking.path] : []), folder, env.PATH].join(":"),
    RUSTFLAGS: rustflags,
    CARGO_TARGET_DIR: FOLDER,
    LIBNODE_PATH: folder,
    ZIG_LOCAL_CACHE_DIR: path.join(FOLDER, "zig"),
    ZIG_GLOBAL_CACHE_DIR: path.join(FOLDER, "zig"),
    ...linking?.env,
  };
}

/**
 * Writes the programs that build scripts and rustc call: a C compiler for the target, an archiver, and dlltool, which makes import
 * libraries for Windows. Returns the environment variables that name them.
 *
 * @param {string} folder the folder to write to
 * @param {string} zig
 * @param {string} triple Rust's name of the target
 * @param {{ target: string, archiver: string }} how zig's names of the target and of the archiver
 * @returns {Record<string, string>}
 */
function writeTools(folder, zig, triple, { target, archiver }) {
  mkdirSync(folder, { recursive: true });
  const script = (name, lines) => {
    const file = path.join(folder, name);
    writeFileSync(file, `#!/bin/sh\n${lines}\n`);
    chmodSync(file, 0o755);
    return file;
  };
  const variable = triple.replaceAll("-", "_");
  // The script removes `--target=…`: the cc crate gives Rust's name of the target to every clang, and zig does not know this name.
  const compiler = script(
    "target-cc",
    'for arg do shift; case $arg in --target=*) ;; *) set -- "$@" "$arg" ;; esac; done\n' + `exec "${zig}" cc -target ${target} "$@"`,
  );
  script("x86_64-w64-mingw32-dlltool", `exec "${zig}" dlltool "$@"`);
  return {
    [`CC_${variable}`]: compiler,
    [`CARGO_TARGET_${variable.toUpperCase()}_LINKER`]: compiler,
    [`AR_${variable}`]: script("target-ar", `exec "${zig}" ${archiver} "$@"`),
  };
}
