"use strict";

// The documentation site, as far as it needs none of its tools: its pages and navigation, their links, and that each code of an error is on
// the page about errors. `npm run docs` builds the site, and checks what it has built (.ci/run's step "docs site").

const { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { execFileSync } = require("node:child_process");
const { ROOT } = require("../helpers");

const read = (/** @type {string} */ name) => readFileSync(path.join(ROOT, name), "utf8");

const folder = mkdtempSync(path.join(os.tmpdir(), "site-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Evaluates an expression with the site's ES modules, in a process of its own (jest does not load such modules). @param {string} expression */
function evaluate(expression) {
  const modules = ["docs/site/markdown.mjs", "docs/site/pages.mjs", "docs/site/stage.mjs", "scripts/site/check.mjs", "scripts/site/relative.mjs"];
  const imports = modules.map((file, at) => `import * as m${at} from ${JSON.stringify(pathToFileURL(path.join(ROOT, file)).href)};`).join("\n");
  const program = `${imports}\nconst all = { ...m0, ...m1, ...m2, ...m3, ...m4 };\nconsole.log(JSON.stringify((${expression})(all)));`;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" }));
}

/** Makes the pages of a repository. @param {string} root @returns {{ pages: Record<string, string>, problems: string[] }} */
const staged = (root) => evaluate(`({ stage }) => { const { pages, problems } = stage(${JSON.stringify(root)}); return { pages: Object.fromEntries(pages), problems }; }`);

/** A copy of the repository, in which README.md, package.json and docs/ can be changed. */
function copy() {
  const root = mkdtempSync(path.join(folder, "copy-"));
  const own = new Set(["README.md", "package.json", "docs"]);
  for (const name of own) cpSync(path.join(ROOT, name), path.join(root, name), { recursive: true });
  for (const name of readdirSync(ROOT)) if (!own.has(name)) symlinkSync(path.join(ROOT, name), path.join(root, name), "junction");
  return root;
}

describe("the pages", () => {
  /** @type {ReturnType<typeof staged>} */
  let site;
  beforeAll(() => (site = staged(ROOT)));

  test("no link leads nowhere, and each section of README.md and of docs/api.md is on a page", () => {
    expect(site.problems).toEqual([]);
  });

  test("each file of docs/ is in the navigation, and each page of it exists", () => {
    const groups = evaluate("({ GROUPS }) => GROUPS");
    const pages = groups.flatMap(({ pages: all }) => all);
    const sources = readdirSync(path.join(ROOT, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`);
    expect([...new Set(pages.map(({ source }) => source))].sort()).toEqual([...sources, "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"].sort());
    expect(Object.keys(site.pages).sort()).toEqual(["index", "api", ...pages.map(({ page }) => page)].sort());
  });

  test("the home page has README's first list and its programs", () => {
    expect(JSON.parse(site.pages.index.split("---\n")[1]).features[0].title).toBe("Ready at once");
    expect(site.pages.index).toContain(read("README.md").split("```js\n")[1].split("```")[0]);
  });

  test("a link to a file without a page leads to the repository if its address is known, and is plain text otherwise", () => {
    const root = copy();
    const manifest = JSON.parse(read("package.json"));
    const repositoryOf = (/** @type {string} */ owner) => ({ type: "git", url: `git+https://github.com/${owner}/tcp-udp-sockets.git` });
    for (const repository of [undefined, repositoryOf("OWNER")]) {
      writeFileSync(path.join(root, "package.json"), JSON.stringify({ ...manifest, repository }));
      expect(staged(root).pages.index).toMatch(/(?<!\[)examples\/? holds the draft's own examples/);
    }
    writeFileSync(path.join(root, "package.json"), JSON.stringify({ ...manifest, repository: repositoryOf("somebody") }));
    expect(staged(root).pages.index).toContain("](https://github.com/somebody/tcp-udp-sockets/blob/main/examples)");
  });

  test.each([
    ["a link to a file that does not exist", "docs/recipes.md", "[x](nothing.md)", /docs\/recipes\.md: the link to nothing\.md leads nowhere/],
    ["a link to a heading that does not exist", "docs/recipes.md", "[x](tls.md#nothing)", /docs\/recipes\.md: docs\/tls\.md has no heading for #nothing/],
    ["a link to a type of the API that does not exist", "docs/recipes.md", "[x](api.md#tcpsockets)", /docs\/api\.md has no heading for #tcpsockets/],
    ["a section of README.md that no page shows", "README.md", "## News", /no page shows the section "News" of README\.md/],
    ["a section of docs/api.md that no page shows", "docs/api.md", "## QUICSocket", /no page shows the section "QUICSocket" of docs\/api\.md/],
  ])("%s is a problem", (_name, file, text, problem) => {
    const root = copy();
    writeFileSync(path.join(root, file), `${readFileSync(path.join(root, file), "utf8")}\n${text}\n`);
    expect(staged(root).problems).toEqual([expect.stringMatching(problem)]);
  });

  test("README's links to its own repository are links between pages", () => {
    const root = copy();
    const file = path.join(root, "README.md");
    const own = "https://github.com/somebody/tcp-udp-sockets/blob/main/";
    writeFileSync(file, readFileSync(file, "utf8").replaceAll("](docs/platforms.md)", `](${own}docs/platforms.md)`));
    const { pages, problems } = staged(root);
    expect(problems).toEqual([]);
    expect(pages.index).toContain("](./platforms.md)");
  });

  test("code is left as it is", () => {
    expect(evaluate('({ mapLinks }) => mapLinks("`[a](b)` [`c`](d)\\n```js\\n[e](f)\\n```", (label, target) => label + " at " + target)')).toBe("`[a](b)` `c` at d\n```js\n[e](f)\n```");
  });

  test("anchors are GitHub's", () => {
    const texts = ["`new UDPSocket(options?: UDPOptions)`", "await relay(a, b)", "Node's permission model", "fetch and http, with a filter"];
    expect(evaluate(`({ slug }) => ${JSON.stringify(texts)}.map(slug)`)).toEqual(["new-udpsocketoptions-udpoptions", "await-relaya-b", "nodes-permission-model", "fetch-and-http-with-a-filter"]);
  });
});

describe("the built site", () => {
  test.each([
    ["index.html", '<img src="https://elsewhere.example/a.png">', ["https://elsewhere.example/a.png"]],
    ["index.html", '<link rel="stylesheet" href="//elsewhere.example/a.css">', ["//elsewhere.example/a.css"]],
    ["index.html", '<script src="https://elsewhere.example/a.js"></script>', ["https://elsewhere.example/a.js"]],
    ["index.html", '<a href="https://elsewhere.example/">a link to follow</a><img src="./a.png">', []],
    ["style.css", '@import "https://elsewhere.example/a.css";', ["https://elsewhere.example/a.css"]],
    ["style.css", "a { background: url(https://elsewhere.example/a.png) } b { background: url(./b.png) }", ["https://elsewhere.example/a.png"]],
  ])("what %s would load from elsewhere is found: %s", (name, text, found) => {
    expect(evaluate(`({ foreignOf }) => foreignOf(${JSON.stringify(name)}, ${JSON.stringify(text)})`)).toEqual(found);
  });

  test("a link, an anchor or a picture that is not there is found, and so is a page without a title", () => {
    const site = mkdtempSync(path.join(folder, "built-"));
    writeFileSync(path.join(site, "a.html"), '<h1 id="a">A</h1><a href="./b.html#b">b</a><a href="./b.html#c">c</a><a href="./d.html">d</a><img src="./e.png">');
    writeFileSync(path.join(site, "b.html"), '<p id="b">B</p><a href="#b">b</a>');
    expect(evaluate(`({ checkSite }) => checkSite(${JSON.stringify(site)})`)).toEqual([
      "a.html: b.html has no place #c",
      "a.html: <a> leads to ./d.html, which does not exist",
      "a.html: <img> leads to ./e.png, which does not exist",
      "b.html has no title",
    ]);
  });

  test("pages and scripts find their files at any path", () => {
    const html = '<head></head><script>window.__VP_SITE_DATA__=JSON.parse("{\\"base\\":\\"/__site__/\\"}");</script><a href="/__site__/"><img src="/__site__/a.png">';
    expect(evaluate(`({ relativeHTML }) => relativeHTML(${JSON.stringify(html)})`)).toBe(
      '<head>\n    <script>globalThis.__SITE__=new URL("./",location.href).pathname</script></head>' +
        '<script>window.__VP_SITE_DATA__=JSON.parse("{\\"base\\":\\""+__SITE__+"\\"}");</script><a href="./index.html"><img src="./a.png">',
    );
    const script = `const a="/__site__/",b='{"c":"/__site__/d"}',e=function(f){return"/__site__/"+f};`;
    expect(evaluate(`({ relativeScript }) => relativeScript(${JSON.stringify(script)})`)).toBe(
      `const a=(__SITE__),b='{"c":"'+__SITE__+'d"}',e=function(f){return(__SITE__)+f};`,
    );
  });
});

describe("docs/troubleshooting.md", () => {
  const page = read("docs/troubleshooting.md");
  const code = /\b(?:E(?:AI_)?[A-Z]{2,}|ERR_(?!TLS_")[A-Z_]+[A-Z]|ABORT_ERR)\b/g;
  /** The codes that the page explains: in a heading, or in the first cell of a row, or in the table of TLS. */
  const explained = new Set(page.split("\n").filter((line) => /^### |^\| /.test(line)).flatMap((line) => line.match(code) ?? []).concat(page.match(/`ERR_STREAM_DESTROYED`/) ? "ERR_STREAM_DESTROYED" : []));

  /** The sources of a folder, joined. @param {string} where @param {RegExp} names */
  const sources = (where, names) => readdirSync(path.join(ROOT, where), { recursive: true }).map(String).filter((name) => names.test(name)).map((name) => read(path.join(where, name))).join("\n");
  const lib = sources("lib", /\.js$/);
  const native = sources("src", /(?<!_tests)\.rs$/);

  /** The codes that an exception of the package may have by the package's own doing. */
  function codes() {
    const errors = read("lib/errors.js");
    const cures = [...errors.matchAll(/^ {4}(E[A-Z_]+): /gm)].map(([, name]) => name);
    const inLib = [...lib.matchAll(/code: "([A-Z_]+)"/g)].map(([, name]) => name);
    const inNative = [...read("src/net/error.rs").matchAll(/Errno::(E[A-Z]+)\.name\(\)|Some\("([A-Z_]+)"\.into\(\)\)/g)].map(([, system, own]) => system ?? own);
    const tls = [...sources("src/net/tls", /(?<!_tests)\.rs$/).matchAll(/"(ERR_TLS_[A-Z_]+[A-Z])"/g)].map(([, name]) => name);
    expect(Math.min(cures.length, inLib.length, inNative.length, tls.length)).toBeGreaterThan(5);
    return new Set([...cures, ...inLib, ...inNative, ...tls, ...[...read("README.md").matchAll(/"(E[A-Z_]+)"/g)].map(([, name]) => name)]);
  }

  test("explains each code of lib/errors.js, src/net/error.rs, TLS and README.md", () => {
    expect([...codes()].filter((name) => !explained.has(name))).toEqual([]);
  });

  test("explains no code that the sources do not have", () => {
    const known = new Set(`${lib}\n${native}`.match(code));
    expect([...explained].filter((name) => !known.has(name))).toEqual([]);
  });

  test("names the same codes of TLS as docs/tls.md", () => {
    const rows = new Set(read("docs/tls.md").split("\n").flatMap((line) => /^\| `(ERR_TLS_[A-Z_]+)` \|/.exec(line)?.[1] ?? []));
    expect([...explained].filter((name) => name.startsWith("ERR_TLS_")).sort()).toEqual([...rows].sort());
  });
});
