// Bundles the package, as it is published, in each way that docs/runtimes.md describes, and runs the result.
//
//   npm run dist && node scripts/bundlers.mjs [NAME…]     names: esbuild rollup webpack vite sea bun
//
// The bundlers come from the npm registry into a folder of their own (TCP_UDP_SOCKETS_CI_CACHE, else ~/.cache/tcp-udp-sockets-ci).

import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { binary, root } from "./build.mjs";

const cache = process.env.TCP_UDP_SOCKETS_CI_CACHE ?? path.join(os.homedir(), ".cache", "tcp-udp-sockets-ci");
const native = path.basename(binary());
const [, target] = native.split(".");

/** The program that is bundled: an echo, which shows that the binary also works. */
const ECHO = `
const { TCPServerSocket, TCPSocket } = sockets;
const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
server.onconnect = ({ connectedSocket }) => {
  connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
  server.close();
};
const socket = new TCPSocket("127.0.0.1", server.localPort);
socket.onopen = () => socket.send("bundled");
socket.onmessage = ({ data }) => {
  console.log(new TextDecoder().decode(data));
  socket.close();
};
`;

/** The ways to bundle, by bundler. Each function gets a folder with the package installed, and returns the command that runs the result. */
const WAYS = {
  /**
   * CommonJS. In the first way the platform's package stays outside the bundle, in the second the binary is copied into the output folder.
   */
  esbuild: { tools: ["esbuild@^0.28"], ways: [esbuildExternal, esbuildCopied] },
  rollup: { tools: ["rollup@^4", "@rollup/plugin-commonjs@^29", "@rollup/plugin-node-resolve@^16"], ways: [rollupExternal] },
  webpack: { tools: ["webpack@^5", "webpack-cli@^6"], ways: [webpackExternal] },
  vite: { tools: ["vite@^7"], ways: [viteServer] },
  sea: { tools: ["esbuild@^0.28", "postject@^1.0.0-alpha.6"], ways: [seaAsset, seaBeside, seaForced] },
  bun: { tools: [], ways: [bunCompile] },
};

function esbuildExternal(folder, tool) {
  run(tool("esbuild"), ["main.cjs", "--bundle", "--platform=node", "--outfile=out/main.cjs", "--external:@tcp-udp-sockets/*"], folder);
  return [process.execPath, ["out/main.cjs"]];
}

function esbuildCopied(folder, tool) {
  run(tool("esbuild"), ["main.cjs", "--bundle", "--platform=node", "--outfile=out/main.cjs", "--loader:.node=copy"], folder);
  rmSync(path.join(folder, "node_modules"), { recursive: true });
  return [process.execPath, ["out/main.cjs"]];
}

function rollupExternal(folder, tool) {
  run(tool("rollup"), ["main.mjs", "--format", "es", "--external", "tcp-udp-sockets", "--file", "out/main.mjs", "--silent"], folder);
  return [process.execPath, ["out/main.mjs"]];
}

function webpackExternal(folder, tool) {
  const config = {
    target: "node20",
    mode: "production",
    entry: "./main.cjs",
    output: { path: path.join(folder, "out"), filename: "main.cjs" },
    externals: { "tcp-udp-sockets": "commonjs tcp-udp-sockets" },
  };
  writeFileSync(path.join(folder, "webpack.config.cjs"), `module.exports = ${JSON.stringify(config)};`);
  run(tool("webpack"), ["--config", "webpack.config.cjs"], folder);
  return [process.execPath, ["out/main.cjs"]];
}

function viteServer(folder, tool) {
  run(tool("vite"), ["build", "--ssr", "main.mjs", "--outDir", "out", "--logLevel", "error"], folder);
  const [made] = readdirSync(path.join(folder, "out")).filter((name) => /\.m?js$/.test(name));
  return [process.execPath, [path.join("out", made)]];
}

/** A single executable with the binary as an asset. */
function seaAsset(folder, tool) {
  makeExecutable(folder, tool, { [native]: path.join("node_modules", "@tcp-udp-sockets", target, native) });
  return [path.join(folder, "program"), []];
}

