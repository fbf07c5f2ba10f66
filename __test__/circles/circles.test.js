"use strict";

// scripts/circles.mjs fails on a circle of imports between Rust files, and on nothing else.

const { execFile } = require("node:child_process");
const { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const ROOT = path.join(__dirname, "..", "..");
const FIXTURES = path.join(ROOT, "__test__", "fixtures", "circles");
const folder = mkdtempSync(path.join(os.tmpdir(), "circles-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * What the check says of a tree: its exit code, the circles, and the lines that close them.
 *
 * @param {string} tree
 * @param {string[]} options
 * @returns {Promise<{ code: number, circles: string[][], closing: string[], stdout: string, stderr: string }>}
 */
function check(tree, ...options) {
  return new Promise((resolve) => {
    const args = [path.join(ROOT, "scripts", "circles.mjs"), ...options];
    execFile(process.execPath, args, { cwd: tree }, (error, stdout, stderr) => {
      const circles = [...stderr.matchAll(/^circle of \d+ files: (.*)$/gm)].map(([, files]) => files.split(", "));
      const closing = [...stderr.matchAll(/^ {2}(\S+:\d+) imports /gm)].map(([, place]) => place);
      resolve({ code: error?.code ?? 0, circles, closing, stdout, stderr });
    });
  });
}

/** A tree of files, of which each has lines to import others. @param {Record<string, string[]>} imports names by file */
function made(imports) {
  const tree = mkdtempSync(path.join(folder, "made-"));
  const names = Object.keys(imports);
  writeFileSync(path.join(tree, "lib.rs"), names.map((name) => `mod ${name};\n`).join(""));
  for (const name of names) writeFileSync(path.join(tree, `${name}.rs`), imports[name].map((other) => `use crate::${other};\n`).join(""));
  return tree;
}

/** A copy of the tree without circles, where a text is replaced by another. */
function changed(file, from, to) {
  const tree = mkdtempSync(path.join(folder, "changed-"));
  cpSync(path.join(FIXTURES, "straight"), tree, { recursive: true });
  const before = readFileSync(path.join(tree, file), "utf8");
  if (!before.includes(from)) throw new Error(`${file} has no ${from}`);
  writeFileSync(path.join(tree, file), before.replace(from, () => to));
  return tree;
}

describe("files of JavaScript", () => {
  /** A folder of such files. @param {Record<string, string>} files */
  function scripts(files) {
    const tree = mkdtempSync(path.join(folder, "scripts-"));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(tree, name)), { recursive: true });
      writeFileSync(path.join(tree, name), text);
    }
    return tree;
  }

  test("a circle of require() is reported with the line that closes it", async () => {
    const tree = scripts({
      "a.js": 'const fs = require("node:fs");\nconst b = require("./below/b.js");\n',
      "below/b.js": "const { c } = require('../c.js');\n",
      "c.js": 'exports.c = () => require("./a.js");\n',
      "d.js": 'require("./a.js");\n',
    });
    const { code, circles, closing } = await check(tree, ".");
    expect({ code, circles }).toEqual({ code: 1, circles: [["a.js", "below/b.js", "c.js"]] });
    expect(closing).toHaveLength(1);
  });

  test.each([
    ["a comment", '// require("./a.js")\n/* require("./a.js") */\n'],
    ["a string", "const text = 'require(\"./a.js\")';\n"],
    ["a package of that name", 'require("a.js");\n'],
    ["a file that is not there", 'require("./a.json");\n'],
  ])("%s closes none", async (_what, text) => {
    const tree = scripts({ "a.js": 'require("./b.js");\n', "b.js": text });
    expect(await check(tree, ".")).toMatchObject({ code: 0, circles: [], stdout: ".: 2 files, 1 import, 0 circles\n" });
  });
});

test("each way of import closes a circle, which is reported with its line", async () => {
  const tree = path.join(FIXTURES, "circular");
  const marked = readdirSync(tree, { recursive: true })
    .filter((file) => file.endsWith(".rs"))
    .map((file) => file.replaceAll(path.sep, "/"))
    .flatMap((file) =>
      readFileSync(path.join(tree, file), "utf8")
        .split("\n")
        .flatMap((line, i) => (line.endsWith("// closes") ? [`${file}:${i + 1}`] : [])),
    );
  const { code, circles, closing } = await check(tree, ".");
  expect(code).toBe(1);
  expect([...new Set(closing)].sort()).toEqual(marked.sort());
  expect(marked.length).toBeGreaterThan(15);
  // One for each pair, the two of shapes/ too.
  expect(circles).toContainEqual(["shapes/caller.rs", "shapes/mod.rs"]);
  expect(circles).toContainEqual(["shapes/first.rs", "shapes/second.rs", "shapes/third.rs"]);
  expect(circles).toContainEqual(["ways/elsewhere_back.rs", "ways/renamed.rs"]);
  expect(circles).toHaveLength(18);
});

