// Fails if files of a source tree import each other in a circle, because a tree with a circle has no layers.
//
//   node scripts/circles.mjs            checks src/ and lib/
//   node scripts/circles.mjs FOLDER…    checks other trees: Rust from a folder's lib.rs; if it has none, all its .js files
//   node scripts/circles.mjs --graph    prints every import as well
//
// In JavaScript, each require() of a file of the tree is an import. In Rust these rules hold:
//
// - An import is a path that leads into another file. It stands in a `use` or in code, and begins with `crate::`, `super::`, `self::`, the
//   name of a child module, or the name of a module that a `use` has brought into scope. It counts at the line of the name.
// - A file and the folder of the same name count as one file: everything below stream_socket/ is part of stream_socket.rs.
// - A folder's mod.rs, and lib.rs, are *lists* of names. A file that imports a name from a list imports the file that defines the name. The
//   re-exports (`pub use`) of a list are not imports of the list. Only the items that a list itself defines, its private `use`s and its
//   code count for the list. Any other file that re-exports a name stands for the name: whoever imports the name imports this file, and
//   this file imports the next one.
// - `use list::*` imports those names of the list that the file mentions. `use file::*` imports the file.
// - A file that `#[path]` names counts where the file lies, not where it is declared. If `cfg` chooses between alternatives, all of them
//   count.
// - These do not count: `mod` lines, comments, strings, attributes, other crates, and code that only tests have (`#[cfg(test)]`,
//   `#[test]`).
//
// Two kinds of use are not found, because no path in the code names them: methods from an `impl` in another file, and macros that are in
// scope because they stand earlier in the text.

import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Tree, compare } from "./circles/imports.mjs";
import { Requires } from "./circles/requires.mjs";

/** @typedef {import("./circles/imports.mjs").Edge} Edge */

/**
 * For a circle of at most this many files, the smallest set of imports that closes it is computed (2^n steps). For larger ones it is
 * searched for, and a smaller set may exist.
 */
const EXACT = 18;
/** The number of orders that the search starts from. */
const STARTS = 60;

// --- from imports to circles -------------------------------------------------------------------------------

/** For each file: the files that it imports, each with the number of these imports. @param {Edge[]} edges */
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
 * The shortest way from one file to another along imports, as a list of files; undefined if there is none.
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

/**
 * Groups of files. Along imports, each file of a group can be reached from each other file of the group.
 *
 * @param {Map<string, Map<string, number>>} weights
 * @returns {string[][]}
 */
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

/**
 * Computes an order of a group's files in which the fewest imports lead back to an earlier file.
 *
 * @param {number[][]} matrix
 * @returns {number[]}
 */
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

/** Pseudo-random numbers from 0 to 2^31 - 1. Each run gets the same ones. */
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

/**
 * Searches for such an order for a large group. From many starts, it moves one file after the other to the place that costs least.
 *
 * @param {number[][]} matrix
 * @returns {number[]}
 */
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
        // `price`: how much the cost changes if the node is moved from the front to `at`.
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

/**
 * Prints the circles of a tree, and how many files, imports and circles it has.
 *
 * @param {string} folder
 * @param {boolean} isGraph
 * @returns {boolean} whether it has a circle
 */
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

/**
 * The way back from the file that `edge` imports to the file that imports it: one import for each step.
 *
 * @param {Edge} edge
 * @param {Edge[]} forward
 */
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