/** A single executable with the binary beside it. */
function seaBeside(folder, tool) {
  makeExecutable(folder, tool, {});
  copyFileSync(binary(), path.join(folder, native));
  return [path.join(folder, "program"), []];
}

/** A single executable that finds the binary by an environment variable. */
function seaForced(folder, tool) {
  makeExecutable(folder, tool, {});
  copyFileSync(binary(), path.join(folder, "elsewhere.node"));
  return [path.join(folder, "program"), [], { NAPI_RS_NATIVE_LIBRARY_PATH: path.join(folder, "elsewhere.node") }];
}

function makeExecutable(folder, tool, assets) {
  run(tool("esbuild"), ["main.cjs", "--bundle", "--platform=node", "--outfile=main.bundle.cjs", "--external:@tcp-udp-sockets/*"], folder);
  const config = { main: "main.bundle.cjs", output: "main.blob", disableExperimentalSEAWarning: true, assets };
  writeFileSync(path.join(folder, "sea.json"), JSON.stringify(config));
  run(process.execPath, ["--experimental-sea-config", "sea.json"], folder);
  const program = path.join(folder, "program");
  copyFileSync(process.execPath, program);
  chmodSync(program, 0o755);
  const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";
  run(tool("postject"), ["program", "NODE_SEA_BLOB", "main.blob", "--sentinel-fuse", fuse], folder);
  rmSync(path.join(folder, "node_modules"), { recursive: true });
}

function bunCompile(folder) {
  run(process.env.BUN ?? "bun", ["build", "--compile", "main.cjs", "--outfile", "program"], folder);
  rmSync(path.join(folder, "node_modules"), { recursive: true });
  return [path.join(folder, "program"), []];
}

/** @param {string} program @param {string[]} args @param {string} cwd */
function run(program, args, cwd, env = {}) {
  const merged = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: "", ...env };
  const result = spawnSync(program, args, { cwd, encoding: "utf8", env: merged, timeout: 120_000 });
  if (result.status !== 0) {
    const what = [path.basename(program), ...args].join(" ");
    throw new Error(`${what} ended with ${result.error?.message ?? result.signal ?? result.status}:\n${result.stdout}\n${result.stderr}`);
  }
  return result.stdout;
}

/** Installs a way's tools once. Returns a function that finds their programs. */
function toolsOf(name, packages) {
  const folder = path.join(cache, `bundler-${name}`);
  if (packages.length > 0 && !existsSync(path.join(folder, "node_modules"))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "package.json"), '{ "private": true }');
    run("npm", ["install", "--no-audit", "--no-fund", "--silent", ...packages], folder);
  }
  return (program) => path.join(folder, "node_modules", ".bin", program);
}

/** Makes a folder with the program and the package, installed from dist/ as npm would. */
function project() {
  const folder = mkdtempSync(path.join(os.tmpdir(), "bundled-"));
  const modules = path.join(folder, "node_modules");
  cpSync(path.join(root, "dist", "tcp-udp-sockets"), path.join(modules, "tcp-udp-sockets"), { recursive: true });
  cpSync(path.join(root, "dist", target), path.join(modules, "@tcp-udp-sockets", target), { recursive: true });
  writeFileSync(path.join(folder, "package.json"), '{ "private": true }');
  writeFileSync(path.join(folder, "main.cjs"), `const sockets = require("tcp-udp-sockets");${ECHO}`);
  writeFileSync(path.join(folder, "main.mjs"), `import * as sockets from "tcp-udp-sockets";${ECHO}`);
  return folder;
}

const asked = process.argv.slice(2);
let [passed, failed] = [0, 0];
for (const [name, { tools, ways }] of Object.entries(WAYS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  for (const way of ways) {
    const folder = project();
    try {
      const [program, args, env] = way(folder, toolsOf(name, tools));
      const printed = run(program, args, folder, env).trim();
      if (printed !== "bundled") throw new Error(`it printed ${JSON.stringify(printed)}`);
      console.log(`${way.name}: works`);
      passed += 1;
    } catch (error) {
      console.error(`${way.name}: ${error.message}`);
      failed += 1;
    } finally {
      rmSync(folder, { force: true, recursive: true });
    }
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
