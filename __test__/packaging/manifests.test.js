"use strict";

// The manifests agree with each other and with what is there.

const { spawnSync } = require("node:child_process");
const { existsSync, readFileSync, readdirSync } = require("node:fs");
const path = require("node:path");

const root = path.join(__dirname, "..", "..");
const read = (...names) => readFileSync(path.join(root, ...names), "utf8");
const manifest = JSON.parse(read("package.json"));
const platforms = readdirSync(path.join(root, "npm"));

test("the crate has the package's name and version", () => {
  const crate = read("Cargo.toml");
  expect(/^name = "(.*)"/m.exec(crate)[1]).toBe(manifest.name);
  expect(/^version = "(.*)"/m.exec(crate)[1]).toBe(manifest.version);
});

test("there is a platform package for each build target", () => {
  expect(platforms).toHaveLength(manifest.napi.targets.length);
});

test.each(platforms)("platform package %s", (platform) => {
  const [os, cpu, abi] = platform.split("-");
  const file = `tcp-udp-sockets.${platform}.node`;
  const libc = { gnu: ["glibc"], gnueabihf: ["glibc"], musl: ["musl"] }[abi];
  const own = JSON.parse(read("npm", platform, "package.json"));
  expect(own).toMatchObject({
    name: `@${manifest.name}/${platform}`,
    version: manifest.version,
    license: manifest.license,
    engines: manifest.engines,
    main: file,
    files: [file, "THIRD-PARTY-NOTICES.txt"],
    os: [os],
    cpu: [cpu],
    preferUnplugged: true,
  });
  expect(own.libc).toEqual(libc);
  expect(own.scripts).toBeUndefined();
});

test("the loader names each platform package in a literal require()", () => {
  const loader = readdirSync(path.join(root, "lib"))
    .map((name) => (name.endsWith(".js") ? read("lib", name) : ""))
    .join("\n");
  for (const platform of platforms) {
    expect(loader).toContain(`require("@${manifest.name}/${platform}")`);
  }
});

test("nothing runs when the published package is installed", () => {
  for (const script of ["preinstall", "install", "postinstall"]) {
    expect(manifest.scripts).not.toHaveProperty(script);
  }
  expect(manifest.dependencies).toBeUndefined();
});

test("every path of the exports map exists, and types come first in each condition", () => {
  const visit = (value) => {
    if (typeof value === "string") {
      expect(existsSync(path.join(root, value))).toBe(true);
      return;
    }
    const keys = Object.keys(value);
    if (keys.includes("types")) expect(keys[0]).toBe("types");
    Object.values(value).forEach(visit);
  };
  visit(manifest.exports);
});

test("the notices name every crate that is compiled in, with the text of its licence", () => {
  const { error, status, stdout } = spawnSync(process.execPath, ["scripts/notices.mjs", "x86_64-pc-windows-msvc"], { cwd: root, encoding: "utf8" });
  expect([error, status]).toEqual([undefined, 0]);
  for (const crate of ["ring", "rustls", "tokio", "mio", "napi", "windows-sys", "The Rust standard library"]) {
    expect(stdout).toMatch(new RegExp(`^${crate}.* \\((.*)(MIT|ISC)`, "m"));
  }
  // Macros run at compile time alone.
  expect(stdout).not.toMatch(/^napi-derive /m);
  expect(stdout).toMatch(/Permission is hereby granted/);
});
