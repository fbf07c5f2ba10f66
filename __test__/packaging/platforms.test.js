"use strict";

// scripts/platforms.mjs: what it checks is known before anything is fetched.

const { spawnSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const path = require("node:path");

const ROOT = path.join(__dirname, "..", "..");

function platforms(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/platforms.mjs", ...args], { cwd: ROOT, encoding: "utf8" });
  return { status, stdout, stderr };
}

/** The targets, as the message about an unknown one lists them. */
function known() {
  const { status, stdout, stderr } = platforms("lint", "wasm32-wasip1", "vax");
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  const [, list] = /^platforms: unknown target wasm32-wasip1, vax; known are (.+)\n$/.exec(stderr) ?? [];
  return list?.split(", ");
}

test("an unknown target is refused, with those that are known", () => {
  expect(known()).toEqual([
    "x86_64-pc-windows-gnu", "x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc", "aarch64-apple-darwin", "x86_64-apple-darwin",
    "x86_64-unknown-freebsd", "aarch64-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf", "riscv64gc-unknown-linux-gnu",
    "aarch64-linux-android", "x86_64-unknown-linux-musl",
  ]);
});

test.each([[[]], [["lin"]], [["constructor"]]])("without a command that there is, it says how it is called: %j", (args) => {
  const { status, stderr } = platforms(...args);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^platforms: usage: node scripts\/platforms\.mjs lint \[TARGET…\]/);
});

test("CI runs the suite on each platform once", () => {
  const [, list] = /PLATFORM is one of (.+)\n$/.exec(platforms().stderr);
  const steps = readFileSync(path.join(ROOT, ".ci/run"), "utf8").match(/(?<=^ *step "[^"]*" platform ).*/gm);
  expect(steps.sort()).toEqual(list.split(", ").sort());
});

test("CI checks each target once", () => {
  const steps = readFileSync(path.join(ROOT, ".ci/run"), "utf8").match(/(?<=^ *step "[^"]*" clippy_other ).*/gm);
  expect(steps.flatMap((words) => words.split(" ")).sort()).toEqual(known().sort());
});
