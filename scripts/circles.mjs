// Fails on a circle of imports between the files of a source tree: with one, the tree has no layers any more.
//
//   node scripts/circles.mjs            checks src/ and lib/
//   node scripts/circles.mjs FOLDER…    checks other trees: of Rust from their lib.rs, else all files .js
//   node scripts/circles.mjs --graph    prints every import as well
//
// Of JavaScript each require() of a file of the tree counts. Of Rust:
//
// - An import is a path that leads into another file: in a `use`, or in code (`crate::…`, `super::…`, `self::…`, a child module's
//   name, or the name of a module that a `use` brought). It counts at the line of the name.
// - A file and the folder of its name are one: what lies below tcp_socket/ is part of tcp_socket.rs.
// - A folder's mod.rs and lib.rs are lists of names. Who imports a name from one imports the file that defines the name, and what a list
//   re-exports (`pub use`) is no import of the list's. Only what a list itself defines, and the private `use` and the code that it has,
//   count as its own. Any other file that re-exports a name stands for it: who imports the name imports that file, and that file the next.
// - `use list::*` imports those names of the list that the file mentions. `use file::*` imports the file.
// - A file that `#[path]` names counts where it lies, not where it is declared. Of alternatives by `cfg`, all count.
// - Left out: `mod` lines, comments, strings, attributes, other crates, and what only tests have (`#[cfg(test)]`, `#[test]`).
//
// Not seen, since no path leads there: methods of types that another file has an `impl` for, and macros that are in scope by order of text.

import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Tree, compare } from "./circles/imports.mjs";
import { Requires } from "./circles/requires.mjs";

/** @typedef {import("./circles/imports.mjs").Edge} Edge */

/** Up to this many files a smallest set of imports is found for certain (2^n steps); beyond it is searched for. */
const EXACT = 18;
/** How many orders the search starts from. */
const STARTS = 60;

// --- from imports to circles -------------------------------------------------------------------------------

/** Who imports whom, and by how many imports. @param {Edge[]} edges */
function weigh(edges) {
  /** @type {Map<string, Map<string, number>>} */
  const weights = new Map();
  for (const { from, to } of edges) {
    if (!weights.has(from)) weights.set(from, new Map());
    if (!weights.has(to)) weights.set(to, new Map());
    const row = /** @type {Map<string, number>} */ (weights.get(from));
    row.set(to, (row.get(to) ?? 0) + 1);
  }
  return weights;
}

/**
 * The shortest way along imports.
 *
 * @param {Map<string, Map<string, number>>} weights
 * @param {string} from
 * @param {string} to
 * @returns {string[] | undefined}
 */
function way(weights, from, to) {
  /** @type {Map<string, string | undefined>} */
  const before = new Map([[from, undefined]]);
  for (const node of before.keys()) {
    if (node === to) {
      const nodes = [];
      for (let at = /** @type {string | undefined} */ (to); at !== undefined; at = before.get(at)) nodes.unshift(at);
      return nodes;
    }
    for (const next of weights.get(node)?.keys() ?? []) if (!before.has(next)) before.set(next, node);
  }
  return undefined;
}

/** Groups of files of which each can be reached from each. @param {Map<string, Map<string, number>>} weights @returns {string[][]} */
function groups(weights) {
  const left = new Set([...weights.keys()].sort(compare));
  const found = [];
  for (const node of left) {
    const group = [...left].filter((other) => way(weights, node, other) && way(weights, other, node));
    for (const member of group) left.delete(member);
    if (group.length > 1) found.push(group);
  }
  return found;
}

/** An order of a group in which as few imports as can be lead back, for certain. @param {number[][]} matrix @returns {number[]} */
function bestOrder(matrix) {
  const count = matrix.length;
  const cost = new Int32Array(1 << count).fill(0x7fffffff);
  const last = new Int8Array(1 << count);
  cost[0] = 0;
  for (let set = 0; set < 1 << count; set += 1) {
    for (let next = 0; next < count; next += 1) {
      if (set & (1 << next)) continue;
      let price = cost[set];
      for (let other = 0; other < count; other += 1) if (set & (1 << other)) price += matrix[next][other];
      const larger = set | (1 << next);
      if (price < cost[larger]) {
        cost[larger] = price;
        last[larger] = next;
      }
    }
  }
  const order = [];
  for (let set = (1 << count) - 1; set > 0; set &= ~(1 << last[set])) order.unshift(last[set]);
  return order;
}

/** Numbers from 0 to 2^31 - 1 without a pattern that matters here, and the same in each run. */
function* numbers() {
  for (let seed = 1; ; ) {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    yield seed;
  }
}

/** @param {number[]} values @param {Iterator<number, void>} random */
function shuffled(values, random) {
  const keyed = values.map((value) => ({ value, key: random.next().value ?? 0 }));
  return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value);
}

