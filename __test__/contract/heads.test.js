"use strict";

// Each file of the two halves begins with a comment that says what it is for.

const { readFileSync, readdirSync } = require("node:fs");
const path = require("node:path");

const ROOT = path.join(__dirname, "..", "..");

/** How a file begins that has such a comment. */
const HEADS = [
  ["src", /(?<!_tests)\.rs$/, /^\/\/! \S/],
  ["lib", /\.js$/, /^"use strict";\n\n\/\/ \S/],
];

/** The files of a folder that begin in another way. @param {string} folder @param {RegExp} names @param {RegExp} head */
function withoutHead(folder, names, head) {
  const files = readdirSync(path.join(ROOT, folder), { recursive: true }).map(String).filter((file) => names.test(file));
  expect(files.length).toBeGreaterThan(50);
  return files.filter((file) => !head.test(readFileSync(path.join(ROOT, folder, file), "utf8")));
}

test.each(HEADS)("each file of %s/ says what it is for", (folder, names, head) => {
  expect(withoutHead(folder, names, head)).toEqual([]);
});

test.each([
  ["src", "use std::fmt;\n"],
  ["src", "/// A type.\nstruct A;\n"],
  ["lib", '"use strict";\n\nconst a = 1;\n'],
  ["lib", '"use strict";\n\n/** A function. */\n'],
])("a file of %s/ that does not is found: %j", (folder, text) => {
  const [, , head] = HEADS.find(([name]) => name === folder);
  expect(head.test(text)).toBe(false);
});
