// Checks that this machine has the tools to build the native half: cargo, and a C compiler that can link. The check comes before
// any download. If a tool is missing, the error says what to do.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";

/** The smallest program. If it links, there are a compiler, a linker and the C library's headers. */
const C_PROGRAM = "#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n";

/** How to install a C compiler, by system. */
const C_COMPILER = {
  linux: [
    "  Debian, Ubuntu:  sudo apt-get install build-essential",
    "  Fedora, RHEL:    sudo dnf install gcc",
    "  Alpine:          sudo apk add build-base",
    "  Arch:            sudo pacman -S base-devel",
  ],
  darwin: ["  xcode-select --install"],
}[process.platform] ?? ["  install gcc or clang with this system's package manager"];

/**
 * Throws if cargo or a linker is missing or too old.
 *
 * @param {string} root the folder with Cargo.toml
 * @param {{ linker?: boolean }} [what] `linker: false`: the build brings its own linker (cargo-zigbuild)
 */
export function requireTools(root, { linker = true } = {}) {
  requireCargo(readFileSync(path.join(root, "Cargo.toml"), "utf8").match(/^rust-version = "([\d.]+)"/m)[1]);
  if (!linker) return;
  if (process.platform === "win32") requireMsvc();
  else requireC();
}

/** @param {string} least the oldest version that compiles this package */
function requireCargo(least) {
  const { error, status, stdout, stderr } = spawnSync("cargo", ["--version"], { encoding: "utf8" });
  if (error?.code === "ENOENT") {
    const installed = path.join(os.homedir(), ".cargo", "bin", process.platform === "win32" ? "cargo.exe" : "cargo");
    const cure = existsSync(installed)
      ? [`  Rust is installed, but not on this terminal's PATH: open a new one,`, `  or add ${path.dirname(installed)} to it.`]
      : [`  Install Rust ${least} or later from https://rustup.rs, then open a new terminal.`];
    throw new Error(["cargo was not found, and the native half is written in Rust.", ...cure].join("\n"));
  }
  if (error) throw error;
  // rustup without a toolchain reports that itself.
  if (status !== 0) throw new Error(`cargo does not run:\n${stderr.trim()}`);
  const [, version] = stdout.match(/^cargo (\d+\.\d+\.\d+)/) ?? [];
  if (version !== undefined && isOlder(version, least)) {
    throw new Error(`cargo ${version} is too old: Rust ${least} or later is needed.\n  rustup update stable`);
  }
}

/** @param {string} version @param {string} least */
export function isOlder(version, least) {
  const [major, minor] = version.split(".").map(Number);
  const [leastMajor, leastMinor] = least.split(".").map(Number);
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}

/**
 * Throws if the C compiler or the linker cannot link a program. One crate (ring) is partly written in C, and rustc links with `cc` by
 * default.
 */
function requireC() {
  // Only the linker for this machine is tried. One for another target cannot link here.
  const machine = { arm64: "AARCH64", x64: "X86_64" }[process.arch] ?? "\\w+";
  const here = new RegExp(`^CARGO_TARGET_${machine}_\\w+_LINKER$`);
  const [, linker = "cc"] = Object.entries(process.env).find(([name]) => here.test(name)) ?? [];
  const folder = mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-cc-"));
  const source = path.join(folder, "program.c");
  try {
    writeFileSync(source, C_PROGRAM);
    for (const compiler of new Set([process.env.CC || "cc", linker])) {
      const [program, ...args] = compiler.split(" ").filter(Boolean);
      const { error, status, stderr } = spawnSync(program, [...args, source, "-o", path.join(folder, "program")], { encoding: "utf8" });
      if (error && error.code !== "ENOENT") throw error;
      if (status !== 0) {
        const why = error ? "was not found" : `cannot link a program:\n${stderr.trim()}\n`;
        throw new Error([`a C compiler is needed for linking, and \`${program}\` ${why}`, ...C_COMPILER].join("\n"));
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Throws if rustc finds no linker. rustc finds Microsoft's linker by the registry, so only rustc knows whether there is one. */
function requireMsvc() {
  const folder = mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-cc-"));
  const source = path.join(folder, "program.rs");
  try {
    writeFileSync(source, "fn main() {}");
    const { error, status, stderr } = spawnSync("rustc", [source, "-o", path.join(folder, "program.exe")], { encoding: "utf8" });
    if (error) throw new Error(`rustc does not run: ${error.message}\n  Install Rust from https://rustup.rs, then open a new terminal.`);
    if (status !== 0) {
      throw new Error(
        `the linker of Microsoft's C compiler is needed, and rustc found none:\n${stderr.trim()}\n` +
          "  Install the Build Tools for Visual Studio with \"Desktop development with C++\":\n" +
          "  https://visualstudio.microsoft.com/visual-cpp-build-tools/",
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
