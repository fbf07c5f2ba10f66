// Checks the types of the pages' programs against the installed package, as an editor does. TypeScript is checked under `strict`.
// JavaScript is checked under `strict`, too, but the parameters of its functions need no types. If one program has a syntax error, the
// compiler checks no other.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { root } from "../build.mjs";

/**
 * @param {import("./blocks.mjs").Block[]} blocks
 * @param {string} folder the folder with the installed package
 * @returns {Map<string, string>} the errors, by the block's name
 */
export function checkTypes(blocks, folder) {
  const problems = new Map();
  for (const language of ["js", "ts"]) {
    const programs = blocks.filter((block) => block.language === language);
    if (programs.length === 0) continue;
    const place = path.join(folder, `types-${language}`);
    mkdirSync(place);
    programs.forEach(({ code }, at) => writeFileSync(path.join(place, `${at}.m${language}`), code));
    writeFileSync(path.join(place, "tsconfig.json"), JSON.stringify(configuration(language)));
    const tsc = path.join(root, "node_modules", "typescript", "lib", "tsc.js");
    const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "-p", ".", "--pretty", "false"], { cwd: place, encoding: "utf8" });
    if (status === 0) continue;
    const told = [...stdout.matchAll(/^(\d+)\.m[jt]s\((\d+),\d+\): (.*(?:\n .*)*)/gm)];
    if (told.length === 0) throw new Error(`tsc: ${stdout}${stderr}`);
    for (const [, at, line, message] of told) {
      const { name } = programs[Number(at)];
      problems.set(name, [problems.get(name), `line ${line} of the block: ${message}`].filter(Boolean).join("\n"));
    }
  }
  return problems;
}

/** @param {string} language */
function configuration(language) {
  return {
    compilerOptions: {
      noEmit: true,
      strict: true,
      ...(language === "js" && { allowJs: true, checkJs: true, noImplicitAny: false }),
      skipLibCheck: true,
      target: "es2023",
      module: "node16",
      moduleResolution: "node16",
      lib: ["es2023"],
      types: ["node"],
      typeRoots: [path.join(root, "node_modules", "@types")],
    },
    include: [`*.m${language}`],
  };
}
