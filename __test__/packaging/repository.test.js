"use strict";

// The addresses in what is published: all come from package.json's `repository`, and nothing is published before its owner is filled in.

const { spawnSync } = require("node:child_process");
const { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const process = require("node:process");

const ROOT = path.join(__dirname, "..", "..");
const LIMIT = 60_000; // ms

let folder;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a script of the repository. */
function node(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8", timeout: LIMIT });
  return { status, stdout, stderr };
}

/** Runs lines of a module. The scripts read the name of the program that was started, so it is the name of some file. */
function runModule(lines) {
  return node("--input-type=module", "--eval", lines, "package.json");
}

/** Runs lines of a module that set `result`, and returns that. */
function evaluate(lines) {
  const { status, stdout, stderr } = runModule(`let result; ${lines}; console.log(JSON.stringify(result));`);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** Lays the packages out with this owner, and returns the manifests and the README. */
function layOut(...options) {
  const to = path.join(folder, `dist${options.join("")}`);
  expect(node("scripts/dist.mjs", "--to", to, ...options)).toMatchObject({ status: 0, stderr: "" });
  const manifests = readdirSync(to).map((name) => JSON.parse(readFileSync(path.join(to, name, "package.json"), "utf8")));
  return { to, manifests, readme: readFileSync(path.join(to, "tcp-udp-sockets", "README.md"), "utf8") };
}

test(
  "all manifests have the addresses of the owner, each with its folder",
  () => {
    const { manifests } = layOut("--owner", "somebody");
    expect(manifests.length).toBeGreaterThan(1);
    for (const { name, repository, homepage, bugs, private: isPrivate } of manifests) {
      expect({ name, repository, homepage, bugs, isPrivate }).toEqual({
        name,
        repository: {
          type: "git",
          url: "git+https://github.com/somebody/tcp-udp-sockets.git",
          ...(name.startsWith("@") && { directory: `npm/${path.basename(name)}` }),
        },
        homepage: "https://github.com/somebody/tcp-udp-sockets#readme",
        bugs: "https://github.com/somebody/tcp-udp-sockets/issues",
        isPrivate: undefined,
      });
    }
  },
  LIMIT,
);

test("each platform's package has the licence and the notices of what is in its binary", () => {
  const { to } = layOut("--owner", "somebody");
  const platforms = readdirSync(to).filter((name) => name !== "tcp-udp-sockets");
  expect(platforms.length).toBeGreaterThan(0);
  for (const platform of platforms) {
    expect(readFileSync(path.join(to, platform, "LICENSE"), "utf8")).toMatch(/^MIT License/);
    expect(readFileSync(path.join(to, platform, "THIRD-PARTY-NOTICES.txt"), "utf8")).toMatch(/^tokio \d.*\(MIT\)$/m);
  }
});

test(
  "the packed README has no relative link and no relative picture, and what it links to exists",
  () => {
    const { readme } = layOut("--owner", "somebody");
    const text = readme.replace(/^```[\s\S]*?^```$/gm, "").replace(/`[^`\n]+`/g, "");
    const targets = [...text.matchAll(/\]\(([^)\s]+)/g), ...text.matchAll(/\b(?:src|href|srcset)="([^"]+)"/g)].map(([, target]) => target);
    expect(targets.length).toBeGreaterThan(40);
    expect(targets.filter((target) => !/^(https:\/\/|#)/.test(target))).toEqual([]);
    const own = targets.map((target) => /^https:\/\/(?:github\.com|raw\.githubusercontent\.com)\/somebody\/tcp-udp-sockets\/(.*)$/.exec(target)?.[1]);
    const { version } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
    const files = own.filter(Boolean).map((rest) => rest.replace(/^(?:blob|tree)\//, ""));
    expect(files.length).toBeGreaterThan(25);
    for (const file of files) {
      expect(file).toMatch(new RegExp(`^v${version.replaceAll(".", "\\.")}/`));
      expect(existsSync(path.join(ROOT, file.replace(/^[^/]*\//, "").replace(/#.*/, "")))).toBe(true);
    }
    expect(own.filter((rest) => rest?.endsWith(".svg")).every((rest) => !rest.startsWith("blob/"))).toBe(true);
  },
  LIMIT,
);

test.each([
  ["a link", "[a](docs/tls.md#x)", "[a](https://github.com/o/r/blob/v1/docs/tls.md#x)"],
  ["a folder", "[a](./examples)", "[a](https://github.com/o/r/tree/v1/examples)"],
  ["a picture", "![a](docs/img/bench.svg)", "![a](https://raw.githubusercontent.com/o/r/v1/docs/img/bench.svg)"],
  [
    "a picture in a link",
    "[![a](docs/img/bench.svg)](docs/performance.md)",
    "[![a](https://raw.githubusercontent.com/o/r/v1/docs/img/bench.svg)](https://github.com/o/r/blob/v1/docs/performance.md)",
  ],
  ["HTML", '<a href="LICENSE"><img src="docs/img/bench.svg"></a>', '<a href="https://github.com/o/r/blob/v1/LICENSE"><img src="https://raw.githubusercontent.com/o/r/v1/docs/img/bench.svg"></a>'],
  ["absolute ones", "[a](https://b.test/c) [d](#e) [f](mailto:g@h.test)", "[a](https://b.test/c) [d](#e) [f](mailto:g@h.test)"],
  ["code", "`[a](docs/tls.md)`\n\n```js\n[a](docs/tls.md)\n```\n", "`[a](docs/tls.md)`\n\n```js\n[a](docs/tls.md)\n```\n"],
])("links: %s", (_, text, expected) => {
  const lines = `import { withAbsoluteLinks } from "./scripts/readme.mjs"; result = withAbsoluteLinks(${JSON.stringify(text)}, { slug: "o/r", tag: "v1" })`;
  expect(evaluate(lines)).toBe(expected);
});

test("a link that leads nowhere is an error", () => {
  const lines = 'import { withAbsoluteLinks } from "./scripts/readme.mjs"; withAbsoluteLinks("[a](docs/none.md)", { slug: "o/r", tag: "v1" })';
  expect(runModule(lines).stderr).toContain("README.md: the link to docs/none.md leads nowhere");
});

test("whether the owner is filled in, the packages are private or not", () => {
  const [isFilledIn, owner] = evaluate('import * as own from "./scripts/repository.mjs"; result = [own.isFilledIn(own.repository()), own.repository().owner]');
  expect(isFilledIn).toBe(owner !== "OWNER");
  for (const manifest of layOut().manifests) expect(manifest.private).toBe(isFilledIn ? undefined : true);
});

test(
  "while the owner is not filled in, npm refuses to publish, and the script says what to do",
  () => {
    const { to } = layOut("--owner", "OWNER");
    // A dry run does not refuse. So npm is asked to publish to a port of this machine at which nothing listens.
    const registry = ["--registry", "http://127.0.0.1:1/", "--//127.0.0.1:1/:_authToken=none", "--fetch-retries", "0"];
    const npm = spawnSync("npm", ["publish", ...registry, path.join(to, "tcp-udp-sockets")], { encoding: "utf8", shell: process.platform === "win32" });
    expect(npm.stderr).toContain("EPRIVATE");
    expect(npm.status).not.toBe(0);
    const packed = path.join(folder, "packed");
    mkdirSync(packed);
    spawnSync("npm", ["pack", "--pack-destination", packed, path.join(to, "tcp-udp-sockets")], { shell: process.platform === "win32" });
    const { status, stderr } = node("scripts/release/publish.mjs", "--from", packed);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^release: publish: (nothing can be published yet: package\.json has OWNER where|tcp-udp-sockets was packed before the owner)/);
  },
  LIMIT,
);

test("a publish from the repository itself is refused", () => {
  expect(node("scripts/dist.mjs", "--refuse")).toEqual({
    status: 1,
    stdout: "",
    stderr: "dist: publish by scripts/release/publish.mjs: see CONTRIBUTING.md\n",
  });
});
