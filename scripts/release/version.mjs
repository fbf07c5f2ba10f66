// Checks that all files have the version that a tag names.
//
//   node scripts/release/version.mjs [TAG]                TAG: such as v0.1.0; by default the version of package.json
//   node scripts/release/version.mjs TAG --for-real       also fails if the version is not ready to be published
//
// It is ready if the changelog has a dated section for it, the owner of the repository is filled in, and on GitHub the repository is the
// one that package.json names. Without --for-real, what is missing is only reported.

import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { root } from "../build.mjs";
import { repository, requireOwner } from "../repository.mjs";
import { script } from "./run.mjs";

const read = (...names) => readFileSync(path.join(root, ...names), "utf8");

/** The version that each file has. @returns {Map<string, string | undefined>} */
function versions() {
  const json = (...names) => [names.join("/"), JSON.parse(read(...names)).version];
  const name = JSON.parse(read("package.json")).name;
  return new Map([
    json("package.json"),
    json("package-lock.json"),
    ["Cargo.toml", /^version = "(.*)"/m.exec(read("Cargo.toml"))?.[1]],
    ["Cargo.lock", new RegExp(`^name = "${name}"\nversion = "(.*)"`, "m").exec(read("Cargo.lock"))?.[1]],
    ...readdirSync(path.join(root, "npm")).map((platform) => json("npm", platform, "package.json")),
  ]);
}

/** What must hold before a version is published, but not in a dry run. @param {string} version @returns {string[]} what is wrong */
function missing(version) {
  const wrong = [];
  const dated = [...read("CHANGELOG.md").matchAll(/^## \[(.+)\] - \d{4}-\d\d-\d\d$/gm)].map(([, each]) => each);
  if (!dated.includes(version)) wrong.push(`CHANGELOG.md has no line "## [${version}] - YYYY-MM-DD"`);
  const where = repository();
  try {
    requireOwner(where);
    const here = process.env.GITHUB_REPOSITORY;
    if (here && here !== where.slug) wrong.push(`package.json names the repository ${where.slug}, and this is ${here}`);
  } catch (error) {
    wrong.push(error.message);
  }
  return wrong;
}

await script("release: version", () => {
  const { positionals: [tag = ""], values } = parseArgs({ allowPositionals: true, options: { "for-real": { type: "boolean", default: false } } });
  const found = versions();
  if (tag === "" && values["for-real"]) throw new Error("a version is published only at its tag");
  const version = tag === "" ? found.get("package.json") : /^v(\d+\.\d+\.\d+(?:-[\w.]+)?)$/.exec(tag)?.[1];
  if (version === undefined) throw new Error(`the tag ${tag} is no version such as v1.2.3`);
  const others = [...found].filter(([, each]) => each !== version);
  if (others.length > 0) throw new Error(`not version ${version}: ${others.map(([file, each]) => `${file} (${each})`).join(", ")}`);
  console.log(`${found.size} files have version ${version}`);
  const wrong = missing(version);
  for (const line of wrong) console.log(`before this is published: ${line}`);
  if (wrong.length > 0 && values["for-real"]) throw new Error(`version ${version} is not ready to be published`);
});
