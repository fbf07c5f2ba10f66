// The programs that a release needs beside Node, npm and cargo. Each version is pinned, and is fetched into the cache when it is first needed.

import { chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { cached } from "../platforms/cache.mjs";
import { pip } from "../platforms/pip.mjs";
import { npm, run } from "./run.mjs";

/** PyPI's packages of the linker for other C libraries. */
const ZIGBUILD = ["cargo-zigbuild==0.24.1", "ziglang==0.17.0"];
/** The crate that writes the list of components (SBOM), in the format CycloneDX. */
const CYCLONEDX = "cargo-cyclonedx@0.5.9";
/** The registry for rehearsals. It needs an older node-fetch than it asks for, because later ones are ES modules alone. */
const VERDACCIO = { verdaccio: "6.8.0" };
const FOR_VERDACCIO = { "node-fetch": "2.7.0" };
/** Package managers that install what was packed, beside npm. */
const PNPM = { pnpm: "12.4.2" };
const YARN = { "@yarnpkg/cli-dist": "4.18.1" };
const BUN = { bun: "1.4.4" };

/** The name and the version in an entry of the cache. @param {Record<string, string>} one */
const entry = (one) => Object.entries(one).map(([name, version]) => `${path.basename(name)}-${version}`).join();

/**
 * Installs packages of npm into the cache. Returns the folder node_modules.
 *
 * @param {Record<string, string>} dependencies
 * @param {Record<string, string>} [overrides]
 */
function fromNpm(dependencies, overrides) {
  const folder = cached(entry(dependencies), (unfinished) => {
    console.log(`fetching ${entry(dependencies)} from npm`);
    writeFileSync(path.join(unfinished, "package.json"), JSON.stringify({ private: true, dependencies, overrides }));
    npm(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: unfinished });
  });
  return path.join(folder, "node_modules");
}

/** The environment in which cargo-zigbuild runs. */
export function zigEnvironment() {
  const folder = cached("zigbuild-0.24.1", (unfinished) => {
    console.log("fetching cargo-zigbuild and zig from PyPI");
    pip(unfinished, ZIGBUILD);
  });
  const zig = path.join(folder, "ziglang", "zig");
  chmodSync(zig, 0o755);
  return { ...process.env, CARGO_ZIGBUILD_ZIG_PATH: zig, PATH: `${path.join(folder, "bin")}${path.delimiter}${process.env.PATH}` };
}

/** The path of cargo-cyclonedx. cargo compiles it, which takes minutes. */
export function cyclonedx() {
  const folder = cached(CYCLONEDX.replace("@", "-"), (unfinished) => {
    console.log(`compiling ${CYCLONEDX}`);
    run("cargo", ["install", "--quiet", "--locked", "--root", unfinished, CYCLONEDX], { timeout: 1_800_000 });
  });
  return path.join(folder, "bin", process.platform === "win32" ? "cargo-cyclonedx.exe" : "cargo-cyclonedx");
}

/** The path of verdaccio's program, which Node runs. */
export function verdaccio() {
  return path.join(fromNpm(VERDACCIO, FOR_VERDACCIO), "verdaccio", "bin", "verdaccio");
}

/** The path of pnpm's program, which Node runs. */
export function pnpm() {
  return path.join(fromNpm(PNPM), "pnpm", "bin", "pnpm.mjs");
}

/** The path of Yarn's program, which Node runs. */
export function yarn() {
  return path.join(fromNpm(YARN), "@yarnpkg", "cli-dist", "bin", "yarn.js");
}

/** The path of Bun. Its package for this system is a dependency of the package `bun`, whose own program is only a link to it. */
export function bun() {
  const modules = path.join(fromNpm(BUN), "@oven");
  const program = process.platform === "win32" ? "bun.exe" : "bun";
  // For x64 there is a second package ("baseline") for processors without AVX2. It runs on all of them.
  const packages = readdirSync(modules).sort((a, b) => Number(b.includes("baseline")) - Number(a.includes("baseline")));
  const file = packages.map((name) => path.join(modules, name, "bin", program)).find((each) => existsSync(each));
  if (file === undefined) throw new Error("there is no Bun for this system");
  chmodSync(file, 0o755);
  return file;
}
