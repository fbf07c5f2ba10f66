// Builds the native half with the address sanitizer, and runs the socket suites with it. Linux only, and no nightly toolchain is needed.
//
//   npm run sanitize                      the folders tcp-socket, tcp-server-socket, udp-socket, unix-socket, tls, streams and reader
//   npm run sanitize -- __test__/tls      other arguments of jest
//
// Node itself is not built with the sanitizer. So the sanitizer's library is loaded before it (LD_PRELOAD): the one that the C compiler
// has. Leaks are not looked for, because V8 keeps most of its memory until the process ends.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { root } from "./build.mjs";

const SUITES = ["tcp-socket", "tcp-server-socket", "udp-socket", "unix-socket", "tls", "streams", "reader"].map((folder) => `__test__/${folder}`);
/**
 * The sanitizer keeps freed memory for a while. So tests that measure memory, or starve themselves of it, cannot have it beside them.
 * Nor can a test that loads a library of its own before it, or that runs curl, which then hangs.
 */
const LEFT_OUT = ["/node_modules/", "/soak/", "no-memory", "scarce", "shortage", "tcp-socket/close-timeout", "tls/lifecycle", "tls/https", "udp-socket/connected"];

if (process.platform !== "linux") {
  console.log("skipped: the address sanitizer is used on Linux only");
  process.exit(77);
}

/** @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
function run(command, args, env = {}) {
  const { status, signal } = spawnSync(command, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
  if (status !== 0) {
    console.error(`${command} ${args.slice(0, 3).join(" ")}… ended with ${signal ?? status}`);
    process.exit(status ?? 1);
  }
}

/** @param {string} command @param {string[]} args */
const output = (command, args) => spawnSync(command, args, { encoding: "utf8" }).stdout?.trim() ?? "";

const target = /^host: (.*)$/m.exec(output("rustc", ["-vV"]))?.[1] ?? "";
const library = output("cc", ["-print-file-name=libasan.so"]);
if (!existsSync(library)) {
  console.error("the address sanitizer's library was not found: install gcc (libasan)");
  process.exit(1);
}

const folder = path.join(root, "target", "sanitize");
run("cargo", ["build", "--lib", "--target", target, "--target-dir", folder, "--profile", "release"], {
  RUSTC_BOOTSTRAP: "1",
  RUSTFLAGS: "-Zsanitizer=address -Cforce-frame-pointers=yes -Cdebuginfo=1",
  CARGO_PROFILE_RELEASE_STRIP: "none",
  CARGO_PROFILE_RELEASE_LTO: "off",
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
});
const binary = path.join(folder, "tcp-udp-sockets.node");
mkdirSync(folder, { recursive: true });
copyFileSync(path.join(folder, target, "release", "libtcp_udp_sockets.so"), binary);

const given = process.argv.slice(2);
const suites = given.length > 0 ? given : SUITES;
run(process.execPath, ["node_modules/jest/bin/jest.js", "--maxWorkers=2", ...suites, `--testPathIgnorePatterns=${LEFT_OUT.join("|")}`], {
  LD_PRELOAD: library,
  ASAN_OPTIONS: "detect_leaks=0:abort_on_error=1:handle_segv=0:allocator_may_return_null=1",
  TCP_UDP_SOCKETS_BINARY: binary,
  TCP_UDP_SOCKETS_WAKE: process.env.TCP_UDP_SOCKETS_WAKE ?? "uv",
  TCP_UDP_SOCKETS_SLOWNESS: "4",
});
