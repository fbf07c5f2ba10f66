// Writes docs/unsafe.md: each `unsafe` block and `unsafe impl` of src/, with the argument in its SAFETY comment, and the conditions of each
// function that only unsafe code may call. Fails if one has no argument.
//
//   node scripts/unsafe.mjs            writes the page
//   node scripts/unsafe.mjs --check    fails if the page differs from the sources

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { root } from "./build.mjs";
import { tokenize } from "./circles/tokens.mjs";

/** @typedef {import("./circles/tokens.mjs").Token} Token */

const DOCUMENT = path.join(root, "docs", "unsafe.md");
const INTRODUCTION = `# Unsafe code

Each \`unsafe\` block of the native half, with the argument why it is sound. \`scripts/unsafe.mjs\` writes this page from the SAFETY comments in
\`src/\`, and CI fails if they differ. Clippy refuses a block without such a comment (\`undocumented_unsafe_blocks\`).

- **Where it may be.** \`src/proto\` has none. \`src/net\` has it only where a system call needs it (\`src/net/sys\`), and where memory of the engine
  is lent to a read (\`src/net/blocks.rs\`). \`src/binding\` has it for the calls of Node-API and libuv.
- **What most of it rests on.** An \`Env\` exists only on the thread of its environment, and only while that environment is live. A value is a
  handle of the scope in which it was made. Both are lifetimes in the type system, so the compiler checks them.
- **How it is tested.** The socket suites run with a build under the address sanitizer (\`npm run sanitize\`), and with debug assertions and
  overflow checks (\`.ci/run debug\`). Miri cannot run this code: it knows neither Node-API nor the system calls.

A function below *Conditions* may be called only where they hold; each call is a block of its own above it.
`;

/** The longest distance in lines between a SAFETY comment and the block of its statement. */
const REACH = 14;

/** @typedef {{ file: string, where: string, argument: string }} Item */

const problems = /** @type {string[]} */ ([]);

/** @param {string} folder @returns {string[]} */
function rustFiles(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) return rustFiles(file);
      return entry.name.endsWith(".rs") ? [file] : [];
    })
    .sort();
}

/** The comment lines that end above line `last` (from 0), joined. @param {string[]} lines @param {number} last */
function commentAbove(lines, last) {
  const comment = [];
  for (let at = last; at >= 0 && /^\s*\/\//.test(lines[at]); at -= 1) comment.unshift(lines[at].replace(/^\s*\/\/[/!]? ?/, ""));
  return comment;
}

/** The argument for the block in line `line` (from 0): the nearest SAFETY comment above it. @param {string[]} lines @param {number} line */
function argumentAbove(lines, line) {
  for (let at = line - 1; at >= 0 && at >= line - REACH; at -= 1) {
    if (!/^\s*\/\//.test(lines[at])) continue;
    const comment = commentAbove(lines, at);
    const start = comment.findIndex((text) => text.startsWith("SAFETY: "));
    if (start >= 0) return comment.slice(start).join(" ").replace("SAFETY: ", "");
  }
  return undefined;
}

/** The conditions in the doc comment of the function in line `line` (from 0). @param {string[]} lines @param {number} line */
function conditionsAbove(lines, line) {
  let at = line - 1;
  while (at >= 0 && /^\s*#\[/.test(lines[at])) at -= 1;
  const comment = commentAbove(lines, at);
  const start = comment.indexOf("# Safety");
  return start < 0 ? undefined : comment.slice(start + 1).join(" ").trim();
}

/** The names of the function around a token, and of the type that it belongs to. @param {Token[]} tokens @param {number} index */
function placeOf(tokens, index) {
  let type = "";
  let name = "";
  for (let at = 0; at < index; at += 1) {
    if (!tokens[at].isName) continue;
    const body = tokens.findIndex((token, from) => from > at && /^[{;]$/.test(token.text));
    const isAround = tokens[body]?.text === "{" && body < index && tokens[body].close > index;
    if (!isAround) continue;
    if (tokens[at].text === "fn") name = tokens[at + 1].text;
    else if (tokens[at].text === "impl" && name === "") {
      const header = tokens.slice(at + 1, body).map(({ text }) => text);
      const after = header.lastIndexOf("for") < 0 || header[header.lastIndexOf("for") + 1] === "<" ? header : header.slice(header.lastIndexOf("for") + 1);
      type = after.find((text, from) => /^\p{Lu}/u.test(text) && after[from - 1] !== ":") ?? "";
    }
  }
  return name === "" ? "(file)" : type === "" ? `${name}()` : `${type}::${name}()`;
}

/** @param {string} file */
function read(file) {
  const text = readFileSync(path.join(root, file), "utf8");
  const lines = text.split("\n");
  const tokens = tokenize(text);
  const blocks = /** @type {Item[]} */ ([]);
  const conditions = /** @type {Item[]} */ ([]);
  tokens.forEach((token, index) => {
    if (token.text !== "unsafe" || !token.isName) return;
    const next = tokens[index + 1]?.text;
    if (next === "{" || next === "impl") {
      const argument = argumentAbove(lines, token.line - 1);
      if (argument === undefined) problems.push(`${file}:${token.line}: no SAFETY comment`);
      const where = next === "{" ? placeOf(tokens, index) : `impl ${tokens[index + 2].text} for ${tokens[index + 4].text}`;
      blocks.push({ file, where, argument: argument ?? "" });
      return;
    }
    const fn = tokens.findIndex((other, at) => at > index && at <= index + 3 && other.text === "fn");
    if (fn < 0 || !tokens[fn + 1].isName) return;
    const found = conditionsAbove(lines, token.line - 1);
    if (found !== undefined) conditions.push({ file, where: `${tokens[fn + 1].text}()`, argument: found });
    else if (next === "fn") problems.push(`${file}:${token.line}: no section "# Safety"`);
  });
  return { blocks, conditions };
}

/** @param {Item[]} items */
function list(items) {
  return items.map(({ where, argument }) => `- \`${where}\`: ${argument}`).join("\n");
}

const files = rustFiles(path.join(root, "src")).map((file) => path.relative(root, file).replaceAll(path.sep, "/"));
let count = 0;
const sections = files.flatMap((file) => {
  const { blocks, conditions } = read(file);
  if (blocks.length + conditions.length === 0) return [];
  if (file.startsWith("src/proto/")) problems.push(`${file}: src/proto has no unsafe code`);
  count += blocks.length;
  const parts = [`## ${file}`, ...(blocks.length > 0 ? [list(blocks)] : []), ...(conditions.length > 0 ? [`Conditions:\n\n${list(conditions)}`] : [])];
  return [parts.join("\n\n")];
});
const page = `${INTRODUCTION}\nThere are ${count} blocks in ${sections.length} files.\n\n${sections.join("\n\n")}\n`;

if (process.argv.includes("--check")) {
  if (readFileSync(DOCUMENT, "utf8") !== page) problems.push("docs/unsafe.md differs from the sources: node scripts/unsafe.mjs writes it");
} else if (problems.length === 0) {
  writeFileSync(DOCUMENT, page);
}
for (const problem of problems) console.error(problem);
if (problems.length === 0) console.log(`${count} unsafe blocks, each with its argument`);
process.exit(problems.length === 0 ? 0 : 1);
