// Checks the built site: each link leads to a page, and its anchor to a place on it; nothing is loaded from elsewhere; each page is complete
// without a script.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";

/** Matches a tag with its attributes. */
const TAG = /<([a-z][\w-]*)((?:\s+[^\s=>]+(?:="[^"]*")?)*)\s*\/?>/g;

/** @typedef {{ tag: string, attributes: Map<string, string> }} Element */

/** The elements of a page that have attributes. @param {string} html @returns {Element[]} */
function elementsOf(html) {
  const bare = html.replaceAll(/(<script[^>]*>)[^]*?<\/script>/g, "$1");
  return [...bare.matchAll(TAG)].map(([, tag, text]) => ({
    tag,
    attributes: new Map([...text.matchAll(/([^\s=]+)="([^"]*)"/g)].map(([, name, value]) => [name, value.replaceAll("&amp;", "&")])),
  }));
}

/** Attributes that make a browser load something, of any element but a link to follow. */
const LOADING = ["src", "srcset", "href", "xlink:href", "poster", "data"];

/** What a page, or a style sheet, would load from elsewhere. @param {string} name @param {string} text @returns {string[]} */
export function foreignOf(name, text) {
  const isHTML = name.endsWith(".html");
  const found = isHTML
    ? elementsOf(text).flatMap(({ tag, attributes }) => (tag === "a" ? [] : LOADING.flatMap((attribute) => attributes.get(attribute) ?? [])))
    : [];
  const styles = isHTML ? [] : [...text.matchAll(/(?:url\(|@import)\s*["']?([^"')\s;]+)/g)].map(([, address]) => address);
  return [...found, ...styles].filter((address) => /^(?:https?:)?\/\//.test(address));
}

/**
 * @param {string} folder
 * @returns {string[]} what is wrong; empty: nothing
 */
export function checkSite(folder) {
  const files = readdirSync(folder, { recursive: true }).map(String);
  const pages = new Map(files.filter((name) => name.endsWith(".html")).map((name) => [name, readFileSync(path.join(folder, name), "utf8")]));
  const elements = new Map([...pages].map(([name, html]) => [name, elementsOf(html)]));
  const anchors = new Map([...elements].map(([name, all]) => [name, new Set(all.flatMap(({ attributes }) => attributes.get("id") ?? []))]));
  const problems = [];
  for (const [name, all] of elements) {
    for (const { tag, attributes } of all) {
      const link = attributes.get("href") ?? attributes.get("src");
      if (link === undefined || /^(?:[a-z]+:|\/\/)/.test(link)) continue;
      const [where, anchor = ""] = decodeURIComponent(link).split("#");
      const target = path.posix.join(path.posix.dirname(name), where === "" ? path.posix.basename(name) : where);
      if (!existsSync(path.join(folder, target))) problems.push(`${name}: <${tag}> leads to ${link}, which does not exist`);
      else if (anchor !== "" && !anchors.get(target)?.has(anchor)) problems.push(`${name}: ${target} has no place #${anchor}`);
    }
    if (name !== "404.html" && !/<h1[ >]/.test(pages.get(name) ?? "")) problems.push(`${name} has no title`);
  }
  for (const name of files.filter((file) => /\.(?:html|css)$/.test(file))) {
    const foreign = foreignOf(name, readFileSync(path.join(folder, name), "utf8"));
    for (const address of foreign) problems.push(`${name} would load ${address}`);
  }
  return problems;
}
