// Writes docs/api.md, which has the whole API on one page, from index.d.ts, agent.d.ts, testing.d.ts and their comments. So they always agree.
//
//   node scripts/api.mjs            writes it
//   node scripts/api.mjs --check    fails if the page differs from the declarations

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { root } from "./build.mjs";

const SOURCE = "index.d.ts";
const AGENT = "agent.d.ts";
const TESTING = "testing.d.ts";
const PAGE = "docs/api.md";

/** Members from EventTarget, which are not listed for each class. */
const INHERITED = new Set(["addEventListener", "removeEventListener"]);

/** @typedef {{ name: string, kind: string, extendsWhat: string, signature: string, comment: Comment, members: Member[], section: string }} Declaration */
/** @typedef {{ name: string, signature: string, comment: Comment, type: string, isMethod: boolean }} Member */
/** @typedef {{ text: string[], tags: { tag: string, text: string[] }[], run: string }} Comment */

/** The beginning of a block with a signature. It names the step of CI that compiles the signature (scripts/docs/blocks.mjs). */
const SIGNATURE = '<!-- run: by .ci/run\'s step "types" -->\n```ts\n';

/** Splits a comment's lines, without its stars, into text and tags. @param {string[]} lines @param {string} run how its example runs @returns {Comment} */
function readComment(lines, run) {
  const bare = lines
    .join("\n")
    .replace(/^\s*\/\*\*/, "")
    .replace(/\*\/\s*$/, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd());
  const comment = { text: [], tags: [], run };
  let into = comment.text;
  for (const line of bare) {
    const [, tag, rest] = /^\s*@(\w+)\s?(.*)$/.exec(line) ?? [];
    if (tag === undefined) {
      into.push(line);
    } else {
      into = [rest];
      comment.tags.push({ tag, text: into });
    }
  }
  return comment;
}

/** Joins lines to one piece of text. @param {string[]} lines */
const joined = (lines) => lines.map((line) => line.trim()).filter((line) => line !== "").join(" ");

/** @param {string} text */
const linked = (text) => text.replaceAll(/\{@link (\w+)\}/g, "`$1`");

/** Prose as Markdown. Line breaks stay. @param {string[]} lines */
function prose(lines) {
  return linked(lines.join("\n").trim());
}

/** Joins lines to the text of one table cell. @param {string[]} lines */
const cell = (lines) => linked(joined(lines)).replaceAll("|", "\\|");

/**
 * The index of a declaration's last line: all brackets are closed there, and the line ends in `;`, `{` or `}`.
 *
 * @param {string[]} lines
 * @param {number} start
 */
function declarationEnd(lines, start) {
  let depth = 0;
  for (let at = start; at < lines.length; at++) {
    for (const sign of lines[at].replaceAll(/=>/g, "").replaceAll(/"[^"]*"/g, "")) {
      if ("({[<".includes(sign)) depth += 1;
      else if (")}]>".includes(sign)) depth -= 1;
    }
    if (depth === 0 && /[;{}]\s*$/.test(lines[at])) return at;
  }
  throw new Error(`${SOURCE}:${start + 1}: a declaration without an end`);
}

/** @param {string} signature */
const flat = (signature) => signature.replaceAll(/\s+/g, " ").replaceAll("( ", "(").replaceAll(/,? \)/g, ")").trim();

/** Reads a line above a comment that says how to run the comment's example; empty if it is another line. @param {string} line */
const runOf = (line) => /^\/\/ (run: .*)$/.exec(line)?.[1] ?? "";

/** @param {string[]} lines @param {number} offset @returns {Member[]} */
function readMembers(lines, offset) {
  const members = [];
  /** @type {string[]} */
  let comment = [];
  let run = "";
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at].trim();
    run ||= runOf(line);
    if (line === "" || line.startsWith("//")) continue;
    if (line.startsWith("/**")) {
      const start = at;
      while (!lines[at].includes("*/")) at += 1;
      comment = lines.slice(start, at + 1);
      continue;
    }
    const end = declarationEnd(lines, at);
    const signature = flat(lines.slice(at, end + 1).join("\n")).replace(/;$/, "");
    const [, name] = /^(?:readonly )?(\[[\w.]+\]|\w+)/.exec(signature) ?? [];
    if (name === undefined) throw new Error(`${SOURCE}:${offset + at + 1}: a member without a name`);
    // Further overloads have no comment of their own.
    if (comment.length > 0 || !members.some((member) => member.name === name)) {
      const [, type = ""] = /^(?:readonly )?(?:\[[\w.]+\]|\w+)\??: (.*)$/.exec(signature) ?? [];
      members.push({ name, signature, comment: readComment(comment, run), type, isMethod: type === "" });
    }
    comment = [];
    run = "";
    at = end;
  }
  return members;
}

/**
 * Whether an interface is a map of events. The page leaves it out, because the `on…` attributes describe the events.
 *
 * @param {string} name
 */
