// Finds the imports of a Rust source tree: which file uses which name of which other file. ../circles.mjs says what counts as an import.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { CLOSER, OPENER, tokenize } from "./tokens.mjs";

/** @typedef {import("./tokens.mjs").Token} Token */
/** @typedef {{ segments: string[], line: number }} Mention a path in the code, and its line; the last segment of a glob is "*" */
/** @typedef {Mention & { isReexport: boolean }} Import */
/**
 * A module: a whole file, or a `mod` with a body in a file (`isInline`). `folder` is the folder with the files of its child modules.
 * `isList`: the file is a mod.rs, a lib.rs or a main.rs.
 *
 * @typedef {{
 *   file: string, folder: string, parent: Module | undefined, isInline: boolean, isList: boolean,
 *   children: Map<string, Module[]>, uses: Map<string, Import[]>, globs: Import[], items: Set<string>,
 *   imports: Import[], mentions: Mention[], words: Map<string, number>,
 * }} Module
 */
/** @typedef {{ file: string, isAlternative: boolean }} Path */
/** @typedef {{ module: Module, name: string | undefined }} Found what a path leads to; `name` is undefined if it is the module itself */
/** @typedef {{ from: string, to: string, file: string, line: number, name: string }} Edge `from` and `to` are nodes, `line` is in `file` */

// --- from tokens to modules --------------------------------------------------------------------------------

/**
 * Whether a `cfg` holds in a build without tests; undefined if that depends on something else than tests.
 *
 * @param {Token[]} tokens
 * @returns {boolean | undefined}
 */
function holds(tokens) {
  const [{ text: word } = { text: "" }, next] = tokens;
  if (next?.text !== "(") return word === "test" && tokens.length === 1 ? false : undefined;
  const parts = split(tokens.slice(2, -1)).map(holds);
  if (word === "not") return parts[0] === undefined ? undefined : !parts[0];
  const decisive = word === "any";
  if (parts.includes(decisive)) return decisive;
  return parts.includes(undefined) ? undefined : !decisive;
}

/** Splits tokens at the commas that are not in brackets. @param {Token[]} tokens @returns {Token[][]} */
function split(tokens) {
  /** @type {Token[][]} */
  const parts = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (OPENER.test(token.text)) depth += 1;
    else if (CLOSER.test(token.text)) depth -= 1;
    if (token.text === "," && depth === 0) parts.push([]);
    else parts[parts.length - 1].push(token);
  }
  return parts.filter((part) => part.length > 0);
}

/**
 * The names that a `use` brings into scope. `tokens` are those between the `use` and its semicolon.
 *
 * @param {Token[]} tokens
 * @param {string[]} prefix
 * @returns {(Mention & { alias: string })[]}
 */
function leaves(tokens, prefix) {
  const segments = [...prefix];
  for (let i = 0; i < tokens.length; i += 1) {
    const { text, line, isName } = tokens[i];
    if (text === "{") return split(tokens.slice(i + 1, -1)).flatMap((part) => leaves(part, segments));
    if (text === "*") return [{ segments: [...segments, "*"], line, alias: "*" }];
    if (text === "as") return [{ segments, line, alias: tokens[i + 1]?.text }];
    // `self` in braces is the module itself. A path that begins with `::` belongs to another crate.
    if (text === "::" && i === 0 && prefix.length === 0) return [];
    if (isName && !(text === "self" && segments.length > 0)) segments.push(text);
  }
  return segments.length === 0 ? [] : [{ segments, line: tokens[tokens.length - 1].line, alias: segments[segments.length - 1] }];
}

/** The index after the item, statement, field or match arm that begins at `start`. @param {Token[]} tokens @param {number} start */
function behindItem(tokens, start) {
  let i = start;
  while (tokens[i]?.text === "#" && tokens[i + 1]?.text === "[") i = tokens[i + 1].close + 1;
  if (tokens[i]?.text === "pub") i = tokens[i + 1]?.text === "(" ? tokens[i + 1].close + 1 : i + 1;
  const [word, next] = [tokens[i]?.text, tokens[i + 1]?.text];
  const hasSemicolon = /^(use|static|let|type)$/.test(word) || (word === "const" && !/^(fn|unsafe|async|extern)$/.test(next));
  const hasCommas = /^(fn|impl|struct|enum|union|trait|mod|const|unsafe|async|extern)$/.test(word) || hasSemicolon;
  for (; i < tokens.length; i += 1) {
    const { text, close } = tokens[i];
    if (text === ";" || (text === "," && !hasCommas)) return i + 1;
    if (CLOSER.test(text)) return i;
    if (close < 0) continue;
    i = close;
    if (text === "{" && !hasSemicolon) return i + 1;
  }
  return i;
}

