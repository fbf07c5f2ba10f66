// The code blocks of a page, and the comment above each that says how to run it:
//
//   <!-- run: peer echo 127.0.0.1:6789; needs openssl -->
//   ```js
//
// Semicolons separate the clauses. A block without clauses runs alone, and has to end by itself:
//
//   peer KIND HOST:PORT             a server that answers there meanwhile (peers.mjs); the block has to use it
//   client KIND PORT                a client of the block, which serves there (clients.mjs); then the block is stopped
//   serves PORT to the next block   the block runs on beside the next one, and is stopped after it
//   before the next block           the next block runs afterwards, in the same folder
//   makes FILE                      the block has to write this file, not empty
//   in RUNTIME                      the block runs in `bun`, `deno` or `workerd` (Cloudflare's runtime of Workers, where it serves port 8080), not in
//                                   Node, and its types are not checked; needs RUNTIME
//   needs PROGRAM, needs node 26    if it is missing, the block is skipped, and counted
//   by .ci/run's step "NAME"        not run here: that step runs it (several: steps "A", "B")
//   not here: REASON                not run anywhere; at most five of all blocks

/** Languages of blocks. Drawings and lists have no way to run. */
const LANGUAGES = new Set(["js", "ts", "sh", "json", "text"]);

/**
 * @typedef {object} Run a block's comment
 * @property {{ kind: string, host: string, port: number }[]} peers
 * @property {{ kind: string, port: number }[]} clients
 * @property {number | undefined} serves the port where this block serves the next one
 * @property {boolean} before whether the next block runs after this one in the same folder
 * @property {string[]} makes
 * @property {string[]} needs programs, such as `openssl` or `node 26`
 * @property {"bun" | "deno" | "workerd" | undefined} runtime where it runs; undefined: in Node
 * @property {string[]} steps of .ci/run that run it instead
 * @property {string | undefined} not why it cannot run
 *
 * @typedef {object} Block
 * @property {string} name page and line, in a form that an editor opens
 * @property {string} language
 * @property {string} code its text in the page
 * @property {string} [program] the code without its types, if it has types
 * @property {Run} run
 * @property {string[]} problems faults of the block that are known before it runs
 */

/** The form of each clause, and a function that adds the clause to a run. @type {[RegExp, (run: Run, found: string[]) => void][]} */
const CLAUSES = [
  [/^peer ([\w-]+) ([\w.-]+):(\d+)$/, (run, [, kind, host, port]) => run.peers.push({ kind, host, port: Number(port) })],
  [/^client ([\w-]+) (\d+)$/, (run, [, kind, port]) => run.clients.push({ kind, port: Number(port) })],
  [/^serves (\d+) to the next block$/, (run, [, port]) => (run.serves = Number(port))],
  [/^before the next block$/, (run) => (run.before = true)],
  [/^makes ([\w./-]+)$/, (run, [, file]) => run.makes.push(file)],
  [/^in (bun|deno|workerd)$/, (run, [, runtime]) => Object.assign(run, { runtime, needs: [...run.needs, runtime] })],
  [/^needs (node \d+|[\w-]+)$/, (run, [, program]) => run.needs.push(program)],
  [/^by \.ci\/run's steps? ("[^"]+"(?:, "[^"]+")*)$/, (run, [, names]) => run.steps.push(...names.slice(1, -1).split('", "'))],
  [/^not here: (.*\w.*)$/, (run, [, reason]) => (run.not = reason)],
];

/** @param {string | undefined} text the text after `run:` @param {string[]} problems */
function readRun(text, problems) {
  /** @type {Run} */
  const run = { peers: [], clients: [], serves: undefined, before: false, makes: [], needs: [], runtime: undefined, steps: [], not: undefined };
  for (const clause of text?.split(";").map((part) => part.trim()) ?? []) {
    const [form, add] = CLAUSES.find(([pattern]) => pattern.test(clause)) ?? [];
    if (form === undefined || add === undefined) problems.push(`unknown clause "${clause}": see scripts/docs/blocks.mjs`);
    else add(run, form.exec(clause) ?? []);
  }
  return run;
}

/**
 * Every fenced block of a page, in order.
 *
 * @param {string} page its name
 * @param {string} markdown
 * @returns {Block[]}
 */
export function readBlocks(page, markdown) {
  const lines = markdown.split("\n");
  const blocks = [];
  for (let at = 0; at < lines.length; at++) {
    const [, indent, fence, info] = /^( *)(`{3,}|~{3,}) *(.*)$/.exec(lines[at]) ?? [];
    if (fence === undefined) continue;
    const start = at;
    do at += 1; while (at < lines.length && !isEnd(lines[at], fence));
    const problems = [];
    if (at === lines.length) problems.push("the block does not end");
    if (info === "") problems.push("no language: drawings and lists are `text`");
    else if (!LANGUAGES.has(info)) problems.push(`unknown language "${info}": ${[...LANGUAGES].join(", ")} are known`);
    const [, comment] = /^ *<!-- run: (.*) -->$/.exec(lines[start - 1] ?? "") ?? [];
    const code = lines.slice(start + 1, at).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    blocks.push({ name: `${page}:${start + 1}`, language: info, code: `${code.join("\n")}\n`, run: readRun(comment, problems), problems });
  }
  for (const [at, line] of lines.entries()) {
    if (!/^ *<!-- *run:/.test(line) || (/^ *<!-- run: .* -->$/.test(line) && /^ *(`{3,}|~{3,})/.test(lines[at + 1] ?? ""))) continue;
    const problems = ["a run: comment stands on one line, directly above its block"];
    blocks.push({ name: `${page}:${at + 1}`, language: "text", code: line, run: readRun(undefined, problems), problems });
  }
  return blocks;
}

/** @param {string} line @param {string} fence */
function isEnd(line, fence) {
  const text = line.trim();
  return text.length >= fence.length && [...text].every((sign) => sign === fence[0]);
}

/** The functions of a program that print. A page may show their output. */
const PRINTS = /console\.log\(|process\.stdout\.write\(/;

/**
 * The lines that a program prints, as its page shows them: in a comment after console.log() on the same line, and in the comment lines that
 * directly follow. `…` stands for any text. The list is empty if the page shows no output.
 *
 * @param {string} code
 */
export function shownOutput(code) {
  const shown = [];
  let isOutput = false;
  for (const line of code.split("\n")) {
    if (PRINTS.test(line)) {
      const [, behind] = / \/\/ (.*)$/.exec(line.slice(line.search(PRINTS))) ?? [];
      if (behind !== undefined) shown.push(behind);
      isOutput = true;
    } else {
      const [, text] = /^ *\/\/ ?(.*)$/.exec(line) ?? [];
      isOutput &&= text !== undefined;
      if (isOutput) shown.push(text);
    }
  }
  return shown;
}

/**
 * The fault of a program's output; undefined: it is right.
 *
 * @param {string} code
 * @param {string} stdout
 */
export function outputProblem(code, stdout) {
  if (!PRINTS.test(code)) return stdout === "" ? undefined : `it printed, and nothing in it says so:\n${stdout}`;
  if (stdout === "") return "it printed nothing";
  const shown = shownOutput(code);
  const printed = stdout.trimEnd().split("\n");
  const fits = shown.length === printed.length && shown.every((line, at) => wildcard(line).test(printed[at]));
  return shown.length === 0 || fits ? undefined : `the page shows\n${shown.join("\n")}\nand it printed\n${printed.join("\n")}`;
}

/** @param {string} line */
function wildcard(line) {
  const parts = line.split("…").map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}
