// Collects the licences of the crates in a binary, from each crate's own files. `npm run dist` puts them into the platform packages.
//
//   node scripts/notices.mjs TRIPLE     prints them

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, realpathSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { root } from "./build.mjs";

/** The name of the notices' file in a platform package. */
export const NOTICES = "THIRD-PARTY-NOTICES.txt";

const RULE = "=".repeat(80);

/**
 * @param {string} triple Rust's name for the system
 * @returns {string}
 */
export function notices(triple) {
  const crates = compiledIn(triple).map((crate) => ({ title: `${crate.name} ${crate.version}`, ...licenceOf(crate) }));
  const std = { title: "The Rust standard library", terms: "MIT OR Apache-2.0", texts: [mit("The Rust Project Contributors")] };
  // Many crates have exactly the same text. It is printed once.
  const byText = new Map();
  for (const { title, terms, texts } of [std, ...crates]) {
    const text = texts.map((one) => one.trim()).join("\n\n");
    const entry = byText.get(text) ?? { titles: [], text };
    entry.titles.push(`${title} (${terms})`);
    byText.set(text, entry);
  }
  const parts = [...byText.values()].map(({ titles, text }) => `${RULE}\n${titles.join("\n")}\n${RULE}\n\n${text}\n`);
  return `This binary contains the following software.\n\n${parts.join("\n")}`;
}

/** The crates that are linked into the library, without those of build scripts and macros, which only run at compile time. */
export function compiledIn(triple) {
  const { packages, resolve } = metadata(triple);
  const byId = new Map(packages.map((crate) => [crate.id, crate]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const seen = new Set();
  const visit = (id) => {
    const isMacro = byId.get(id).targets.some(({ kind }) => kind.includes("proc-macro"));
    if (seen.has(id) || isMacro) return;
    seen.add(id);
    for (const { dep_kinds, pkg } of nodes.get(id).deps) {
      if (dep_kinds.some(({ kind }) => kind === null)) visit(pkg);
    }
  };
  visit(resolve.root);
  seen.delete(resolve.root);
  return [...seen].map((id) => byId.get(id)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function metadata(triple) {
  const args = ["metadata", "--format-version", "1", "--locked", "--filter-platform", triple];
  const { error, status, stdout, stderr } = spawnSync("cargo", args, { cwd: root, encoding: "utf8", maxBuffer: 64 << 20 });
  if (error ?? status !== 0) throw new Error(`cargo metadata failed: ${error?.message ?? stderr}`);
  return JSON.parse(stdout);
}

/**
 * The terms of a crate, and the texts of its licence. If the crate offers a choice, only the texts of MIT, ISC or Unicode are taken,
 * because they are short.
 */
function licenceOf({ name, license, authors, manifest_path: manifest }) {
  const folder = path.dirname(manifest);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice|copyright)/i.test(file)).sort();
  const chosen = /\bOR\b/.test(license) ? files.filter((file) => /-(mit|isc|unicode)\b/i.test(file)) : files;
  const texts = (chosen.length > 0 ? chosen : files).map((file) => readFileSync(path.join(folder, file), "utf8"));
  if (texts.length > 0) return { terms: license, texts };
  if (license !== "MIT") throw new Error(`${name} (${license}) has no file with its licence: see scripts/notices.mjs`);
  return { terms: license, texts: [mit(authors.join(", ") || `the authors of ${name}`)] };
}

/** The text of the MIT licence for another holder, made from our own LICENSE. */
function mit(holder) {
  const file = path.join(root, "LICENSE");
  if (!existsSync(file)) throw new Error("LICENSE is missing");
  return readFileSync(file, "utf8").replace(/^Copyright .*$/m, `Copyright (c) ${holder}`);
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    if (process.argv.length !== 3) throw new Error("give one of Rust's names for systems, such as x86_64-unknown-linux-gnu");
    process.stdout.write(notices(process.argv[2]));
  } catch (error) {
    console.error(`notices: ${error.message}`);
    process.exitCode = 1;
  }
}
