"use strict";

// Within one layer of src/ (proto, net, binding) a name of a type or a constant has one meaning: it is defined once.

const { readFileSync, readdirSync } = require("node:fs");
const path = require("node:path");

const SOURCES = path.join(__dirname, "..", "..", "src");

/** A definition of a type, a constant or a static, at any depth but for the types of an `impl`. */
const DEFINITION = /^(?:[ \t]*(?:pub(?:\([^)]*\))? )?(?:(?:const|static) ([A-Z][A-Z0-9_]*):|(?:struct|enum|union|trait) (\w+))|(?:pub(?:\([^)]*\))? )?type (\w+))/gm;

/**
 * Where each name is defined that is defined more than once. What src/net/sys defines counts as one definition: its files are alternatives
 * for systems. Modules of tests do not count.
 *
 * @param {Record<string, string>} files their texts, by path below src/
 */
function duplicates(files) {
  /** @type {Map<string, Set<string>>} */
  const places = new Map();
  for (const [file, text] of Object.entries(files)) {
    if (/_tests\.rs$/.test(file)) continue;
    const [code] = text.split(/^#\[cfg\(test\)\]\nmod \w+ \{/m);
    for (const { index, 1: constant, 2: type, 3: alias } of code.matchAll(DEFINITION)) {
      const name = `${file.split("/")[0]}: ${constant ?? type ?? alias}`;
      const line = code.slice(0, index).split("\n").length;
      if (!places.has(name)) places.set(name, new Set());
      places.get(name)?.add(file.startsWith("net/sys/") ? "net/sys" : `${file}:${line}`);
    }
  }
  return Object.fromEntries([...places].filter(([, { size }]) => size > 1).map(([name, each]) => [name, [...each]]));
}

/** The text of each file below a folder. @param {string} folder */
function read(folder) {
  const names = readdirSync(folder, { recursive: true }).map(String).filter((name) => name.endsWith(".rs"));
  return Object.fromEntries(names.map((name) => [name.replaceAll(path.sep, "/"), readFileSync(path.join(folder, name), "utf8")]));
}

test("no name of a type or a constant is defined twice in a layer", () => {
  expect(duplicates(read(SOURCES))).toEqual({});
});

test.each([
  ["two structs", { "net/a.rs": "struct Piece {\n}", "net/b/c.rs": "\npub struct Piece;" }, { "net: Piece": ["net/a.rs:1", "net/b/c.rs:2"] }],
  ["a constant in a function", { "net/a.rs": "const LIMIT: u8 = 1;\nfn f() {\n    const LIMIT: u8 = 2;\n}" }, { "net: LIMIT": ["net/a.rs:1", "net/a.rs:3"] }],
  ["a type and a static", { "proto/a.rs": "pub(super) type A = u8;\nstatic A: u8 = 1;" }, { "proto: A": ["proto/a.rs:1", "proto/a.rs:2"] }],
  ["of one system's code, and outside of it", { "net/sys/unix.rs": "enum E {}", "net/sys/windows.rs": "enum E {}", "net/e.rs": "enum E {}" }, { "net: E": ["net/sys", "net/e.rs:1"] }],
  ["two layers", { "net/a.rs": "struct S;", "proto/a.rs": "struct S;" }, {}],
  ["alternatives for systems", { "net/sys/unix.rs": "enum E {}", "net/sys/windows.rs": "enum E {}" }, {}],
  ["a module of tests", { "net/a.rs": "struct S;\n#[cfg(test)]\nmod tests {\n    struct S;\n}", "net/a_tests.rs": "struct S;" }, {}],
  ["types of two impls", { "net/a.rs": "impl A for B {\n    type Out = u8;\n}\nimpl A for C {\n    type Out = u8;\n}" }, {}],
])("%s", (_title, files, expected) => {
  expect(duplicates(files)).toEqual(expected);
});
