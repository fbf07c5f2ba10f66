// Draws docs/img/states-….svg from the tables of docs/states.md, with Graphviz (the package @viz-js/viz of the site's tools).

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { cut, plain } from "../../docs/site/markdown.mjs";

/** The drawings: the part of the page that each is drawn from, and the state in which a new socket may be. */
const DRAWINGS = [
  { name: "tcp", section: "TCPSocket", first: { connecting: "new", open: "accepted" } },
  { name: "server", section: "TCPServerSocket", first: { open: "new" } },
  { name: "udp", section: "UDPSocket", first: { open: "new" } },
];

/** @typedef {{ event: string, from: string, to: string }} Row */

/** The rows of a section's table of events. @param {string} page @param {string} title @returns {Row[]} */
export function rowsOf(page, title) {
  const { lines = [] } = cut(page, ({ level }) => level === 2).sections.get(title) ?? {};
  const start = lines.findIndex((line) => line.startsWith("| event |"));
  if (start === -1) throw new Error(`docs/states.md has no table of events below "${title}"`);
  const end = lines.findIndex((line, at) => at > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) => {
    const [, event, from, to] = line.split("|").map((cell) => plain(cell));
    return { event, from, to };
  });
}

/** The graph in Graphviz's language. @param {Row[]} rows @param {Record<string, string>} first */
function graphOf(rows, first) {
  /** @type {Map<string, string[]>} */
  const labels = new Map();
  for (const { event, from, to } of rows) labels.set(`${from} -> ${to}`, [...(labels.get(`${from} -> ${to}`) ?? []), event]);
  const starts = Object.entries(first).flatMap(([state, label]) => [`"${label}" [shape=plaintext, style="", class="start"];`, `"${label}" -> ${state};`]);
  const edges = [...labels].map(([edge, events]) => `${edge} [label="${events.map((event) => ` ${event}     \\l`).join("")}"];`);
  return `digraph {
    graph [bgcolor="transparent", nodesep=0.5, ranksep=0.45, pad=0.1]
    node [fontname="Helvetica", fontsize=15, shape=box, style="rounded,filled", fillcolor="#eef1fb", color="#3451b2", margin="0.18,0.06"]
    edge [fontname="Helvetica", fontsize=13, color="#6b6b76", arrowsize=0.8]
    ${[...starts, ...edges].join("\n    ")}
  }`;
}

/** The colours on a dark page, for programs that show the file by itself. The site has the same in its style sheet. */
const DARK = ".node polygon, .node path { fill: #252a40; stroke: #a8b1ff } .edge path { stroke: #98989f } .edge polygon { fill: #98989f; stroke: #98989f } text { fill: #dfdfd6 } .start path, .start polygon { fill: none; stroke: none }";

/** @param {string} svg */
function finished(svg) {
  return svg
    .replace(/^[^]*?(?=<svg)/, "<!-- Written by scripts/site/draw.mjs from the tables of docs/states.md. -->\n")
    .replace(/ width="\d+pt" height="\d+pt"/, "")
    .replaceAll(/<!-- (?!Written)[^]*?-->\n?/g, "")
    .replace(/(<svg[^>]*>\n)/, `$1<style>@media (prefers-color-scheme: dark) { ${DARK} }</style>\n`)
    // Room beside the text, for fonts that are wider than the one that Graphviz assumes.
    .replaceAll(/(?: ?&#160;)+ *(?=<\/text>)/g, "")
    .replaceAll('font-family="Helvetica,sans-Serif"', 'font-family="Helvetica, Arial, sans-serif"')
    .replace(/viewBox="0.00 0.00 ([\d.]+) ([\d.]+)"/, 'width="$1" height="$2" viewBox="0 0 $1 $2"')
    .replace(/\n*$/, "\n");
}

/**
 * Draws them all. Returns those that differ from their files, after writing them if asked to.
 *
 * @param {string} root
 * @param {string} modules the node_modules of the site's tools
 * @param {boolean} isWriting
 * @returns {Promise<string[]>}
 */
export async function draw(root, modules, isWriting) {
  const { instance } = await import(pathToFileURL(path.join(modules, "@viz-js", "viz", "dist", "viz.js")).href);
  const graphviz = await instance();
  const page = readFileSync(path.join(root, "docs", "states.md"), "utf8");
  const stale = [];
  for (const { name, section, first } of DRAWINGS) {
    const file = `docs/img/states-${name}.svg`;
    const svg = finished(graphviz.renderString(graphOf(rowsOf(page, section), first), { format: "svg" }));
    if (existsSync(path.join(root, file)) && readFileSync(path.join(root, file), "utf8") === svg) continue;
    stale.push(file);
    if (isWriting) writeFileSync(path.join(root, file), svg);
  }
  return stale;
}