test("a circle is reported with the lines that lead back", async () => {
  const { stderr } = await check(path.join(FIXTURES, "circular"), ".");
  expect(stderr).toContain(
    [
      "circle of 3 files: shapes/first.rs, shapes/second.rs, shapes/third.rs",
      "closed by 1 import:",
      "  shapes/third.rs:1 imports super::first::First of shapes/first.rs",
      "      which leads back by shapes/first.rs:1: super::second::One",
      "      which leads back by shapes/second.rs:1: super::third::Four",
      "",
    ].join("\n"),
  );
});

test("a tree without circles passes, whatever looks like one", async () => {
  const { code, stdout, stderr } = await check(path.join(FIXTURES, "straight"), ".");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^\.: \d+ files, \d+ imports, 0 circles\n$/);
});

const BELOW = "super::below::Below::SIZE";

/** What is left out, and how it would not be: in which file which text instead of which. */
const leftOut = [
  ["a line's comment", "comments.rs", "// use", "use"],
  ["a comment behind code", "comments.rs", "// super", "super"],
  ["a block comment, with one in it", "comments.rs", "/* use super::below::Below; ", ""],
  ["a string", "strings.rs", `["${BELOW}"`, `[${BELOW}`],
  ["a string with an escaped quote", "strings.rs", `"\\"${BELOW}"`, BELOW],
  ["a raw string that ends in a backslash", "strings.rs", `r"${BELOW}\\"`, BELOW],
  ["a raw string with a quote", "strings.rs", `r##"${BELOW}"#"##`, BELOW],
  ["a string of lines", "strings.rs", '"\n        use super', '\n        use super'],
  ["bytes", "strings.rs", `b"${BELOW}"`, BELOW],
  ["raw bytes", "strings.rs", `br#"${BELOW}"#`, BELOW],
  ["a C string", "strings.rs", `c"${BELOW}"`, BELOW],
  ["an attribute", "attributes.rs", `#[cfg_attr(any(), size(${BELOW}))]`, `const SIZE: usize = ${BELOW};`],
  ["another crate's name, imported by a list that has its like", "mod.rs", "use ::core", "use core"],
  ["another crate's name in a list's code", "mod.rs", "= ::core", "= core"],
  ["a name that is another crate's in this file", "paths.rs", "use std::collections as", "use super::"],
  ["what a list re-exports", "mod.rs", "pub use below", "use below"],
  ["what a list re-exports to its crate", "mod.rs", "pub(crate) use siblings::Sibling;", "use below::Below as _;"],
  ["a list that is only passed through", "siblings.rs", "super::paths::Paths", "super::{Below as Paths}"],
  ["a module of tests", "mod.rs", "#[cfg(test)]\nmod helpers;", "mod helpers;\nfn f() { helpers::below(); }"],
  ["a file of tests by its own attribute", "tests_only/inside.rs", "#![cfg(test)]", ""],
  ["a test", "tests_only.rs", "#[test]", ""],
  ["a use of tests", "tests_only.rs", "#[cfg(test)]\nuse", "use"],
  ["a field of tests", "tests_only.rs", "#[cfg(test)]\n    below", "below"],
  ["a function of tests on one system", "tests_only.rs", "all(test, unix)", "any(test, unix)"],
  ["what is not in a build without tests, put otherwise", "tests_only.rs", "not(test)))", "test))"],
  ["a statement of tests", "tests_only.rs", "#[cfg(test)]\n        let", "let"],
  ["an arm of tests", "tests_only.rs", "#[cfg(test)]\n            super", "super"],
  ["a module of tests with a body", "tests_only.rs", "#[cfg(test)]\nmod tests", "mod tests"],
  ["a module of tests in another file", "tests_only.rs", "#[cfg(test)]\n#[path", "fn f(_: others::Other) {}\n#[path"],
];

