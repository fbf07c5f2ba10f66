// The imports of a folder of CommonJS files: each `require("./name.js")` outside comments.

import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";

/** @typedef {import("./imports.mjs").Edge} Edge */

/** Matches a comment, a require() of a relative path (`name` or `other` is the path), or any other string. */
const TOKEN = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|\brequire\(\s*(?:"(?<name>\.[^"]*)"|'(?<other>\.[^']*)')\s*\)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;

/** A folder of files that require() each other. */
export class Requires {
  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
    this.modules = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .map((file) => file.replaceAll(path.sep, "/"))
      .filter((file) => file.endsWith(".js"))
      .sort()
      .map((file) => ({ file }));
    if (this.modules.length === 0) throw new Error(`${folder} has neither a lib.rs nor a file .js`);
  }

  /** @returns {Edge[]} */
  edges() {
    const files = new Set(this.modules.map(({ file }) => file));
    return this.modules.flatMap(({ file }) => {
      const text = readFileSync(path.join(this.folder, file), "utf8");
      return [...text.matchAll(TOKEN)].flatMap(({ index, groups }) => {
        const name = groups?.name ?? groups?.other;
        if (name === undefined) return [];
        const to = path.posix.join(path.posix.dirname(file), name);
        const line = text.slice(0, index).split("\n").length;
        return files.has(to) ? [{ from: file, to, file, line, name }] : [];
      });
    });
  }
}
