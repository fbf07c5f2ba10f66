// Runs every code block of the documentation: README.md, CONTRIBUTING.md and docs/*.md. docs/api.md contains the examples of
// index.d.ts. A block runs in a process of its own, against peers on this machine. Its output is compared with the output that
// its page shows. scripts/docs/blocks.mjs documents how a page says what a block needs.
//
//   node scripts/docs.mjs [PAGE…]      all pages, or these
//
//   --limit MS  how long a block may take; default 20,000. On an idle machine each needs less than a tenth of it
//   --json    prints a line of JSON for each block: { name, outcome, detail }
//   --plan    runs nothing: only prints which blocks would run
//   --all     fails if a block is skipped because this machine lacks something

import { spawn, spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { transformSync } from "esbuild";
import { root } from "./build.mjs";
import { readBlocks } from "./docs/blocks.mjs";
import { clients } from "./docs/clients.mjs";
import { peers } from "./docs/peers.mjs";
import { concurrency, makePlace, obstacle } from "./docs/place.mjs";
import { checkTypes } from "./docs/types.mjs";

/** The most blocks that may be marked as not runnable. */
const NOT_HERE = 5;

const SCENE = fileURLToPath(new URL("docs/scene.mjs", import.meta.url));

/**
 * @typedef {import("./docs/blocks.mjs").Block} Block
 * @typedef {"ran" | "step" | "drawing" | "not here" | "skipped" | "failed"} Outcome
 * @typedef {{ name: string, outcome: Outcome, detail: string }} Result
 */

function defaultPages() {
  const docs = readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", "CONTRIBUTING.md", ...docs.map((name) => path.posix.join("docs", name))];
}

/** Groups of blocks that run together, in the order of the page. @param {Block[]} blocks */
function scenesOf(blocks) {
  /** @type {Block[][]} */
  const scenes = [];
  let isOpen = false;
  for (const block of blocks) {
    if (isOpen) scenes[scenes.length - 1].push(block);
    else scenes.push([block]);
    isOpen = block.run.before || block.run.serves !== undefined;
  }
  if (isOpen) blocks[blocks.length - 1].problems.push("there is no next block");
  return scenes;
}

/** The names of .ci/run's steps. A step in a loop has the name that is written there. */
const steps = [...readFileSync(path.join(root, ".ci", "run"), "utf8").matchAll(/\bstep "([^"]+)"/g)].map(([, name]) => name);

/** Matches a line that only programs and commands have. */
const PROGRAM = /^ *(?:import|const|let|await|node|npm|npx) \S/m;

/** Checks a block without running it. @param {Block} block */
function check({ language, code, run, problems }) {
  for (const { kind } of run.peers) if (!Object.hasOwn(peers, kind)) problems.push(`there is no peer "${kind}": see scripts/docs/peers.mjs`);
  for (const { kind } of run.clients) if (!Object.hasOwn(clients, kind)) problems.push(`there is no client "${kind}": see scripts/docs/clients.mjs`);
  for (const name of run.steps) if (!steps.includes(name)) problems.push(`.ci/run has no step "${name}"`);
  if (language === "text" && PROGRAM.test(code)) problems.push("it looks like a program: `text` is for drawings and lists");
  if (code.trim() === "") problems.push("the block is empty");
  if (language === "json") {
    try {
      JSON.parse(code);
    } catch (error) {
      problems.push(error.message);
    }
  }
}

/** The outcome of a block that does not run; undefined: it has to run. @param {Block} block @param {Block[]} scene @returns {Omit<Result, "name"> | undefined} */
function decided(block, scene) {
  if (block.problems.length > 0) return { outcome: "failed", detail: block.problems.join("\n") };
  if (block.run.not !== undefined) return { outcome: "not here", detail: block.run.not };
  if (block.run.steps.length > 0) return { outcome: "step", detail: block.run.steps.join(", ") };
  if (block.language === "text" || block.language === "json") return { outcome: "drawing", detail: "" };
  const why = obstacle(scene);
  return why === undefined ? undefined : { outcome: "skipped", detail: why };
}

/** @param {Block[]} scene @param {ReturnType<typeof makePlace>} place @param {string} limit @returns {Promise<(string | null)[]>} */
function play(scene, place, limit) {
  const [command, ...args] = place.command([process.execPath, SCENE, place.scene(), limit]);
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  child.stdin.on("error", () => {});
  // Standard input stays open: when this process ends, the scene ends too, with all processes that it has started.
  child.stdin.write(`${JSON.stringify(scene)}\n`);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => {
      const problems = output.trimEnd().split("\n");
      if (status === 0 && problems.length === scene.length) resolve(problems.map((line) => JSON.parse(line)));
      else resolve(scene.map(() => `the scene ended with ${signal ?? status}: ${output}`));
    });
  });
}