/** Where code must be seen again, behind what is left out. */
const seenAgain = [
  ["behind characters that are quotes", "strings.rs", "let bytes", `${BELOW};\nlet bytes`],
  ["behind bytes", "strings.rs", "let strings", `${BELOW};\nlet strings`],
  ["behind raw strings", "strings.rs", "let lines", `${BELOW};\nlet lines`],
  ["behind strings", "strings.rs", "format!(", `${BELOW};\nformat!(`],
  ["behind a statement of tests", "tests_only.rs", "self.size", BELOW],
  ["behind an arm of tests", "tests_only.rs", "_ => size", `_ => ${BELOW}`],
  ["behind a field of tests", "tests_only.rs", "other: usize", `other: [u8; ${BELOW}]`],
];

describe("in a tree that is changed in one place", () => {
  const changes = [...leftOut, ...seenAgain];
  /** Whether a circle is reported in each tree. @type {Map<string, boolean>} */
  let found;
  beforeAll(async () => {
    const trees = changes.map(([, file, from, to]) => path.basename(changed(`list/${file}`, from, to)));
    const { stdout, closing } = await check(folder, ...trees);
    found = new Map(trees.map((tree, i) => {
      const isCounted = new RegExp(`^${tree}: .* [1-9]\\d* circles?, closed by`, "m").test(stdout);
      return [changes[i][0], isCounted && closing.some((place) => place.startsWith(`${tree}/list/`))];
    }));
  });

  test.each(leftOut)("a circle is closed by what was left out: %s", (what) => expect(found.get(what)).toBe(true));
  test.each(seenAgain)("code is seen again %s", (what) => expect(found.get(what)).toBe(true));
});

test("a file is one with the folder of its name, but a list is not one with its folder", async () => {
  const tree = changed("list/folder.rs", "pub struct Size", "pub struct Size");
  renameSync(path.join(tree, "list", "folder.rs"), path.join(tree, "list", "folder", "mod.rs"));
  const { code, circles } = await check(tree, ".");
  expect(code).toBe(1);
  expect(circles).toEqual([["list/folder/child.rs", "list/folder/mod.rs"]]);
});

test("the lines named are the fewest that close a circle", async () => {
  // Each leads on by two names, and one by one name leads from the end to the beginning.
  const { closing, stderr } = await check(made({ a: ["b", "b::One", "c"], b: ["c::One", "c::Two", "d"], c: ["d::One", "d::Two"], d: ["a::One"] }), ".");
  expect(closing).toEqual(["d.rs:1"]);
  expect(stderr).toContain("circle of 4 files: a.rs, b.rs, c.rs, d.rs\nclosed by 1 import:\n");
});

test("of many files too, where it says that fewer may do", async () => {
  // Each imports all behind it; three lines lead back.
  const names = Array.from({ length: 24 }, (_, i) => `file_${String.fromCharCode(97 + ((i * 7) % 24))}`);
  const imports = Object.fromEntries(names.map((name, i) => [name, names.slice(i + 1)]));
  for (const [from, to] of [[23, 0], [20, 3], [9, 8]]) imports[names[from]].push(names[to]);
  const { code, circles, closing, stderr } = await check(made(imports), ".");
  expect({ code, circles: circles.map((files) => files.length) }).toEqual({ code: 1, circles: [24] });
  expect(closing).toHaveLength(3);
  expect(stderr).toContain("closed (a smaller set may exist) by 3 imports:\n");
});

test("--graph prints every import", async () => {
  const { code, stdout } = await check(made({ a: ["b"], b: ["c::One"], c: [] }), ".", "--graph");
  expect(code).toBe(0);
  expect(stdout).toBe("a.rs:1: crate::b -> b.rs\nb.rs:1: crate::c::One -> c.rs\n.: 4 files, 2 imports, 0 circles\n");
});

test("a tree that cannot be read is no tree without circles", async () => {
  expect(await check(mkdtempSync(path.join(folder, "empty-")), ".")).toMatchObject({ code: 2, stderr: "circles: . has neither a lib.rs nor a file .js\n" });
  const tree = made({ a: [] });
  mkdirSync(path.join(tree, "b"));
  writeFileSync(path.join(tree, "lib.rs"), "mod a;\n\nmod b;\n");
  expect(await check(tree, ".")).toMatchObject({ code: 2, stderr: "circles: lib.rs:3: module b has no file\n" });
  expect(await check(tree, ".", "--grpah")).toMatchObject({ code: 2, stderr: expect.stringMatching(/no option --grpah/) });
});
