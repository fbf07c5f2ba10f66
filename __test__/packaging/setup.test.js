"use strict";

// What a fresh clone says and does before its first command: with tools that are missing, and with a cargo that is slow. The clone is
// a copy of the files that this needs, and cargo a script.

const { spawn } = require("node:child_process");
const { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const process = require("node:process");
const { environment } = require("../helpers/environment");
const { folder } = require("../helpers/tls");

const ROOT = path.join(__dirname, "..", "..");

// The stand-ins for cargo and cc are shell scripts.
const unixTest = process.platform === "win32" ? test.skip : test;

/** A C compiler that makes a program of anything. */
const CC = "#!/bin/sh\nexit 0\n";
/** A cargo that says its version, and nothing else. */
const cargo = (version, body = "exit 9") => `#!/bin/sh\n[ "$1" = --version ] && echo "cargo ${version} (0123abc 2026-01-01)" && exit\n${body}\n`;

/**
 * A clone, and a folder with these programs, which is all of the PATH besides the system's shell.
 *
 * @param {Record<string, string>} programs
 */
function clone(programs) {
  const file = folder();
  mkdirSync(file("bin"));
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(path.join(file("bin"), name), text);
    chmodSync(path.join(file("bin"), name), 0o755);
  }
  mkdirSync(file("clone"));
  for (const name of ["scripts", "Cargo.toml", "package.json", "package-lock.json"]) {
    cpSync(path.join(ROOT, name), path.join(file("clone"), name), { recursive: true });
  }
  return file;
}

/**
 * Runs one of the scripts in a clone; `lines` are what it prints, with the milliseconds at which they came.
 *
 * @param {(name: string) => string} file the clone's
 * @param {string[]} args
 */
