// Builds the documentation site from the repository's Markdown, into target/site/out. It works in a fresh clone: it installs the site's
// tools by itself, outside the package's own node_modules.
//
//   npm run docs                     builds it
//   npm run docs -- --serve          builds it, serves it at http://127.0.0.1:4173/, and runs until it is stopped
//   npm run docs -- --port 8080      the same at another port
//   npm run docs -- --draw           only draws docs/img/states-….svg anew, after a change of docs/states.md
//
// docs/site/pages.mjs says which pages it has. It fails if a link or an anchor leads nowhere, or if a page would load something from
// elsewhere. The result works at any path of a server.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { repositoryOf, stage } from "../docs/site/stage.mjs";
import { root } from "./build.mjs";
import { startProgress } from "./progress.mjs";
import { checkSite } from "./site/check.mjs";
import { draw } from "./site/draw.mjs";
import { makeRelative, PLACEHOLDER } from "./site/relative.mjs";

const SOURCE = path.join(root, "docs", "site");
const SITE = path.join(root, "target", "site");
const OUT = path.join(SITE, "out");

/** @param {string} command @param {string[]} args @param {string} cwd @param {Record<string, string>} [environment] */
async function run(command, args, cwd, environment = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...environment }, shell: process.platform === "win32", stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const status = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: status ${status}\n${output.trim()}`);
}

/**
 * Installs the site's tools, unless they are there, and returns their folder. .ci/run keeps it in its cache, under the hash of the lock file.
 */
async function installTools() {
  const lock = readFileSync(path.join(SOURCE, "package-lock.json"));
  const name = `site-${createHash("sha256").update(lock).digest("hex").slice(0, 12)}`;
  const tools = path.join(process.env.TCP_UDP_SOCKETS_CI_CACHE ?? path.join(root, "target"), name);
  const done = path.join(tools, "installed");
  if (!existsSync(done)) {
    mkdirSync(tools, { recursive: true });
    for (const file of ["package.json", "package-lock.json", ".npmrc"]) cpSync(path.join(SOURCE, file), path.join(tools, file));
    await run("npm", ["ci", "--ignore-scripts", "--no-progress"], tools);
    writeFileSync(done, "");
  }
  return path.join(tools, "node_modules");
}

/** Writes the pages, VitePress's configuration and its theme to a new folder. @param {string} modules */
function writeSite(modules) {
  const { pages, problems } = stage(root);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  rmSync(SITE, { recursive: true, force: true });
  const [own, markdown] = [".vitepress", "pages"].map((name) => path.join(SITE, name));
  mkdirSync(markdown, { recursive: true });
  for (const [page, text] of pages) writeFileSync(path.join(markdown, `${page}.md`), text);
  cpSync(path.join(SOURCE, "vitepress"), own, { recursive: true });
  for (const file of ["markdown.mjs", "pages.mjs"]) cpSync(path.join(SOURCE, file), path.join(own, file));
  const { version, description } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  writeFileSync(path.join(own, "site.json"), JSON.stringify({ version, description, repository: repositoryOf(root) }));
  writeFileSync(path.join(SITE, "package.json"), '{ "private": true, "type": "module" }\n');
  symlinkSync(modules, path.join(SITE, "node_modules"), "junction");
  return pages.size;
}

/** Serves the site to this machine until the process is stopped. @param {string} port */
async function serve(port) {
  const program = path.join(SITE, "node_modules", "vite", "bin", "vite.js");
  const args = [program, "preview", "--config", path.join(".vitepress", "preview.config.mjs"), "--port", port];
  const child = spawn(process.execPath, args, { cwd: SITE, stdio: "inherit" });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.once(signal, () => child.kill(signal));
  await once(child, "close");
}

async function main() {
  const { values } = parseArgs({ options: { serve: { type: "boolean" }, port: { type: "string" }, draw: { type: "boolean", default: false } } });
  let current = "installing the site's tools";
  const progress = startProgress("docs", (seconds) => `${current}, ${Math.round(seconds)} s`);
  try {
    const modules = await installTools();
    const stale = await draw(root, modules, values.draw);
    if (values.draw) return progress.line(stale.length === 0 ? "the drawings are what docs/states.md says" : `drew ${stale.join(", ")}`);
    if (stale.length > 0) throw new Error(`not what docs/states.md says: ${stale.join(", ")}: run npm run docs -- --draw`);
    const count = writeSite(modules);
    current = `building ${count} pages`;
    const program = path.join(SITE, "node_modules", "vitepress", "bin", "vitepress.js");
    await run(process.execPath, [program, "build", "."], SITE, { TCP_UDP_SOCKETS_SITE_BASE: PLACEHOLDER });
    makeRelative(OUT);
    const problems = checkSite(OUT);
    if (problems.length > 0) throw new Error(problems.join("\n"));
    progress.line(`${count} pages are in ${path.relative(root, path.join(OUT, "index.html"))} (${Math.round(progress.seconds())} s)`);
  } finally {
    progress.stop();
  }
  if (values.serve || values.port !== undefined) await serve(values.port ?? "4173");
}

try {
  await main();
} catch (error) {
  console.error(`docs: ${error.message}`);
  process.exitCode = 1;
}
