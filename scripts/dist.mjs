// Makes the folders in dist/ that are published: one for the package itself, and one for each platform whose binary is in the repository's
// root. The package has the platform packages as optional dependencies, and has no files that only a clone needs. The repository's own
// package.json does not list the platform packages, because `npm ci` fails on packages that are not published yet. The addresses in the
// manifests and in the README come from the repository's own (scripts/repository.mjs). While its owner is not filled in, the packages are
// private, so npm refuses to publish them.
//
//   node scripts/dist.mjs                  lays out the platforms that have a binary
//   node scripts/dist.mjs --complete       fails if a platform's binary is missing: for a release
//   node scripts/dist.mjs --owner NAME     takes NAME for the owner of the repository: for a rehearsal
//   node scripts/dist.mjs --to FOLDER      lays them out in this folder instead of dist/
//   node scripts/dist.mjs --refuse         prints how to publish, and fails (npm runs it before a publish from this folder)

import { cpSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { TRIPLES, binary, root } from "./build.mjs";
import { NOTICES, notices } from "./notices.mjs";
import { withAbsoluteLinks } from "./readme.mjs";
import { isFilledIn, repository } from "./repository.mjs";

const { values: options } = parseArgs({
  options: {
    complete: { type: "boolean", default: false },
    owner: { type: "string" },
    refuse: { type: "boolean", default: false },
    to: { type: "string" },
  },
});
const dist = path.resolve(options.to ?? path.join(root, "dist"));
const where = repository(options.owner);
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
  if (missing.length > 0 && options.complete) {
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
  for (const file of [...files, "LICENSE"]) {
    cpSync(path.join(root, file), path.join(to, file), { recursive: true });
  }
  const readme = readFileSync(path.join(root, "README.md"), "utf8");
  writeFileSync(path.join(to, "README.md"), withAbsoluteLinks(readme, { slug: where.slug, tag: `v${here.version}` }));
  const manifest = Object.fromEntries(Object.entries(here).filter(([member]) => !FOR_CLONES.includes(member)));
  writeJson(path.join(to, "package.json"), { ...manifest, ...addresses(), files, optionalDependencies });
}

/** The members of a manifest that say where the project is. @param {string} [directory] of the package in the repository */
function addresses(directory) {
  return {
    repository: { type: "git", url: where.git, directory },
    homepage: `${where.web}#readme`,
    bugs: `${where.web}/issues`,
    private: isFilledIn(where) ? undefined : true,
  };
}

/** @param {string} platform */
function layOutPlatform(platform) {
  const to = folder(platform);
  cpSync(path.join(root, "npm", platform), to, { recursive: true });
  writeJson(path.join(to, "package.json"), { ...readJson(path.join(to, "package.json")), ...addresses(`npm/${platform}`) });
  copyFileSync(path.join(root, "LICENSE"), path.join(to, "LICENSE"));
  copyFileSync(binary(platform), path.join(to, path.basename(binary(platform))));
  writeFileSync(path.join(to, NOTICES), notices(TRIPLES[platform]));
}

/** @param {string} name */
function folder(name) {
  const made = path.join(dist, name);
  mkdirSync(made, { recursive: true });
  console.log(path.relative(root, made).replaceAll(path.sep, "/"));
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
  if (options.refuse) {
    throw new Error("publish by scripts/release/publish.mjs: see CONTRIBUTING.md");
  }
  layOut();
} catch (error) {
  console.error(`dist: ${error.message}`);
  process.exitCode = 1;
}