/** Whether an attribute limits its item to builds of tests. @param {Token[]} attribute */
function isOfTests(attribute) {
  if (attribute[0]?.text === "cfg") return holds(attribute.slice(2, -1)) === false;
  return /^(\w+ :: )*test$/.test(attribute.map(({ text }) => text).join(" "));
}

/** The files that a `path` attribute names. A file in a `cfg_attr` is an alternative. @param {Token[]} attribute @returns {Path[]} */
function pathsOf(attribute) {
  const [word, sign, value] = attribute;
  if (word?.text === "path" && sign?.text === "=") return [{ file: value.text.slice(1), isAlternative: false }];
  if (word?.text !== "cfg_attr") return [];
  const [condition, ...parts] = split(attribute.slice(2, -1));
  return holds(condition) === false ? [] : parts.flatMap(pathsOf).map(({ file }) => ({ file, isAlternative: true }));
}

/** @template K, V @param {Map<K, V[]>} map @param {K} key @param {V} value */
function push(map, key, value) {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}

// Each of the following functions reads the construct that begins at token `i`, and returns the index after it.

/**
 * Reads an attribute. If it limits its item to tests, the item is skipped as well: for an inner attribute (`#![…]`), that is all the rest.
 *
 * @param {Token[]} tokens
 * @param {number} i
 * @param {{ paths: Path[] }} state
 */
function readAttribute(tokens, i, state) {
  const isInner = tokens[i + 1].text === "!";
  const opener = isInner ? i + 2 : i + 1;
  if (tokens[opener]?.text !== "[") return opener;
  const { close } = tokens[opener];
  const attribute = tokens.slice(opener + 1, close);
  if (isOfTests(attribute)) return isInner ? Infinity : behindItem(tokens, close + 1);
  state.paths.push(...pathsOf(attribute));
  return close + 1;
}

/** Reads a `use`. @param {Module} module @param {Token[]} tokens @param {number} i @param {boolean} isReexport */
function readUse(module, tokens, i, isReexport) {
  let end = i + 1;
  for (; tokens[end]?.text !== ";"; end += 1) {
    // This `use` stands in a macro's pattern, and declares nothing.
    if (end >= tokens.length || CLOSER.test(tokens[end].text)) return i + 1;
    if (tokens[end].close >= 0) end = tokens[end].close;
  }
  for (const { segments, line, alias } of leaves(tokens.slice(i + 1, end), [])) {
    const used = { segments, line, isReexport };
    if (alias === "*") module.globs.push(used);
    else module.imports.push(used);
    if (alias !== "*" && alias !== "_") push(module.uses, alias, used);
  }
  return end + 1;
}

/**
 * Reads any other token: the name of an item, a path, or a word.
 *
 * @param {Module} module
 * @param {Token[]} tokens
 * @param {number} i
 * @param {{ bodyEnd: number }} state
 */
function readCode(module, tokens, i, state) {
  const { text, line, isName, close } = tokens[i];
  const before = tokens[i - 1]?.text;
  if (i > state.bodyEnd) {
    const item = itemNamed(tokens, i);
    if (item !== undefined) module.items.add(item);
    if (text === "{") state.bodyEnd = close;
  }
  // The token is a part of a longer path, a method, or a variable of a macro.
  if (!isName || before === "." || before === "::" || (before === "$" && text !== "crate")) return i + 1;
  if (!module.words.has(text)) module.words.set(text, line);
  const segments = [text];
  let end = i + 1;
  for (; tokens[end]?.text === "::" && tokens[end + 1]?.isName; end += 2) segments.push(tokens[end + 1].text);
  if (segments.length > 1) module.mentions.push({ segments, line });
  return end;
}

/** The name of the item that begins at a token. @param {Token[]} tokens @param {number} i */
function itemNamed(tokens, i) {
  const { text } = tokens[i];
  if (text === "macro_rules" && tokens[i + 1]?.text === "!") return tokens[i + 2]?.text;
  if (!/^(fn|struct|enum|union|trait|type|const|static)$/.test(text)) return undefined;
  const name = tokens[i + 1]?.text === "mut" ? tokens[i + 2] : tokens[i + 1];
  return name?.isName && !/^(fn|unsafe|async|extern)$/.test(name.text) ? name.text : undefined;
}

