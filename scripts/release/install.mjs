// Installs what was packed as a user does, with npm, pnpm, Yarn and Bun, from a registry on this machine's loopback interface, and runs the
// smoke test in each installation. The registry has the packed files, and for platforms without one a package without a binary, because
// Yarn wants to know of each dependency.
//
//   node scripts/release/install.mjs [--from FOLDER] [MANAGER…]     MANAGER: npm, pnpm, yarn or bun; by default all of them
//
// FOLDER has the packed files; by default target/packed.

import { copyFileSync, existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { root, thisPlatform } from "../build.mjs";
import { packedFiles } from "./packed.mjs";
import { startRegistry } from "./registry.mjs";
import { npm, run, script } from "./run.mjs";
import { bun, pnpm, yarn } from "./tools.mjs";

/** How each manager installs a package in a folder whose configuration names the registry. */
const MANAGERS = {
  npm: (name, at) => npm(["install", ...at.options, "--cache", at.cache, name], at),
  pnpm: (name, at) => run(process.execPath, [pnpm(), "add", "--store-dir", at.cache, name], at),
  yarn: (name, at) => run(process.execPath, [yarn(), "add", name], at),
  bun: (name, at) => run(bun(), ["add", "--cache-dir", at.cache, name], at),
};

/**
 * Publishes the packed files to a local registry, and packages without a binary for the platforms that have none.
 *
 * @param {string} folder
 * @param {import("./registry.mjs").Registry} registry
 */
export function publishLocally(folder, registry) {
  const packed = packedFiles(folder);
  const main = packed.at(-1);
  const publish = (what) => npm(["publish", ...registry.options, "--tag", "latest", "--loglevel", "error", what]);
  for (const name of Object.keys(main.manifest.optionalDependencies)) {
    if (!packed.some((each) => each.name === name)) publish(`./npm/${path.basename(name)}`);
  }
  for (const { file } of packed) publish(file);
}

/** Installs the package with one manager, and runs the smoke test. @param {string} manager @param {string} spec @param {import("./registry.mjs").Registry} registry */
function install(manager, spec, { url, npmrc, options, folder }) {
  const project = path.join(folder, manager);
  mkdirSync(project);
  copyFileSync(path.join(root, "__test__", "smoke", "smoke.mjs"), path.join(project, "smoke.mjs"));
  writeFileSync(path.join(project, "package.json"), '{ "private": true }\n');
  copyFileSync(npmrc, path.join(project, ".npmrc"));
  const host = new URL(url).hostname;
  writeFileSync(
    path.join(project, ".yarnrc.yml"),
    ["nodeLinker: node-modules", "enableTelemetry: false", "enableImmutableInstalls: false", `npmRegistryServer: "${url}"`, `unsafeHttpWhitelist: ["${host}"]`,
      // By default Yarn takes no version that was published less than a day ago.
      "npmMinimalAgeGate: 0", "globalFolder: ./global", ""].join("\n"),
  );
  // Yarn takes the folder for a project of its own only with a lock file.
  if (manager === "yarn") writeFileSync(path.join(project, "yarn.lock"), "");
  const env = { ...process.env, CI: "1", YARN_IGNORE_PATH: "1" };
  MANAGERS[manager](spec, { cwd: project, env, options, cache: path.join(project, "cache") });
  const modules = path.join(project, "node_modules");
  // pnpm puts the dependencies of a package beside it, and not into the project's own folder.
  const beside = manager === "pnpm" ? path.dirname(realpathSync(path.join(modules, "tcp-udp-sockets"))) : modules;
  const where = path.join(beside, "@tcp-udp-sockets");
  const platforms = existsSync(where) ? readdirSync(where) : [];
  if (platforms.join() !== thisPlatform()) throw new Error(`${manager} installed the binaries ${platforms.join() || "of no platform"}`);
  run(process.execPath, ["smoke.mjs", "tcp-udp-sockets"], { cwd: project });
}

/**
 * @param {string} folder with the packed files
 * @param {import("./registry.mjs").Registry} registry that has them
 * @param {string[]} managers
 */
export function installAll(folder, registry, managers = Object.keys(MANAGERS)) {
  const { name, version } = packedFiles(folder).at(-1);
  for (const manager of managers) {
    console.log(`\n=== ${manager}`);
    if (!Object.hasOwn(MANAGERS, manager)) throw new Error(`unknown manager ${manager}; known are ${Object.keys(MANAGERS).join(", ")}`);
    install(manager, `${name}@${version}`, registry);
  }
  console.log(`\ninstalled and run with ${managers.join(", ")}`);
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  await script("release: install", async () => {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { from: { type: "string", default: path.join(root, "target", "packed") } },
    });
    const registry = await startRegistry();
    try {
      publishLocally(values.from, registry);
      installAll(values.from, registry, positionals.length > 0 ? positionals : undefined);
    } finally {
      await registry.stop();
    }
  });
}