/** As bestOrder(), by moving one after the other to where it costs least, from many starts. @param {number[][]} matrix @returns {number[]} */
function goodOrder(matrix) {
  const count = matrix.length;
  let best = { cost: Infinity, order: /** @type {number[]} */ ([]) };
  const random = numbers();
  for (let start = 0; start < STARTS; start += 1) {
    const order = shuffled(matrix.map((_, i) => i), random);
    for (let isBetter = true; isBetter; ) {
      isBetter = false;
      for (let node = 0; node < count; node += 1) {
        const from = order.indexOf(node);
        order.splice(from, 1);
        // What moving it from the front to each place changes.
        let [price, least, place] = [0, 0, 0];
        let priceBefore = 0;
        for (let at = 0; at <= order.length; at += 1) {
          if (at === from) priceBefore = price;
          if (price < least) [least, place] = [price, at];
          if (at < order.length) price += matrix[node][order[at]] - matrix[order[at]][node];
        }
        if (least < priceBefore) isBetter = true;
        order.splice(least < priceBefore ? place : from, 0, node);
      }
    }
    let cost = 0;
    for (let i = 0; i < count; i += 1) for (let j = 0; j < i; j += 1) cost += matrix[order[i]][order[j]];
    if (cost < best.cost) best = { cost, order };
  }
  return best.order;
}

/** @param {Edge[]} edges */
function circles(edges) {
  const weights = weigh(edges);
  return groups(weights).map((files) => {
    const matrix = files.map((from) => files.map((to) => weights.get(from)?.get(to) ?? 0));
    const isExact = files.length <= EXACT;
    const order = (isExact ? bestOrder(matrix) : goodOrder(matrix)).map((i) => files[i]);
    const rank = new Map(order.map((file, i) => [file, i]));
    /** @param {Edge} edge */
    const isBack = ({ from, to }) => (rank.get(from) ?? -1) > (rank.get(to) ?? Infinity);
    const inside = edges.filter(({ from, to }) => rank.has(from) && rank.has(to));
    return { files, isExact, back: inside.filter(isBack), forward: inside.filter((edge) => !isBack(edge)) };
  });
}

// --- the report --------------------------------------------------------------------------------------------

/** Prints what there is to say about a tree. @param {string} folder @param {boolean} isGraph @returns {boolean} whether it has a circle */
function report(folder, isGraph) {
  /** @param {string} file */
  const shown = (file) => path.relative(process.cwd(), path.join(folder, file)).replaceAll(path.sep, "/") || ".";
  /** @param {Edge} edge */
  const place = (edge) => `${shown(edge.file)}:${edge.line}`;
  const isRust = existsSync(path.join(folder, "lib.rs"));
  const tree = isRust ? new Tree(folder) : new Requires(folder);
  const edges = tree.edges();
  if (isGraph) for (const edge of edges) console.log(`${place(edge)}: ${edge.name} -> ${shown(edge.to)}`);
  const found = circles(edges);
  for (const { files, isExact, back, forward } of found) {
    console.error(`\ncircle of ${files.length} files: ${files.map(shown).join(", ")}`);
    console.error(`closed${isExact ? "" : " (a smaller set may exist)"} by ${counted(back.length, "import")}:`);
    for (const edge of back) {
      console.error(`  ${place(edge)} imports ${edge.name} of ${shown(edge.to)}`);
      for (const step of wayBack(edge, forward)) console.error(`      which leads back by ${place(step)}: ${step.name}`);
    }
  }
  const files = new Set(tree.modules.map(({ file }) => file)).size;
  const closing = found.reduce((sum, { back }) => sum + back.length, 0);
  const end = closing > 0 ? `, closed by ${counted(closing, "import")}` : "";
  console.log(`${shown("")}: ${counted(files, "file")}, ${counted(edges.length, "import")}, ${counted(found.length, "circle")}${end}`);
  return found.length > 0;
}

/** @param {number} count @param {string} what */
const counted = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

/** One import for each step. @param {Edge} edge @param {Edge[]} forward */
function wayBack(edge, forward) {
  const nodes = way(weigh(forward), edge.to, edge.from) ?? [];
  return nodes.slice(1).map((to, i) => /** @type {Edge} */ (forward.find((other) => other.from === nodes[i] && other.to === to)));
}

const options = process.argv.slice(2);
const flags = options.filter((option) => option.startsWith("-"));
const folders = options.filter((option) => !option.startsWith("-"));
if (folders.length === 0) folders.push(...["../src", "../lib"].map((name) => fileURLToPath(new URL(name, import.meta.url))));
try {
  const unknown = flags.filter((flag) => flag !== "--graph");
  if (unknown.length > 0) throw new Error(`there is no option ${unknown.join(" ")}: node scripts/circles.mjs [--graph] [FOLDER…]`);
  for (const folder of folders) if (report(folder, flags.includes("--graph"))) process.exitCode = 1;
} catch (error) {
  console.error(`circles: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 2;
}
