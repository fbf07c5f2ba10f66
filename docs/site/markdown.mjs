// Reads Markdown as the documentation site needs it: its headings with GitHub's anchors, its sections, and its links. It knows no more of
// Markdown than the project's own pages use.

/** @typedef {{ line: number, level: number, text: string, anchor: string }} Heading */

/** Matches the fence of a code block. */
const FENCE = /^ *(`{3,}|~{3,})/;

/** The lines of a page, each with whether it is part of a code block. @param {string} markdown */
function marked(markdown) {
  let fence = "";
  return markdown.split("\n").map((line) => {
    const [, sign = ""] = FENCE.exec(line) ?? [];
    const isCode = fence !== "" || sign !== "";
    if (fence === "") fence = sign;
    else if (sign.startsWith(fence) && line.trim() === sign) fence = "";
    return { line, isCode };
  });
}

/** A heading's text as a reader sees it. @param {string} text */
export const plain = (text) => text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, "").trim();

/** GitHub's anchor for a heading's text, without the number that it adds to a second one of the same text. @param {string} text */
export const slug = (text) => plain(text).toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(/\s/g, "-");

/** All headings of a page. @param {string} markdown @returns {Heading[]} */
export function headings(markdown) {
  const used = new Map();
  return marked(markdown).flatMap(({ line, isCode }, at) => {
    const [, signs, text] = isCode ? [] : (/^(#{1,6}) +(.*?) *$/.exec(line) ?? []);
    if (signs === undefined || text === undefined) return [];
    const bare = slug(text);
    const before = used.get(bare) ?? 0;
    used.set(bare, before + 1);
    return [{ line: at, level: signs.length, text: plain(text), anchor: before === 0 ? bare : `${bare}-${before}` }];
  });
}

/**
 * Cuts a page into what comes before the first of these headings, and one section for each of them. A section ends where the next heading
 * of its level or above begins.
 *
 * @param {string} markdown
 * @param {(heading: Heading) => boolean} begins whether a section begins at this heading
 * @returns {{ intro: string, sections: Map<string, { heading: Heading, lines: string[] }> }}
 */
export function cut(markdown, begins) {
  const lines = markdown.split("\n");
  const all = headings(markdown);
  const sections = new Map();
  for (const [at, heading] of all.entries()) {
    if (!begins(heading)) continue;
    const next = all.slice(at + 1).find((other) => other.level <= heading.level || begins(other));
    if (sections.has(heading.text)) throw new Error(`two sections are called "${heading.text}"`);
    sections.set(heading.text, { heading, lines: lines.slice(heading.line, next?.line ?? lines.length) });
  }
  const first = all.find(begins);
  return { intro: lines.slice(0, first?.line ?? lines.length).join("\n"), sections };
}

/** Raises or lowers all headings of some lines. @param {string[]} lines @param {number} by levels; negative towards the title */
export function shifted(lines, by) {
  return marked(lines.join("\n")).map(({ line, isCode }) => {
    const [, signs, rest] = isCode ? [] : (/^(#{1,6})( .*)$/.exec(line) ?? []);
    return signs === undefined ? line : `${"#".repeat(Math.max(1, signs.length + by))}${rest}`;
  });
}

/** Changes the prose of a page: lines outside code blocks. @param {string} markdown @param {(line: string) => string} change */
export function mapProse(markdown, change) {
  return marked(markdown).map(({ line, isCode }) => (isCode ? line : change(line))).join("\n");
}

/** Matches inline code, which has no links, or a link or picture with its label and its target. */
const LINK = /(`+)(?:(?!\1).)*\1|(!?)\[((?:`[^`]*`|[^\]`])*)\]\(([^()\s]+(?:\([^()\s]*\))?)\)/g;

/**
 * Changes the links and pictures of a page. `change` returns the whole new text.
 *
 * @param {string} markdown
 * @param {(label: string, target: string, isPicture: boolean) => string} change
 */
export function mapLinks(markdown, change) {
  return mapProse(markdown, (line) => line.replaceAll(LINK, (whole, ticks, picture, label, target) => (ticks ? whole : change(label, target, picture === "!"))));
}
