// Makes the folders in dist/ that are published: one for the package itself, and one for each platform whose binary is in the repository's
// root. The package has the platform packages as optional dependencies, and has no files that only a clone needs. The repository's own
// package.json does not list the platform packages, because `npm ci` fails on packages that are not published yet.
//
//   node scripts/dist.mjs               lays out the platforms that have a binary
//   node scripts/dist.mjs --complete    fails if a platform's binary is missing: for a release
//   node scripts/dist.mjs --refuse      prints how to publish, and fails (npm runs it before a publish from this folder)

import { cpSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { TRIPLES, binary, root } from "./build.mjs";
import { NOTICES, notices } from "./notices.mjs";

const dist = path.join(root, "dist");
const here = readJson(path.join(root, "package.json"));

/** Members of package.json that concern only the clone. */
const FOR_CLONES = ["devDependencies", "napi", "scripts"];

function layOut() {
  rmSync(dist, { force: true, recursive: true });
  const platforms = readdirSync(path.join(root, "npm")).sort();
  const manifests = platforms.map((platform) => readJson(path.join(root, "npm", platform, "package.json")));

  const wrong = manifests.filter(({ version }) => version !== here.version);
  if (wrong.length > 0) throw new Error(`not version ${here.version}: ${wrong.map(({ name }) => name).join(", ")}`);

  const missing = platforms.filter((platform) => !existsSync(binary(platform)));
  if (missing.length > 0 && process.argv.includes("--complete")) {
    throw new Error(`no binary for ${missing.join(", ")}`);
  }

  const optionalDependencies = Object.fromEntries(manifests.map(({ name, version }) => [name, version]));
  layOutPackage(optionalDependencies);
  for (const platform of platforms.filter((each) => !missing.includes(each))) layOutPlatform(platform);
}

/** @param {Record<string, string>} optionalDependencies */
function layOutPackage(optionalDependencies) {
  const to = folder(here.name);
  // The pattern for a binary is for installations from git. Published platform packages contain the binary.
  const files = here.files.filter((file) => !file.endsWith(".node"));
  for (const file of [...files, "LICENSE", "README.md"]) {
    cpSync(path.join(root, file), path.join(to, file), { recursive: true });
  }
  const manifest = Object.fromEntries(Object.entries(here).filter(([member]) => !FOR_CLONES.includes(member)));
  writeJson(path.join(to, "package.json"), { ...manifest, files, optionalDependencies });
}

/** @param {string} platform */
function layOutPlatform(platform) {
  const to = folder(platform);
  cpSync(path.join(root, "npm", platform), to, { recursive: true });
  copyFileSync(path.join(root, "LICENSE"), path.join(to, "LICENSE"));
  copyFileSync(binary(platform), path.join(to, path.basename(binary(platform))));
  writeFileSync(path.join(to, NOTICES), notices(TRIPLES[platform]));
}

/** @param {string} name */
function folder(name) {
  const made = path.join(dist, name);
  mkdirSync(made, { recursive: true });
  console.log(`dist/${name}`);
  return made;
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

/**
 * @param {string} file
 * @param {object} value
 */
function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

try {
  if (process.argv.includes("--refuse")) {
    throw new Error("publish from dist/, after `npm run dist -- --complete`: see CONTRIBUTING.md");
  }
  layOut();
} catch (error) {
  console.error(`dist: ${error.message}`);
  process.exitCode = 1;
}
