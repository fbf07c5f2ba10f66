// Makes the built site work at any path of a server, and its pages readable from a disk. VitePress needs to know the path when it builds.
// So it builds for a path that does not exist, and this file puts in its place: in HTML a relative address, since all pages are in one
// folder; in scripts the path that the browser has loaded the page from.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";

/** The path that VitePress builds for. */
export const PLACEHOLDER = "/__site__/";

/** Sets the variable that the scripts use. It runs first in each page. */
const SET_PATH = '<script>globalThis.__SITE__=new URL("./",location.href).pathname</script>';

/** Matches VitePress's data about the site: a string literal in a script of each page. */
const SITE_DATA = /(?<=__VP_SITE_DATA__=JSON\.parse\()"(?:[^"\\]|\\.)*"/;

/** @param {string} html */
export function relativeHTML(html) {
  return html
    .replace(SITE_DATA, (literal) => literal.replaceAll(PLACEHOLDER, '"+__SITE__+"'))
    .replaceAll(`"${PLACEHOLDER}"`, '"./index.html"')
    .replaceAll(`"${PLACEHOLDER}`, '"./')
    .replace("<head>", `<head>\n    ${SET_PATH}`);
}

/** @param {string} script */
export function relativeScript(script) {
  return script
    // In parentheses, because a word may stand directly before it: return"/__site__/".
    .replaceAll(`"${PLACEHOLDER}"`, "(__SITE__)")
    .replaceAll(/'(?:[^'\\\n]|\\.)*'/g, (literal) => literal.replaceAll(PLACEHOLDER, "'+__SITE__+'"));
}

/** Changes all files of the built site, and fails if one still has the path that does not exist. @param {string} folder */
export function makeRelative(folder) {
  for (const name of readdirSync(folder, { recursive: true }).map(String)) {
    const change = { ".html": relativeHTML, ".js": relativeScript }[path.extname(name)];
    if (change === undefined && !/\.(?:css|json)$/.test(name)) continue;
    const file = path.join(folder, name);
    const text = readFileSync(file, "utf8");
    if (!text.includes(PLACEHOLDER)) continue;
    const changed = change?.(text) ?? text;
    if (changed.includes(PLACEHOLDER)) throw new Error(`${name} needs to know the site's path: scripts/site/relative.mjs does not know where`);
    writeFileSync(file, changed);
  }
}
