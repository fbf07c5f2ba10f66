"use strict";

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const process = require("node:process");

/**
 * Builds fixtures/NAME.c as a library to preload (LD_PRELOAD), in its own folder, which is removed with this process.
 *
 * @param {string} name
 * @returns {{ folder: string, library: string, obstacle: string | undefined }} obstacle: why it is not possible here
 */
function preload(name) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `${name}-`));
  process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
  const library = path.join(folder, `${name}.so`);
  return { folder, library, obstacle: build(name, library) };
}

/**
 * @param {string} name
 * @param {string} library
 */
function build(name, library) {
  if (process.platform !== "linux" || !process.report.getReport().header.glibcVersionRuntime) {
    return "needs Linux with glibc";
  }
  const source = path.join(__dirname, "..", "fixtures", `${name}.c`);
  const built = spawnSync("cc", ["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, source, "-ldl"], { encoding: "utf8" });
  return built.status === 0 ? undefined : `needs a C compiler: ${built.error?.message ?? built.stderr}`;
}

module.exports = { preload };