async function setup(file, ...args) {
  const start = Date.now();
  const child = spawn(process.execPath, args, {
    cwd: file("clone"),
    env: environment({ PATH: file("bin"), HOME: file("."), CC: "" }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines = [];
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    lines.push(...chunk.trimEnd().split("\n").map((text) => ({ text, at: Date.now() - start })));
  });
  child.stderr.setEncoding("utf8").on("data", (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise((resolve) => {
    child.once("close", resolve);
  });
  return { code, lines, stderr, took: Date.now() - start };
}

const DEMO = ["scripts/setup.mjs", "--native"];

describe("a fresh clone on a machine that cannot build", () => {
  const everything = [DEMO, ["scripts/setup.mjs"], ["scripts/test.mjs"], ["scripts/build.mjs"]];

  unixTest.each(everything.map((args) => [args.join(" "), args]))("without cargo: node %s says so at once, before anything else", async (_, args) => {
    const file = clone({ cc: CC });
    const { code, lines, stderr, took } = await setup(file, ...args);
    expect([code, lines]).toEqual([1, []]);
    expect(stderr).toContain("cargo was not found");
    expect(stderr).toContain("https://rustup.rs");
    expect(took).toBeLessThan(1000);
    expect(existsSync(path.join(file("clone"), "node_modules"))).toBe(false);
  });

  unixTest("with Rust installed but not on the PATH, it says where", async () => {
    const file = clone({ cc: CC });
    mkdirSync(path.join(file("."), ".cargo", "bin"), { recursive: true });
    writeFileSync(path.join(file("."), ".cargo", "bin", "cargo"), "");
    const { code, stderr } = await setup(file, ...DEMO);
    expect(code).toBe(1);
    expect(stderr).toContain(path.join(file("."), ".cargo", "bin"));
  });

  unixTest("with an old Rust it names the version that is needed", async () => {
    const { code, stderr } = await setup(clone({ cc: CC, cargo: cargo("1.70.0") }), ...DEMO);
    const [, least] = readFileSync(path.join(ROOT, "Cargo.toml"), "utf8").match(/^rust-version = "(.*)"/m);
    expect(code).toBe(1);
    expect(stderr).toContain(`cargo 1.70.0 is too old: Rust ${least} or later is needed`);
  });

  unixTest("with a rustup that has no toolchain it says what rustup says", async () => {
    const { code, stderr } = await setup(clone({ cc: CC, cargo: "#!/bin/sh\necho 'error: no default toolchain' >&2; exit 1\n" }), ...DEMO);
    expect(code).toBe(1);
    expect(stderr).toContain("no default toolchain");
  });

  unixTest.each([
    ["without a C compiler", {}, "`cc` was not found"],
    ["with one that cannot link", { cc: "#!/bin/sh\necho 'cannot find crt1.o' >&2; exit 1\n" }, "cannot find crt1.o"],
  ])("%s it says so at once, and how to get one", async (_, programs, why) => {
    const file = clone({ cargo: cargo("1.95.0"), ...programs });
    const { code, lines, stderr, took } = await setup(file, ...DEMO);
    expect([code, lines]).toEqual([1, []]);
    expect(stderr).toContain("a C compiler is needed");
    expect(stderr).toContain(why);
    expect(stderr).toMatch(process.platform === "darwin" ? "xcode-select --install" : /build-essential/);
    expect(took).toBeLessThan(1000);
    expect(existsSync(path.join(file("clone"), "node_modules"))).toBe(false);
  });
});

describe("a fresh clone on a machine that can", () => {
  /** What cargo prints of a crate when it is done. */
  const artifact = (crate, type, files) => {
    const target = { kind: [type], crate_types: [type] };
    return `echo '${JSON.stringify({ reason: "compiler-artifact", package_id: `registry+https://crates.test#${crate}`, target, fresh: false, filenames: files })}'`;
  };
  const longName = "a_crate_with_a_very_long_name_that_does_not_fit_on_a_line_of_a_terminal_with_others";
  /** Compiles two crates in no time, and takes nine seconds for the last. It sleeps by itself: there is nothing else on the PATH. */
  const slow = (library) =>
    cargo(
      "1.95.0",
      [
        `[ "$1" = tree ] && printf 'tcp-udp-sockets v0.1.0\\nring v0.17.0\\n${longName} v1.0.0\\nring v0.17.0 (*)\\n' && exit`,
        "echo '   Compiling ring v0.17.0' >&2",
        artifact("ring@0.17.0", "lib", []),
        `echo '   Compiling ${longName} v1.0.0' >&2`,
        "/bin/sleep 9",
        artifact(`${longName}@1.0.0`, "lib", []),
        "echo '   Compiling tcp-udp-sockets v0.1.0' >&2",
        "echo 'warning: something that the compiler says' >&2",
        `: > "${library}"`,
        artifact("tcp-udp-sockets@0.1.0", "cdylib", [library]),
        "echo '    Finished release' >&2",
      ].join("\n"),
    );

  unixTest("the demo's build installs no package, and says at least every five seconds what it does, in 80 columns", async () => {
    const file = clone({ cc: CC });
    writeFileSync(path.join(file("bin"), "cargo"), slow(file("libslow.so")));
    chmodSync(path.join(file("bin"), "cargo"), 0o755);
    const { code, lines, stderr } = await setup(file, ...DEMO);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "warning: something that the compiler says\n" });
    const texts = lines.map(({ text }) => text);
    expect(texts.join("\n")).toMatch(/^build: 1 of 3 crates compiled, \d+ s; about \d+ s left; now a_crate/m);
    for (const text of texts) expect(text.length).toBeLessThanOrEqual(80);
    const times = [0, ...lines.map(({ at }) => at)];
    expect(Math.max(...times.slice(1).map((at, i) => at - times[i]))).toBeLessThan(5000);
    const made = readdirSync(file("clone")).filter((name) => name.endsWith(".node"));
    expect(made).toHaveLength(1);
    expect(existsSync(path.join(file("clone"), "node_modules"))).toBe(false);
    // And now there is nothing to do.
    const again = await setup(file, ...DEMO);
    expect([again.code, again.lines, again.stderr]).toEqual([0, [], ""]);
  });

  unixTest("a build that fails shows what the compiler says, and fails", async () => {
    const file = clone({ cc: CC, cargo: cargo("1.95.0", "echo 'error: it does not compile' >&2\nexit 101") });
    const { code, stderr } = await setup(file, ...DEMO);
    expect(code).toBe(1);
    expect(stderr).toContain("error: it does not compile\n");
    expect(stderr).toContain("setup: cargo build failed");
  });

  unixTest("`npm test` installs its packages, and says at least every five seconds how many", async () => {
    const npm = `#!/bin/sh\n/bin/mkdir -p node_modules/jest\n: > node_modules/jest/package.json\n/bin/sleep 9\nexit 3\n`;
    const file = clone({ cc: CC, cargo: cargo("1.95.0"), npm });
    const { code, lines, stderr } = await setup(file, "scripts/test.mjs");
    expect([code, stderr]).toEqual([1, "test: npm ci failed\n"]);
    expect(lines.length).toBeGreaterThanOrEqual(3);
    expect(lines[1].text).toMatch(/^setup: 1 of \d+ packages, \d+ s$/);
    for (const { text } of lines) expect(text.length).toBeLessThanOrEqual(80);
    const times = [0, ...lines.map(({ at }) => at)];
    expect(Math.max(...times.slice(1).map((at, i) => at - times[i]))).toBeLessThan(5000);
  });

  test("neither the demo nor the benchmark installs a package", () => {
    const { scripts } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
    for (const name of ["demo", "bench", "prepare"]) expect(scripts[name]).toMatch(/^node scripts\/setup\.mjs --native( &&|$)/);
  });
});
