"use strict";

// How the native half is found, and what is said when it is not: by a copy of the package's files, in a process of its own.

const { execFileSync, spawnSync } = require("node:child_process");
const { cpSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const process = require("node:process");

const { environment } = require("../helpers/environment");

const root = path.join(__dirname, "..", "..");
const REPORT = path.join(root, "__test__", "helpers", "report.js");
const built = readdirSync(root).find((name) => isOwn(name));
const platform = built?.split(".")[1];

/** A folder with the package as node_modules/tcp-udp-sockets, without any binary. */
let project;

beforeEach(() => {
  project = mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-"));
  const to = path.join(project, "node_modules", "tcp-udp-sockets");
  mkdirSync(to, { recursive: true });
  for (const name of ["package.json", "index.js", "index.mjs", "globals.js", "testing.js", "testing.mjs", "agent.js", "agent.mjs", "lib"]) {
    cpSync(path.join(root, name), path.join(to, name), { recursive: true });
  }
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

/** Whether a file is this system's binary. */
function isOwn(name) {
  const [start, target, end] = name.split(".");
  return start === "tcp-udp-sockets" && end === "node" && target.startsWith(`${process.platform}-${process.arch}`);
}

/** Runs a script in the project; `reported` is what it gives by report(). */
function run(script, env = {}) {
  const withoutBinary = environment();
  delete withoutBinary.NAPI_RS_NATIVE_LIBRARY_PATH;
  const { status, stderr, output } = spawnSync(process.execPath, ["-e", `const { report } = require(${JSON.stringify(REPORT)});${script}`], {
    cwd: project,
    encoding: "utf8",
    env: { ...withoutBinary, ...env },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    timeout: 20_000,
  });
  return { status, stderr, reported: output[3] === "" ? undefined : JSON.parse(output[3]) };
}

/** Runs npm in the project, and returns what it prints. */
function npm(...args) {
  return execFileSync("npm", args, { cwd: project, encoding: "utf8", shell: process.platform === "win32", stdio: ["ignore", "pipe", "pipe"] });
}

const LOAD = 'require("tcp-udp-sockets"); report("loaded")';

/** Installs the platform's package with the given file as its binary. */
function installPlatformPackage(contents) {
  const to = path.join(project, "node_modules", "@tcp-udp-sockets", platform);
  cpSync(path.join(root, "npm", platform), to, { recursive: true });
  const file = path.join(to, built);
  if (contents === undefined) copyFileSync(path.join(root, built), file);
  else writeFileSync(file, contents);
}

test("nothing there: the error tells what was tried, each reason, and what would help", () => {
  const { status, stderr } = run(LOAD);
  expect(status).toBe(1);
  expect(stderr).toContain(`could not load its native half for ${platform}`);
  // What was tried, and why it failed.
  expect(stderr).toMatch(new RegExp(`- .*tcp-udp-sockets\\.${platform}\\.node: Cannot find module`));
  expect(stderr).toContain(`- @tcp-udp-sockets/${platform}: Cannot find module`);
  // The cure for npm's lost optional dependencies, and how to build.
  expect(stderr).toContain("package-lock.json");
  expect(stderr).toMatch(/install again/);
  expect(stderr).toContain("npm run build");
  expect(stderr).toContain("https://rustup.rs");
  expect(stderr).toContain("NAPI_RS_NATIVE_LIBRARY_PATH");
});

test("a system without a published binary: the error says so, and how to build one", () => {
  const { status, stderr } = run(`
    for (const [name, value] of [["platform", "openbsd"], ["arch", "riscv64"]]) Object.defineProperty(process, name, { value });
    ${LOAD}`);
  expect(status).toBe(1);
  expect(stderr).toContain("could not load its native half for openbsd-riscv64. Tried:\n");
  expect(stderr).toContain("  - @tcp-udp-sockets/openbsd-riscv64: no binaries are published for this platform\nTo build it: with Rust installed");
  expect(stderr).not.toContain("install again");
});

test("npm installs the package on such a system, without any binary", () => {
  const [packed] = JSON.parse(npm("pack", "--json", "--ignore-scripts", "--pack-destination", project, root));
  rmSync(path.join(project, "node_modules"), { recursive: true });
  writeFileSync(path.join(project, "package.json"), "{}");
  npm("install", "--offline", "--no-audit", "--no-fund", "--os=openbsd", "--cpu=riscv64", `./${packed.filename}`);
  expect(readdirSync(path.join(project, "node_modules")).filter((name) => !name.startsWith("."))).toEqual(["tcp-udp-sockets"]);
});

test("a binary that is none: the error tells why it did not load", () => {
  installPlatformPackage("not a library");
  const { status, stderr } = run(LOAD);
  expect(status).toBe(1);
  expect(stderr).toMatch(new RegExp(`- @tcp-udp-sockets/${platform}: .*${built.replaceAll(".", "\\.")}`));
  expect(stderr).not.toContain(`- @tcp-udp-sockets/${platform}: Cannot find module`);
});

test("the platform's package is found", () => {
  installPlatformPackage();
  expect(run(LOAD)).toMatchObject({ status: 0, reported: "loaded" });
});

test("NAPI_RS_NATIVE_LIBRARY_PATH names the binary", () => {
  const { status, reported } = run(LOAD, { NAPI_RS_NATIVE_LIBRARY_PATH: path.join(root, built) });
  expect({ status, reported }).toEqual({ status: 0, reported: "loaded" });
});

test("what NAPI_RS_NATIVE_LIBRARY_PATH names and cannot be loaded is an error, whatever else there is", () => {
  installPlatformPackage();
  const { status, stderr } = run(LOAD, { NAPI_RS_NATIVE_LIBRARY_PATH: "./missing.node" });
  expect(status).toBe(1);
  expect(stderr).toContain("NAPI_RS_NATIVE_LIBRARY_PATH");
  expect(stderr).toContain(path.join(project, "missing.node"));
});

test("index.mjs and index.js give the same classes", () => {
  installPlatformPackage();
  const script = `import("tcp-udp-sockets").then((esm) => {
    const cjs = require("tcp-udp-sockets");
    for (const name of Object.keys(cjs)) if (esm[name] !== cjs[name]) throw new Error(name);
    report(Object.keys(esm).filter((name) => !(name in cjs)));
  })`;
  expect(run(script)).toMatchObject({ status: 0, reported: [] });
});

test("tcp-udp-sockets/testing knows the sockets of the package that is imported or required beside it", () => {
  installPlatformPackage();
  const script = `(async () => {
    const { TCPServerSocket } = require("tcp-udp-sockets");
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const [cjs, esm] = [require("tcp-udp-sockets/testing"), await import("tcp-udp-sockets/testing")];
    const seen = [cjs, esm].map(({ openSockets }) => openSockets().length === 1 && openSockets()[0] === server);
    const pair = await esm.socketPair();
    seen.push(cjs.openSockets().length === 3, pair.every(({ readyState }) => readyState === "open"));
    await cjs.closeAll();
    report([Object.keys(cjs), seen, esm.openSockets().length]);
  })()`;
  expect(run(script)).toMatchObject({ status: 0, reported: [["closeAll", "openSockets", "socketPair"], [true, true, true, true], 0] });
});

test("tcp-udp-sockets/agent gives the same classes to import and require, and the package itself does not load it", () => {
  installPlatformPackage();
  const script = `(async () => {
    const path = require("node:path");
    require("tcp-udp-sockets");
    const loaded = Object.keys(require.cache).filter((file) => path.basename(path.dirname(file)) === "agent" || path.basename(file) === "agent.js");
    const [cjs, esm] = [require("tcp-udp-sockets/agent"), await import("tcp-udp-sockets/agent")];
    report([loaded, Object.keys(cjs), Object.keys(cjs).every((name) => cjs[name] === esm[name])]);
  })()`;
  expect(run(script)).toMatchObject({ status: 0, reported: [[], ["Agent", "HttpsAgent", "connector"], true] });
});

test("nothing is added to globalThis but by tcp-udp-sockets/globals (R-trust)", () => {
  installPlatformPackage();
  const script = `
    const before = Object.getOwnPropertyNames(globalThis);
    const sockets = require("tcp-udp-sockets");
    const added = () => Object.getOwnPropertyNames(globalThis).filter((name) => !before.includes(name)).sort();
    const none = added();
    require("tcp-udp-sockets/globals");
    report([none, added(), added().every((name) => globalThis[name] === sockets[name])]);`;
  expect(run(script).reported).toEqual([[], ["TCPServerSocket", "TCPSocket", "UDPSocket"], true]);
});
