"use strict";

// What finds constants, lists and tables in the sources' texts. Each finds what is asked for by name, in whichever file it stands.

const { readFileSync, readdirSync } = require("node:fs");
const path = require("node:path");

const ROOT = path.join(__dirname, "..", "..");

/** @typedef {{ src: string, seam: string, lib: string, binding: string, types: string, readme: string, tls: string }} Texts */

/** What is compared. @param {string} root the repository's folder @returns {Texts} */
function readTexts(root = ROOT) {
  /** @param {string} file */
  const text = (file) => readFileSync(path.join(root, file), "utf8");
  /** All files of a folder, one behind the other. @param {string} folder @param {RegExp} names */
  const texts = (folder, names) => readdirSync(path.join(root, folder), { recursive: true })
    .filter((file) => names.test(file))
    .sort()
    .map((file) => text(path.join(folder, file)))
    .join("\n");
  return {
    src: texts("src", /(?<!_tests)\.rs$/),
    // Its constants go before those of the same name below it.
    seam: texts("src/binding", /(?<!_tests)\.rs$/),
    lib: texts("lib", /\.js$/),
    binding: text("docs/binding.md"),
    types: text("index.d.ts"),
    readme: text("README.md"),
    tls: text("docs/tls.md"),
  };
}

/**
 * The value of an expression of numbers, constants, an enum's variant, `*`, `+`, `<<`, true and false, in Rust or in JavaScript.
 *
 * @param {string} expression
 * @param {string[]} sources where its constants are: the first that has one, has it
 * @returns {number | boolean | undefined} undefined where there is no such constant, or several that differ
 */
function valueOf(expression, ...sources) {
  const text = expression.trim();
  if (text === "true" || text === "false") return text === "true";
  if (text === "u32::MAX") return 0xffffffff;
  const plain = text.replaceAll("_", "").replace(/(?<=^-?\d+)[iu](8|16|32|64|size)$/, "");
  if (/^-?(0x[\da-f]+|\d+)$/i.test(plain)) return Number(plain);
  const [, left, sign, right] = /^(.*?)(<<|[*+])(.*)$/s.exec(text) ?? [];
  if (sign !== undefined) {
    const [a, b] = [valueOf(left, ...sources), valueOf(right, ...sources)];
    return typeof a === "number" && typeof b === "number" ? { "*": a * b, "+": a + b, "<<": a << b }[sign] : undefined;
  }
  const [, type, variant] = /^(\w+)::(\w+) as \w+$/.exec(text) ?? [];
  if (type !== undefined) {
    return number(new RegExp(`^\\s*${variant} = (\\d+),`, "m"), sources.map((source) => body(new RegExp(`\\benum ${type} \\{`), source)).join("\n"));
  }
  return constant(text.replace(/^.*::/, ""), ...sources);
}

/**
 * A constant's value.
 *
 * @param {string} name
 * @param {string[]} sources
 */
function constant(name, ...sources) {
  if (!/^\w+$/.test(name)) return undefined;
  const pattern = new RegExp(`\\bconst ${name}(?:: \\w+)? = ([^;{]+);`, "g");
  const definitions = sources.map((source) => [...source.matchAll(pattern)]).find((matches) => matches.length > 0) ?? [];
  const values = new Set(definitions.map(([, expression]) => valueOf(expression, ...sources)));
  return values.size === 1 ? [...values][0] : undefined;
}

/**
 * What stands in the first group where a text has a pattern once.
 *
 * @param {RegExp} pattern
 * @param {string} source
 */
function found(pattern, source) {
  const matches = [...source.matchAll(new RegExp(pattern.source, `${pattern.flags}g`))];
  const groups = new Set(matches.map((match) => match.slice(1).find((group) => group !== undefined)));
  return groups.size === 1 ? [...groups][0] : undefined;
}

/**
 * The number in the first group of a pattern.
 *
 * @param {RegExp} pattern
 * @param {string} source
 * @param {string[]} constants where its constants are, if not there
 */
function number(pattern, source, ...constants) {
  const expression = found(pattern, source);
  return expression === undefined ? undefined : valueOf(expression.replace(/(?<=\d),(?=\d{3})/g, ""), ...constants, source);
}

/**
 * An object without the members that are undefined.
 *
 * @param {Record<string, unknown>} members
 */
function known(members) {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/**
 * What stands between the bracket that a pattern ends with and the one that closes it.
 *
 * @param {RegExp} opening
 * @param {string} source
 */
function body(opening, source) {
  const match = opening.exec(source);
  if (!match) return "";
  const start = match.index + match[0].length;
  let depth = 1;
  let end = start;
  for (; depth > 0 && end < source.length; end += 1) depth += { "{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1 }[source[end]] ?? 0;
  return source.slice(start, end - 1);
}

/**
 * What stands between two marks in a page, as one line.
 *
 * @param {string} from
 * @param {string} to
 * @param {string} page
 */
function passage(from, to, page) {
  const start = page.indexOf(from);
  const end = page.indexOf(to, start + from.length);
  return start < 0 ? "" : page.slice(start, end < 0 ? undefined : end).replace(/\s+/g, " ");
}

/**
 * The rows of the Markdown tables below a heading, as cells.
 *
 * @param {string | RegExp} heading how it begins
 * @param {string} page
 */
function rows(heading, page) {
  const lines = page.split("\n");
  const start = lines.findIndex((line) => line.startsWith("#") && line.replace(/^#+ /, "").startsWith(heading));
  if (start < 0) return [];
  const end = lines.findIndex((line, i) => i > start && line.startsWith("#"));
  return lines
    .slice(start, end < 0 ? undefined : end)
    .filter((line) => line.startsWith("| "))
    .map((line) => line.slice(1, line.lastIndexOf("|")).split("|").map((cell) => cell.trim()));
}

/**
 * The members of an interface in index.d.ts, each with its comment as one line.
 *
 * @param {string} name
 * @param {string} types
 * @returns {Map<string, string>}
 */
function members(name, types) {
  const inside = body(new RegExp(`export interface ${name}\\b[^{]*\\{`), types);
  const matches = inside.matchAll(/(\/\*\*(?:(?!\*\/)[^])*\*\/)?\s*\n?\s*(?:readonly )?(\w+)\??: [^;]*;/g);
  return new Map([...matches].map(([, comment = "", member]) => [member, comment.replace(/\s*\n\s*\* ?/g, " ")]));
}

module.exports = { body, constant, found, known, members, number, passage, readTexts, rows, valueOf };