/** A source tree as a build without tests has it, for all systems at once: code with any other `cfg` is included. */
export class Tree {
  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
    /** @type {Module[]} */
    this.modules = [];
    const file = ["lib.rs", "main.rs"].find((name) => existsSync(path.join(folder, name)));
    if (file === undefined) throw new Error(`${folder} has no lib.rs`);
    this.root = this.readFile(file, ".", undefined);
  }

  /** @param {string} file @param {string} folder @param {Module | undefined} parent @returns {Module} */
  readFile(file, folder, parent) {
    const tokens = tokenize(readFileSync(path.join(this.folder, file), "utf8"));
    return this.readModule(tokens, 0, tokens.length, { file, folder, parent, isInline: false });
  }

  /**
   * @param {Token[]} tokens @param {number} start @param {number} end
   * @param {Pick<Module, "file" | "folder" | "parent" | "isInline">} where
   * @returns {Module}
   */
  readModule(tokens, start, end, where) {
    /** @type {Module} */
    const module = {
      ...where,
      isList: /(^|\/)(mod|lib|main)\.rs$/.test(where.file),
      children: new Map(),
      uses: new Map(),
      globs: [],
      items: new Set(),
      imports: [],
      mentions: [],
      words: new Map(),
    };
    this.modules.push(module);
    /**
     * `isPublic` and `paths`: whether `pub` and which `path` attributes stand before the next item. `bodyEnd`: the index where the body
     * ends that is being read.
     *
     * @type {{ isPublic: boolean, paths: Path[], bodyEnd: number }}
     */
    const state = { isPublic: false, paths: [], bodyEnd: -1 };
    for (let i = start; i < end; ) {
      const { text } = tokens[i];
      const next = tokens[i + 1];
      if (text === "#" && (next?.text === "[" || next?.text === "!")) {
        i = readAttribute(tokens, i, state);
        continue;
      }
      if (text === "pub") {
        state.isPublic = true;
        i = next?.text === "(" ? next.close + 1 : i + 1;
        continue;
      }
      if (text === "use" && next?.text !== "<") i = readUse(module, tokens, i, state.isPublic);
      else if (text === "mod" && next?.isName) i = this.readMod(module, tokens, i, state.paths);
      else i = readCode(module, tokens, i, state);
      state.isPublic = false;
      state.paths = [];
    }
    return module;
  }

  /** Reads a `mod`, which has a body or a file. @param {Module} module @param {Token[]} tokens @param {number} i @param {Path[]} paths */
  readMod(module, tokens, i, paths) {
    const { text: name, line } = tokens[i + 1];
    const opener = tokens[i + 2];
    if (opener?.text === "{") {
      const where = { file: module.file, folder: path.posix.join(module.folder, name), parent: module, isInline: true };
      push(module.children, name, this.readModule(tokens, i + 3, opener.close, where));
      return opener.close + 1;
    }
    for (const file of this.filesOf(module, name, paths, line)) {
      // `folder`: where Rust looks for the files of this file's child modules.
      const isBeside = /(^|\/)mod\.rs$/.test(file) || paths.length > 0;
      const folder = isBeside ? path.posix.dirname(file) : file.slice(0, -".rs".length);
      push(module.children, name, this.readFile(file, folder, module));
    }
    return i + 3;
  }

  /** The files that a `mod name;` may stand for. @param {Module} module @param {string} name @param {Path[]} paths @param {number} line */
  filesOf(module, name, paths, line) {
    const base = module.isInline ? module.folder : path.posix.dirname(module.file);
    const named = paths.map(({ file }) => path.posix.join(base, file));
    const usual = [`${name}.rs`, `${name}/mod.rs`].map((file) => path.posix.join(module.folder, file));
    const files = paths.some(({ isAlternative }) => !isAlternative) ? named : [...named, ...usual.filter((file) => this.has(file))];
    if (files.length === 0 || !files.every((file) => this.has(file))) {
      throw new Error(`${path.join(this.folder, module.file)}:${line}: module ${name} has no file`);
    }
    return files;
  }

  /** @param {string} file */
  has(file) {
    return existsSync(path.join(this.folder, file));
  }

  // --- from paths to files -----------------------------------------------------------------------------------

  /**
   * Finds what a path that stands in `module` leads to. The result is empty if the path leads into another crate.
   *
   * @param {Module} module @param {string[]} segments @param {Set<Import>} seen
   * @returns {Found[]}
   */
  resolve(module, segments, seen) {
    const [first, ...rest] = segments;
    if (first === "crate") return this.below(this.root, rest, seen);
    if (first !== "self" && first !== "super") return this.named(module, first, rest, seen) ?? [];
    const base = first === "super" ? (module.parent ?? module) : module;
    return rest[0] === "super" ? this.resolve(base, rest, seen) : this.below(base, rest, seen);
  }

  /**
   * The same for the rest of a path, whose beginning leads to `module`.
   *
   * @param {Module} module
   * @param {string[]} segments
   * @param {Set<Import>} seen
   * @returns {Found[]}
   */
  below(module, segments, seen) {
    const [name, ...rest] = segments;
    if (name === undefined) return [{ module, name }];
    if (module.isList) return this.named(module, name, rest, seen) ?? [{ module, name }];
    // Only a list refers to other files for its names. Any other file stands for all names in it.
    const children = module.children.get(name);
    return children ? children.flatMap((child) => this.below(child, rest, seen)) : [{ module, name }];
  }

  /**
   * Finds what a name in `module` leads to; undefined if the module has no such name.
   *
   * @param {Module} module @param {string} name @param {string[]} rest @param {Set<Import>} seen
   * @returns {Found[] | undefined}
   */
  named(module, name, rest, seen) {
    const children = module.children.get(name) ?? [];
    const uses = module.uses.get(name) ?? [];
    const found = children.flatMap((child) => this.below(child, rest, seen));
    for (const used of uses) {
      if (!seen.has(used)) found.push(...this.resolve(module, [...used.segments, ...rest], new Set(seen).add(used)));
    }
    const isItem = module.items.has(name);
    if (isItem) found.push({ module, name });
    if (isItem || children.length > 0 || uses.length > 0) return found;
    const globs = module.globs.flatMap((glob) => this.throughGlob(module, glob, name, rest, seen));
    return globs.length > 0 ? globs : undefined;
  }

  /** @param {Module} module @param {Import} glob @param {string} name @param {string[]} rest @param {Set<Import>} seen @returns {Found[]} */
  throughGlob(module, glob, name, rest, seen) {
    if (seen.has(glob)) return [];
    const inner = new Set(seen).add(glob);
    return this.resolve(module, glob.segments.slice(0, -1), inner).flatMap((target) => {
      if (target.name !== undefined || target.module === module) return [];
      const found = this.named(target.module, name, rest, inner);
      return found === undefined || target.module.isList ? (found ?? []) : [{ module: target.module, name }];
    });
  }

  /**
   * The node of a file. If a folder of its path has the name of a file beside it (net/stream_socket/ and net/stream_socket.rs), that file is the
   * node. If several have, it is the topmost one. Otherwise the file is its own node.
   *
   * @param {string} file
   */
  node(file) {
    const parts = file.split("/");
    const heads = parts.slice(1).map((_, i) => `${parts.slice(0, i + 1).join("/")}.rs`);
    return heads.find((head) => this.has(head)) ?? file;
  }

  /**
   * The nodes of what was found. A list counts only if a name in it was found, not if a path leads only to the list itself.
   *
   * @param {Found[]} found
   */
  nodes(found) {
    return new Set(found.filter(({ module, name }) => !module.isList || name !== undefined).map(({ module }) => this.node(module.file)));
  }

  /** Every import from one node to another. @returns {Edge[]} */
  edges() {
    /** @type {Edge[]} */
    const edges = [];
    for (const module of this.modules) {
      const from = this.node(module.file);
      /** @param {Mention} mention @param {Iterable<string>} nodes */
      const add = ({ segments, line }, nodes) => {
        for (const to of nodes) if (to !== from) edges.push({ from, to, file: module.file, line, name: segments.join("::") });
      };
      /** @param {Import} used */
      const isOwn = (used) => !(used.isReexport && module.isList);
      for (const used of module.imports.filter(isOwn)) add(used, this.nodes(this.resolve(module, used.segments, new Set([used]))));
      for (const glob of module.globs.filter(isOwn)) {
        const segments = glob.segments.slice(0, -1);
        const found = this.resolve(module, segments, new Set([glob]));
        add(glob, this.nodes(found.filter((target) => !target.module.isList)));
        for (const list of found.filter((target) => target.module.isList && target.name === undefined)) {
          for (const [word, line] of module.words) {
            if (module.items.has(word) || module.uses.has(word) || module.children.has(word)) continue;
            add({ segments: [...segments, word], line }, this.nodes(this.named(list.module, word, [], new Set([glob])) ?? []));
          }
        }
      }
      for (const mention of module.mentions) {
        // A name that a `use` has brought into scope counts at the `use`.
        const uses = module.uses.get(mention.segments[0]) ?? [];
        const brought = this.nodes(uses.flatMap((used) => this.resolve(module, used.segments, new Set([used]))));
        add(mention, [...this.nodes(this.resolve(module, mention.segments, new Set()))].filter((node) => !brought.has(node)));
      }
    }
    const unique = new Map(edges.map((edge) => [`${edge.file}:${edge.line}:${edge.name}:${edge.to}`, edge]));
    return [...unique.values()].sort((a, b) => compare(a.file, b.file) || a.line - b.line || compare(a.name, b.name));
  }
}

/** @param {string} a @param {string} b */
export function compare(a, b) {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
