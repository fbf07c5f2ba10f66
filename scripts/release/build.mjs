// Builds a platform's binary for a release, on the machine that scripts/release/targets.mjs names for it, into the repository's root.
//
//   node scripts/release/build.mjs PLATFORM     such as linux-x64-gnu
//
// zig and cargo-zigbuild are fetched into the cache. For Android, ANDROID_NDK_HOME names the NDK.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { TRIPLES, build } from "../build.mjs";
import { run, script } from "./run.mjs";
import { target } from "./targets.mjs";
import { zigEnvironment } from "./tools.mjs";

/** The oldest version of Android that the binary loads on: Android 7, the oldest for 64-bit processors that Termux supports. */
const ANDROID_API = 24;

/** Variables by which cargo and the cc crate find the NDK's programs. @param {string} triple */
function ndkEnvironment(triple) {
  const ndk = process.env.ANDROID_NDK_HOME;
  if (!ndk) throw new Error("ANDROID_NDK_HOME must name the folder of Android's NDK");
  // There is one folder, for the system on which the NDK runs.
  const prebuilt = path.join(ndk, "toolchains", "llvm", "prebuilt");
  const [host] = existsSync(prebuilt) ? readdirSync(prebuilt) : [];
  if (host === undefined) throw new Error(`ANDROID_NDK_HOME: there is no NDK in ${ndk}`);
  const compiler = path.join(prebuilt, host, "bin", `${triple}${ANDROID_API}-clang`);
  const variable = triple.replaceAll("-", "_");
  return {
    [`CC_${variable}`]: compiler,
    [`AR_${variable}`]: path.join(prebuilt, host, "bin", "llvm-ar"),
    [`CARGO_TARGET_${variable.toUpperCase()}_LINKER`]: compiler,
  };
}

/** Gets Rust's standard library for the target, where rustup manages Rust. Elsewhere it has to be there. @param {string} triple */
function addTarget(triple) {
  if (spawnSync("rustup", ["--version"]).status === 0) run("rustup", ["target", "add", triple]);
}

await script("release: build", async () => {
  const [platform] = process.argv.slice(2);
  const { by, glibc } = target(platform);
  const triple = TRIPLES[platform];
  addTarget(triple);
  if (by === "zig") Object.assign(process.env, zigEnvironment());
  if (by === "ndk") Object.assign(process.env, ndkEnvironment(triple));
  const zig = by === "zig" ? ["--zig"] : [];
  await build([...zig, "--target", glibc ? `${triple}.${glibc}` : triple, "--", "--locked"]);
});
