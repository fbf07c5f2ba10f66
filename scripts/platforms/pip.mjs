// Downloads packages of PyPI, with pip of this system or of Debian, and unpacks them instead of installing them.

import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { run } from "./cache.mjs";
import { libraryPath, unpack } from "./debian.mjs";

/**
 * @param {string} folder the folder to unpack to
 * @param {string[]} packages
 * @param {string[]} [more] options of `pip install`
 */
export function pip(folder, packages, more = []) {
  const options = ["--quiet", "--no-deps", "--no-compile", "--disable-pip-version-check", "--target", folder];
  const install = ["-m", "pip", "install", ...options, ...more, ...packages];
  try {
    run("python3", ["-m", "pip", "--version"]);
  } catch {
    withDebiansPip(install);
    return;
  }
  run("python3", install);
}

/** Runs Python with Debian's pip, which is unpacked into a temporary folder. @param {string[]} args */
function withDebiansPip(args) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-pip-"));
  try {
    unpack(folder, ["python3-minimal", "python3-pip"]);
    run("python3", args, {
      ...process.env,
      ...libraryPath(folder),
      // If the system has Python, it was not unpacked, and is found by the system's PATH.
      PATH: `${path.join(folder, "usr", "bin")}:${process.env.PATH}`,
      PYTHONPATH: path.join(folder, "usr", "lib", "python3", "dist-packages"),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
