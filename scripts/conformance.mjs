// Checks docs/conformance.md against the repository, so that the page stays right:
//
// - every file that it links to exists, and contains the names in backticks that follow the link in the same cell;
// - for every ruling that is built, the title of a test cites it, in a file that the ruling's row links to;
// - every ruling that the sources or the tests' titles cite is in a table, and no ruling is in two tables.
//
//   node scripts/conformance.mjs

import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { root } from "./build.mjs";

const DOCUMENT = "docs/conformance.md";
/** The heading of the rulings that no test can show yet. */
const NOT_BUILT = "## Not built yet";
/** The files and folders that cite rulings. */
const SOURCES = ["lib", "src", "__test__", "index.d.ts", "README.md"];
const RULING = /\bR-[a-z]+(?:-[a-z]+)*\b/g;

const problems = [];

/** @typedef {{ name: string | undefined, cells: string[], line: number, isBuilt: boolean }} Row */

/** @returns {Row[]} */
function readRows() {
  const lines = readFileSync(path.join(root, DOCUMENT), "utf8").split("\n");
  const notBuilt = lines.indexOf(NOT_BUILT);
  if (notBuilt < 0) problems.push(`there is no heading "${NOT_BUILT}"`);
  return lines.flatMap((text, index) => {
    if (!text.startsWith("| ") || /^[| -]+$/.test(text)) return [];
    const cells = text.slice(1, text.lastIndexOf("|")).split("|").map((cell) => cell.trim());
    const [name] = /^R-[a-z-]+$/.exec(cells[0]) ?? [];
    return [{ name, cells, line: index + 1, isBuilt: notBuilt < 0 || index < notBuilt }];
  });
}

/**
 * Returns the files that a cell links to. Checks that each exists and contains the names that follow its link.
 *
 * @param {string} cell
 * @param {number} line
 */
function checkLinks(cell, line) {
  const links = [...cell.matchAll(/\[[^\]]*\]\(\.\.\/([^)#]+)\)([^[]*)/g)];
  for (const [, file, rest] of links) {
    if (!existsSync(path.join(root, file))) {
      problems.push(`line ${line}: ${file} does not exist`);
      continue;
    }
    for (const [, name] of rest.matchAll(/`([A-Za-z_]\w*)`/g)) {
      if (!new RegExp(`\\b${name}\\b`).test(contents(file))) problems.push(`line ${line}: ${file} has no ${name}`);
    }
  }
  return links.map(([, file]) => file);
}

const cache = new Map();

/** @param {string} file */
function contents(file) {
  if (!cache.has(file)) cache.set(file, readFileSync(path.join(root, file), "utf8"));
  return cache.get(file);
}

/**
 * The titles of a test file: the first arguments of test(), it(), describe() and their .each().
 *
 * @param {string} file
 */
function titles(file) {
  const calls = /(?:\b(?:test|it|describe)\w*(?:\.\w+)*|\)|`)\(\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)/g;
  return [...contents(file).matchAll(calls)].map(([, title]) => title);
}

/** @param {string} where a file, or a folder to search */
function filesOf(where) {
  if (!existsSync(path.join(root, where))) return [];
  if (/\.\w+$/.test(where)) return [where];
  return readdirSync(path.join(root, where), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(js|mjs|rs|ts)$/.test(entry.name))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"));
}

const rows = readRows();
const known = new Map();
for (const row of rows) {
  const files = row.cells.map((cell) => checkLinks(cell, row.line)).flat();
  if (row.name === undefined) continue;
  if (known.has(row.name)) problems.push(`line ${row.line}: ${row.name} is in line ${known.get(row.name).line} already`);
  known.set(row.name, row);
  if (!row.isBuilt) continue;
  const tests = files.filter((file) => file.startsWith("__test__/") && existsSync(path.join(root, file)));
  const isShown = tests.some((file) => titles(file).some((title) => (title.match(RULING) ?? []).includes(row.name)));
  if (!isShown) problems.push(`line ${row.line}: no test of ${tests.join(", ") || "no file"} has a title that cites ${row.name}`);
}

for (const file of SOURCES.flatMap(filesOf)) {
  for (const name of new Set(contents(file).match(RULING) ?? [])) {
    if (!known.has(name)) problems.push(`${file} cites ${name}, which ${DOCUMENT} does not have`);
  }
}

for (const problem of problems) console.error(`conformance: ${problem}`);
const built = [...known.values()].filter((row) => row.isBuilt).length;
console.log(`${DOCUMENT}: ${rows.length} rows, ${built} rulings built, ${known.size - built} not; ${problems.length} problems`);
if (problems.length > 0) process.exitCode = 1;
