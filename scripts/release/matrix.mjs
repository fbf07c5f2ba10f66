// Prints the targets of a release as the matrix of a job of GitHub's: a line `matrix={"include":[…]}` for its file of outputs.
//
//   node scripts/release/matrix.mjs             prints the line
//   node scripts/release/matrix.mjs --output    adds it to the file that GITHUB_OUTPUT names, too

import { appendFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { script } from "./run.mjs";
import { TARGETS } from "./targets.mjs";

await script("release: matrix", () => {
  const { values } = parseArgs({ options: { output: { type: "boolean", default: false } } });
  const include = Object.entries(TARGETS).map(([platform, { runner, tested }]) => ({ platform, runner, tested }));
  const line = `matrix=${JSON.stringify({ include })}`;
  console.log(line);
  if (!values.output) return;
  if (!process.env.GITHUB_OUTPUT) throw new Error("GITHUB_OUTPUT names no file");
  appendFileSync(process.env.GITHUB_OUTPUT, `${line}\n`);
});
