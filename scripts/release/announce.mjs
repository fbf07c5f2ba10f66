// Makes the release on GitHub's page: the changelog's section of the version as its text, with the packed files, the lists of components
// (SBOM) and the checksums. It calls GitHub's program `gh`.
//
//   node scripts/release/announce.mjs TAG                 prints the text, and the names of the files
//   node scripts/release/announce.mjs TAG --for-real      makes the release
//   … --from FOLDER           has the packed files; by default target/packed

import { readFileSync, readdirSync, realpathSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { root } from "../build.mjs";
import { run, script } from "./run.mjs";

/** The text of a section of the changelog: that of the version, or the unreleased one. @param {string} changelog @param {string} version */
export function section(changelog, version) {
  const sections = changelog.split(/^## /m).slice(1);
  const of = (name) => sections.find((each) => each.startsWith(`[${name}]`));
  const found = of(version) ?? of("Unreleased");
  if (found === undefined) throw new Error(`CHANGELOG.md has no section for ${version}`);
  return found.slice(found.indexOf("\n")).trim();
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  await script("release: announce", () => {
    const { positionals: [tag], values } = parseArgs({
      allowPositionals: true,
      options: { from: { type: "string", default: path.join(root, "target", "packed") }, "for-real": { type: "boolean", default: false } },
    });
    if (tag === undefined) throw new Error("give a tag, such as v0.1.0");
    const text = section(readFileSync(path.join(root, "CHANGELOG.md"), "utf8"), tag.slice(1));
    const files = readdirSync(values.from).sort().map((name) => path.join(values.from, name));
    console.log(`${tag}: ${files.map((file) => path.basename(file)).join(", ")}\n\n${text}`);
    const kind = tag.includes("-") ? ["--prerelease"] : [];
    if (values["for-real"]) run("gh", ["release", "create", tag, "--verify-tag", "--title", tag, "--notes", text, ...kind, ...files]);
  });
}