const isEventMap = (name) => name.endsWith("EventMap");

/** @param {string} source */
function read(source) {
  const lines = source.split("\n");
  /** @type {Declaration[]} */
  const declarations = [];
  /** @type {Comment | undefined} */
  let overview;
  /** @type {string[]} */
  let comment = [];
  let run = "";
  let section = "";
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    const [, heading] = /^\/\/ --- (.*?) -*$/.exec(line) ?? [];
    if (heading !== undefined) section = heading.split(":")[0];
    run ||= runOf(line);
    if (line.startsWith("/**")) {
      const start = at;
      while (!lines[at].includes("*/")) at += 1;
      comment = lines.slice(start, at + 1);
      const told = readComment(comment, run);
      if (told.tags.some(({ tag }) => tag === "packageDocumentation")) overview = told;
      continue;
    }
    const [, kind, name, rest] = /^export (?:declare )?(type|interface|class|function|const) (\w+)(.*)$/.exec(line) ?? [];
    if (kind === undefined) continue;
    if (comment.length === 0) throw new Error(`${SOURCE}:${at + 1}: ${name} has no comment`);
    const hasBody = kind === "interface" || kind === "class";
    const end = hasBody ? lines.indexOf("}", at) : declarationEnd(lines, at);
    const [, extendsWhat = ""] = /extends (\w+)/.exec(hasBody ? rest : "") ?? [];
    declarations.push({
      name,
      kind,
      extendsWhat,
      section,
      signature: hasBody ? "" : lines.slice(at, end + 1).join("\n").replace(/^export (declare )?/, ""),
      comment: readComment(comment, run),
      members: hasBody && !isEventMap(name) ? readMembers(lines.slice(at + 1, end), at + 1) : [],
    });
    comment = [];
    run = "";
    at = end;
  }
  if (overview === undefined) throw new Error(`${SOURCE}: no @packageDocumentation`);
  return { overview, declarations };
}

/** @param {Comment} comment */
function examplesOf({ tags, run }) {
  const above = run === "" ? "" : `<!-- ${run} -->\n`;
  return tags.filter(({ tag }) => tag === "example").map(({ text }) => `${above}\`\`\`ts\n${text.join("\n").trim()}\n\`\`\``);
}

/** Parameters, result, exceptions and examples. @param {Comment} comment */
function details(comment) {
  const { tags } = comment;
  const items = [];
  for (const { tag, text } of tags) {
    if (tag === "param") {
      const [, name, rest] = /^(\w+)\s*([^]*)$/.exec(text.join("\n")) ?? [];
      items.push(`- **${name}**: ${cell(rest.split("\n"))}`);
    } else if (tag === "returns") {
      const [first, ...rest] = prose(text).split("\n");
      items.push(`- **returns** ${[first, ...rest.map((line) => (line === "" ? "" : `  ${line.replace(/^ {2}/, "")}`))].join("\n")}`);
    } else if (tag === "throws") {
      items.push(`- **throws** ${linked(joined(text))}`);
    }
  }
  return [...(items.length > 0 ? [items.join("\n")] : []), ...examplesOf(comment)];
}

/** @param {Comment} comment */
const described = (comment) => [prose(comment.text), ...details(comment)].filter((part) => part !== "");

/** @param {string} heading @param {Member[]} members @param {(member: Member) => string} label */
function table(heading, members, label) {
  if (members.length === 0) return [];
  const rows = members.map((member) => `| ${label(member)} | ${cell(member.comment.text)} |`);
  return [`| ${heading} | |\n| --- | --- |\n${rows.join("\n")}`];
}

/** @param {Member} member */
const typed = ({ name, type }) => `\`${name}\`: \`${type.replace(/ \| undefined$/, "").replaceAll("|", "\\|")}\``;

/** Turns an on… attribute into its event. @param {Member} member @returns {Member} */
function eventOf(member) {
  const type = member.name.slice("on".length);
  const text = joined(member.comment.text).replace(`\`${type}\`: `, "");
  return { ...member, name: type, comment: { text: [`${text[0].toUpperCase()}${text.slice(1)}`], tags: [], run: "" } };
}

/** @param {Declaration} declaration */
function classPage({ name, comment, members }) {
  const [made] = members.filter((member) => member.name === "constructor");
  const events = members.filter((member) => /^on[a-z]+$/.test(member.name));
  const attributes = members.filter((member) => !member.isMethod && !events.includes(member));
  const methods = members.filter((member) => member.isMethod && member !== made && !INHERITED.has(member.name));
  return [
    `## ${name}`,
    ...described(comment),
    ...(made === undefined ? [] : [`### \`new ${name}${made.signature.slice("constructor".length)}\``, ...described(made.comment)]),
    ...(attributes.length === 0 ? [] : ["### Attributes"]),
    ...table("attribute", attributes, typed),
    ...attributes.flatMap((member) => examplesOf(member.comment).flatMap((example) => [`\`${member.name}\`:`, example])),
    ...(events.length === 0 ? [] : ["### Events", "Each has an `on…` attribute, too."]),
    ...table("event", events.map(eventOf), ({ name: type }) => `\`${type}\``),
    "### Methods",
    ...methods.flatMap((member) => [`#### \`${member.signature}\``, ...described(member.comment)]),
  ];
}