/**
 * @param {Block[][]} scenes
 * @param {string} limit
 * @param {(block: Block, result: Omit<Result, "name">) => void} onResult
 */
async function runAll(scenes, limit, onResult) {
  const place = makePlace();
  try {
    const types = checkTypes(scenes.flat().filter(({ run }) => run.runtime === undefined), place.folder);
    const waiting = scenes.map((scene) => scene.map((block) => (block.language === "ts" && !types.has(block.name) ? { ...block, program: withoutTypes(block) } : block)));
    const work = async () => {
      for (let scene = waiting.shift(); scene !== undefined; scene = waiting.shift()) {
        const wrong = scene.map(({ name }) => types.get(name));
        const problems = wrong.some(Boolean) ? wrong.map((problem) => problem ?? "a block beside it has wrong types") : await play(scene, place, limit);
        scene.forEach((block, at) => onResult(block, { outcome: problems[at] == null ? "ran" : "failed", detail: problems[at] ?? "" }));
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
  } finally {
    place.close();
  }
}

/** @param {Block} block */
const withoutTypes = ({ code }) => transformSync(code, { loader: "ts", format: "esm", target: "esnext" }).code;

/** @param {Result[]} results */
function summary(results) {
  const count = (/** @type {Outcome} */ outcome) => results.filter((result) => result.outcome === outcome).length;
  const parts = [`${count("ran")} blocks run`, `${count("step")} by another step`, `${count("not here")} marked as not runnable`, `${count("drawing")} drawings`];
  if (count("skipped") > 0) parts.push(`${count("skipped")} skipped`);
  if (count("failed") > 0) parts.push(`${count("failed")} FAILED`);
  return parts.join(", ");
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { limit: { type: "string", default: "20000" }, json: { type: "boolean" }, plan: { type: "boolean" }, all: { type: "boolean" } },
  });
  const pages = positionals.length > 0 ? positionals : defaultPages();
  /** @type {Map<string, Omit<Result, "name">>} */
  const outcomes = new Map();
  const blocks = pages.flatMap((page) => readBlocks(page, readFileSync(path.resolve(root, page), "utf8")));
  blocks.forEach(check);
  const marked = blocks.filter(({ run }) => run.not !== undefined);
  for (const { problems } of marked.slice(NOT_HERE)) problems.push(`the ${marked.length} blocks marked as not runnable are more than ${NOT_HERE}`);
  const toRun = [];
  for (const scene of scenesOf(blocks)) {
    const fates = scene.map((block) => decided(block, scene));
    if (fates.every((fate) => fate === undefined)) toRun.push(scene);
    scene.forEach(({ name }, at) => outcomes.set(name, fates[at] ?? { outcome: "failed", detail: "a block that belongs to it does not run" }));
  }
  const names = blocks.map(({ name }) => name);
  for (const { name } of toRun.flat()) outcomes.set(name, { outcome: "ran", detail: "" });
  if (!values.plan) await runAll(toRun, values.limit, ({ name }, result) => outcomes.set(name, result));

  const results = names.map((name) => ({ name, .../** @type {Omit<Result, "name">} */ (outcomes.get(name)) }));
  for (const result of values.json ? results : results.filter(({ outcome }) => ["failed", "skipped", "not here"].includes(outcome))) {
    console.log(values.json ? JSON.stringify(result) : `${result.name}: ${result.outcome}: ${result.detail}`);
  }
  const isStale = positionals.length === 0 && spawnSync(process.execPath, ["scripts/api.mjs", "--check"], { cwd: root, stdio: ["ignore", "ignore", "inherit"] }).status !== 0;
  console[values.json ? "error" : "log"](summary(results));
  const bad = new Set(["failed", ...(values.all ? ["skipped"] : [])]);
  if (isStale || blocks.length === 0 || results.some(({ outcome }) => bad.has(outcome))) process.exitCode = 1;
}

await main();
