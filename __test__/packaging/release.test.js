"use strict";

// The scripts of a release: the targets, the versions, the lists of components, and the check of what was published, against a registry that
// this file plays. What they do together is shown by scripts/release/rehearse.mjs, which `.ci/run` runs.

const { spawn, spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:http");
const os = require("node:os");
const path = require("node:path");
const process = require("node:process");

const ROOT = path.join(__dirname, "..", "..");
const LIMIT = 60_000; // ms

const read = (...names) => readFileSync(path.join(ROOT, ...names), "utf8");
const manifest = JSON.parse(read("package.json"));

/** Runs a script of the repository. */
function node(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8", timeout: LIMIT });
  return { status, stdout, stderr };
}

/** Runs lines of a module that set `result`, and returns that. The scripts read the name of the program, so it is the name of some file. */
function evaluate(lines) {
  const { status, stdout, stderr } = node("--input-type=module", "--eval", `let result; ${lines}; console.log(JSON.stringify(result));`, "package.json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

describe("targets", () => {
  const targets = evaluate('import { TARGETS } from "./scripts/release/targets.mjs"; result = TARGETS');
  const triples = evaluate('import { TRIPLES } from "./scripts/build.mjs"; result = TRIPLES');
  const platforms = readdirSync(path.join(ROOT, "npm")).sort();

  test("a release builds each package, and the manifest and deny.toml name the same targets", () => {
    expect(Object.keys(targets).sort()).toEqual(platforms);
    expect(Object.keys(triples).sort()).toEqual(platforms);
    expect([...manifest.napi.targets].sort()).toEqual(Object.values(triples).sort());
    const [, list] = /^targets = \[([^\]]*)\]/m.exec(read("deny.toml"));
    expect(list.match(/[\w-]+/g).sort()).toEqual(Object.values(triples).sort());
  });

  test("what no machine tests is called untested in the package, and the documentation has as many lines that say so", () => {
    const untested = platforms.filter((platform) => !targets[platform].tested);
    for (const platform of platforms) {
      expect([platform, /not tested on it/.test(read("npm", platform, "README.md"))]).toEqual([platform, untested.includes(platform)]);
    }
    expect(read("docs", "platforms.md").match(/^\|.*\| untested;/gm)).toHaveLength(untested.length);
    const named = [...read("README.md").matchAll(/^\|.*untested: (.*) \|$/gm)].flatMap(([, list]) => list.split(", "));
    expect(named).toHaveLength(untested.length);
  });

  test("the matrix of the workflow has a line for each", () => {
    const { status, stdout } = node("scripts/release/matrix.mjs");
    expect(status).toBe(0);
    const { include } = JSON.parse(/^matrix=(.*)\n$/.exec(stdout)[1]);
    expect(include.map(({ platform }) => platform).sort()).toEqual(platforms);
    for (const { platform, runner } of include) expect(runner).toBe(targets[platform].runner);
  });

  test("a platform that no machine tests is skipped with a word, an unknown one is refused", () => {
    expect(node("scripts/release/test.mjs", "freebsd-x64")).toEqual({
      status: 0,
      stdout: "freebsd-x64: untested: no machine of the release can run it\n",
      stderr: "",
    });
    expect(node("scripts/release/build.mjs", "vax").stderr).toMatch(/^release: build: unknown platform vax; known are android-arm64, /);
  });
});

describe("version", () => {
  test("the tag must name the version of all files", () => {
    expect(node("scripts/release/version.mjs", `v${manifest.version}`)).toMatchObject({ status: 0, stderr: "" });
    const { status, stderr } = node("scripts/release/version.mjs", "v99.0.0");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^release: version: not version 99\.0\.0: package\.json \(.*Cargo\.toml \(.*Cargo\.lock \(.*npm\/linux-x64-gnu\/package\.json \(/);
  });

  test.each([["1.0.0"], ["v1"], ["vnext"]])("%s is no tag of a version", (tag) => {
    expect(node("scripts/release/version.mjs", tag)).toMatchObject({ status: 1, stderr: `release: version: the tag ${tag} is no version such as v1.2.3\n` });
  });

  test("it is published only at a tag, and what is missing before that is named", () => {
    expect(node("scripts/release/version.mjs", "", "--for-real").stderr).toBe("release: version: a version is published only at its tag\n");
    const { status, stdout } = node("scripts/release/version.mjs", `v${manifest.version}`, "--for-real");
    expect(status).toBe(/^before this is published: /m.test(stdout) ? 1 : 0);
    expect(/package\.json has OWNER/.test(stdout)).toBe(manifest.repository.url.includes("/OWNER/"));
  });
});

describe("components", () => {
  const crates = [{ name: "mio", version: "1.2.5" }, { name: "tokio", version: "1.0.0" }];
  const component = ({ name, version }) => ({
    purl: `pkg:cargo/${name}@${version}`,
    licenses: [{ expression: "MIT" }],
    hashes: [{ alg: "SHA-256", content: "00" }],
  });
  const complete = { bomFormat: "CycloneDX", components: crates.map(component) };

  test.each([
    ["complete", complete, ""],
    ["without a crate", { ...complete, components: [component(crates[0])] }, "the list of components lacks tokio 1.0.0"],
    ["with another version", { ...complete, components: [component(crates[0]), component({ name: "tokio", version: "1.0.1" })] }, "the list of components lacks tokio 1.0.0"],
    ["without a licence", { ...complete, components: [component(crates[0]), { ...component(crates[1]), licenses: [] }] }, "the list of components says too little about tokio 1.0.0"],
    ["without a digest", { ...complete, components: [{ ...component(crates[0]), hashes: [] }, component(crates[1])] }, "the list of components says too little about mio 1.2.5"],
    ["of another format", { ...complete, bomFormat: "SPDX" }, "the list of components has the format SPDX"],
  ])("a list %s", (_, list, message) => {
    const lines = `import { requireComplete } from "./scripts/release/sbom.mjs";
      try { requireComplete(${JSON.stringify(list)}, ${JSON.stringify(crates)}); result = ""; } catch (error) { result = error.message; }`;
    expect(evaluate(lines)).toBe(message);
  });

  test.each([["x86_64-unknown-linux-gnu"], ["x86_64-pc-windows-msvc"], ["aarch64-apple-darwin"]])(
    "the notices for %s name each crate that cargo links, and no other",
    (triple) => {
      // cargo's own answer to the same question.
      const options = ["tree", "--locked", "--edges", "normal,no-proc-macro", "--target", triple, "--prefix", "none", "--format", "{p}"];
      const { status, stdout } = spawnSync("cargo", options, { cwd: ROOT, encoding: "utf8" });
      expect(status).toBe(0);
      const linked = new Set(stdout.trim().split("\n").map((line) => /^(\S+) v(\S+)/.exec(line).slice(1).join(" ")));
      linked.delete(`${manifest.name} ${manifest.version}`);
      expect(linked.size).toBeGreaterThan(20);
      const notices = node("scripts/notices.mjs", triple).stdout;
      const named = [...notices.matchAll(/^([\w-]+ \d+\.\d+\.\d+\S*) \(.*\)$/gm)].map(([, crate]) => crate);
      expect(named.sort()).toEqual([...linked].sort());
    },
    LIMIT,
  );
});

describe("the check of what was published", () => {
  const WEB = "https://github.com/somebody/tcp-udp-sockets";
  /** @type {string} */
  let folder;
  /** @type {any[]} */
  let packages;

  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-"));
    const own = { version: "1.2.3", repository: { type: "git", url: `git+${WEB}.git` } };
    const platform = { name: "@tcp-udp-sockets/linux-x64-gnu", ...own, os: ["linux"], cpu: ["x64"] };
    const main = { name: "tcp-udp-sockets", ...own, optionalDependencies: { [platform.name]: "1.2.3" } };
    packages = [platform, main].map((each, index) => {
      const source = path.join(folder, `source-${index}`);
      mkdirSync(source);
      writeFileSync(path.join(source, "package.json"), JSON.stringify(each));
      const packed = path.join(folder, "packed");
      mkdirSync(packed, { recursive: true });
      const { stdout } = spawnSync("npm", ["pack", "--json", "--pack-destination", packed, source], { encoding: "utf8", shell: process.platform === "win32" });
      const [{ filename }] = Object.values(JSON.parse(stdout));
      const digest = createHash("sha512").update(readFileSync(path.join(packed, filename)));
      return { manifest: each, sha512: digest.digest("hex") };
    });
  }, LIMIT);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What a registry answers about the packages, by path. `change` edits what it says about one. */
  function answers(origin, change) {
    const all = {};
    for (const [index, { manifest: own, sha512 }] of packages.entries()) {
      const workflow = { repository: WEB, path: ".github/workflows/release.yml", ref: "refs/tags/v1.2.3" };
      const said = {
        integrity: `sha512-${Buffer.from(sha512, "hex").toString("base64")}`, latest: "1.2.3", version: "1.2.3",
        subject: sha512, workflow, attested: true, extra: {},
      };
      if (index === 0) change(said);
      const statement = { subject: [{ digest: { sha512: said.subject } }], predicate: { buildDefinition: { externalParameters: { workflow: said.workflow } } } };
      const payload = Buffer.from(JSON.stringify(statement)).toString("base64");
      const dist = { integrity: said.integrity, ...(said.attested && { attestations: { url: `${origin}/statement/${index}` } }) };
      all[`/${own.name.replace("/", "%2f")}`] = {
        "dist-tags": { latest: said.latest },
        versions: { [said.version]: { ...own, ...said.extra, dist } },
      };
      all[`/statement/${index}`] = {
        attestations: [
          { predicateType: "https://github.com/npm/attestation/publish", bundle: { dsseEnvelope: { payload: "e30=" } } },
          { predicateType: "https://slsa.dev/provenance/v1", bundle: { dsseEnvelope: { payload } } },
        ],
      };
    }
    return all;
  }

  /** Runs the check of one package against such a registry. */
  async function check(change, options) {
    const server = createServer((request, response) => {
      const body = answers(`http://127.0.0.1:${server.address().port}`, change)[request.url];
      response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" }).end(JSON.stringify(body ?? {}));
    });
    await new Promise((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const lines = `
      import { packedFiles } from "./scripts/release/packed.mjs";
      import { verifyPackage } from "./scripts/release/verify.mjs";
      const how = { registry: "http://127.0.0.1:${server.address().port}/", ...${JSON.stringify(options)} };
      try {
        for (const each of packedFiles(${JSON.stringify(path.join(folder, "packed"))})) await verifyPackage(each, how);
        console.log("as packed");
      } catch (error) { console.log(error.message); }`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", lines, "package.json"], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      said += chunk;
    });
    await new Promise((resolve) => {
      child.once("close", resolve);
    });
    server.close();
    server.closeAllConnections();
    return said.trim();
  }

  const NAME = "@tcp-udp-sockets/linux-x64-gnu@1.2.3";

  test.each([
    ["all is as it was packed", () => {}, "as packed"],
    ["the version is missing", (said) => { said.version = "1.2.2"; }, `${NAME}: the registry does not have it`],
    ["the content differs", (said) => { said.integrity = "sha512-AAAA"; }, /^.*: the registry has the digest sha512-AAAA, and sha512-.* was packed$/],
    ["the tag names another version", (said) => { said.latest = "1.2.2"; }, `${NAME}: the tag latest names 1.2.2`],
    ["the systems differ", (said) => { said.extra = { os: ["darwin"] }; }, `${NAME}: the registry has another "os"`],
    ["there is no statement", (said) => { said.attested = false; }, `${NAME}: it has no statement of provenance`],
    ["the statement is about another file", (said) => { said.subject = "00"; }, `${NAME}: its statement of provenance is about another file`],
    ["another repository", (said) => { said.workflow.repository = "https://github.com/other/x"; }, `${NAME}: its statement of provenance names the repository https://github.com/other/x`],
    ["another workflow", (said) => { said.workflow.path = "x.yml"; }, `${NAME}: its statement of provenance names the workflow x.yml`],
    ["another source", (said) => { said.workflow.ref = "refs/heads/main"; }, `${NAME}: its statement of provenance names the source refs/heads/main`],
  ])("%s", async (_, change, expected) => {
    const said = await check(change, { provenance: true });
    if (typeof expected === "string") expect(said).toBe(expected);
    else expect(said).toMatch(expected);
  }, LIMIT);

  test("a local registry has no statements", async () => {
    const change = (said) => {
      said.attested = false;
    };
    expect(await check(change, { provenance: false })).toBe("as packed");
  }, LIMIT);
});

test("the release's page has the changelog's section of the version", () => {
  const changelog = "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [1.1.0] - 2026-01-01\n\n### Added\n\n- a\n\n## [1.0.0] - 2025-01-01\n\n- b\n";
  const lines = (version) => `import { section } from "./scripts/release/announce.mjs"; result = section(${JSON.stringify(changelog)}, "${version}")`;
  expect(evaluate(lines("1.1.0"))).toBe("### Added\n\n- a");
  expect(evaluate(lines("2.0.0"))).toBe("- new");
});