/** Whether the page shows a declaration as a class: it is one, or an interface of which methods are described. @param {Declaration} declaration */
function isLikeClass({ kind, members }) {
  return kind === "class" || (kind === "interface" && members.some(({ isMethod, comment }) => isMethod && joined(comment.text) !== ""));
}

/** @param {Declaration} declaration @param {number} index @param {Declaration[]} all */
function otherPage({ name, kind, extendsWhat, signature, comment, members }, index, all) {
  // Overloads share one heading.
  const heading = all[index - 1]?.name === name ? "" : `## ${name}()`;
  if (kind === "const") return [`## ${name}`, `${SIGNATURE}${signature}\n\`\`\``, ...described(comment)];
  if (kind === "function") return [heading, `${SIGNATURE}${signature}\n\`\`\``, ...described(comment)];
  if (kind === "type") return [`### ${name}`, ...described(comment), `${SIGNATURE}${signature}\n\`\`\``];
  if (isEventMap(name)) return [];
  const more = extendsWhat === "" ? [] : [`With the members of \`${extendsWhat}\`, and:`];
  return [`### ${name}`, ...described(comment), ...more, ...table("member", members, typed)];
}

/** The section of a subpath, at the end of the page. @param {string} name @param {string} source */
function subpath(name, source) {
  const { overview, declarations } = read(source);
  const functions = declarations.filter(({ kind }) => kind === "function");
  const classes = declarations.filter(({ kind }) => kind === "class");
  const types = declarations.filter((declaration) => !functions.includes(declaration) && !classes.includes(declaration));
  const classParts = classes.flatMap(classPage).map((part) => part.replace(/^##/, "###"));
  const parts = [functions, types].flatMap((those) => those.flatMap(otherPage)).map((part) => part.replace(/^## /, "### "));
  return [`## ${name}`, prose(overview.text).replaceAll(/docs\/(\w+\.md)/g, "[$1]($1)"), ...classParts, ...parts];
}

/** @param {string} source @param {string} agent @param {string} testing */
function page(source, agent, testing) {
  const { overview, declarations } = read(source);
  const main = declarations.filter(
    (declaration) => declaration.kind === "function" || declaration.kind === "const" || isLikeClass(declaration),
  );
  const rest = declarations.filter((declaration) => !main.includes(declaration));
  const anchor = ({ name }) => name.toLowerCase();
  const link = (one) => `[${one.name}${one.kind === "function" ? "()" : ""}](#${anchor(one)})`;
  const list = (those) => [...new Set(those.map(link))].join(", ");
  const listed = rest.filter(({ name }) => !isEventMap(name));
  const parts = [
    "# API",
    "<!-- Written by scripts/api.mjs from index.d.ts, agent.d.ts and testing.d.ts: change it there. -->",
    prose(overview.text).replaceAll(/docs\/(\w+\.md)/g, "[$1]($1)"),
    `${list(main)}. Options and other types: ${list(listed)}. For HTTP: [tcp-udp-sockets/agent](#tcp-udp-socketsagent). For tests: [tcp-udp-sockets/testing](#tcp-udp-socketstesting).`,
    ...main.flatMap((declaration, index) => (isLikeClass(declaration) ? classPage(declaration) : otherPage(declaration, index, main))),
    "## Options and other types",
    ...rest.flatMap(otherPage),
    ...subpath("tcp-udp-sockets/agent", agent),
    ...subpath("tcp-udp-sockets/testing", testing),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

const [declared, forAgents, forTests] = [SOURCE, AGENT, TESTING].map((name) => readFileSync(path.join(root, name), "utf8"));
const made = page(declared, forAgents, forTests);
// CI runs the page's examples, so none may be missing.
const lost = `${declared}${forAgents}${forTests}`.split(/^\s*\* @example\b/m).length - made.split(/^```ts\n(?!(?:type|function|const) )/m).length;
if (lost !== 0) throw new Error(`${SOURCE}, ${AGENT}, ${TESTING}: ${lost} examples are where ${PAGE} shows none`);
const file = path.join(root, PAGE);
if (!process.argv.includes("--check")) {
  writeFileSync(file, made);
} else if (!existsSync(file) || readFileSync(file, "utf8") !== made) {
  console.error(`${PAGE} is not what ${SOURCE} says: run node scripts/api.mjs`);
  process.exitCode = 1;
} else {
  console.log(`${PAGE} is what ${SOURCE} says`);
}
