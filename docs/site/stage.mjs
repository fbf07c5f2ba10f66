// Makes the pages of the documentation site from the repository's Markdown, so that nothing is written twice. It needs no package, so tests
// call it without the site's tools. It reports links that lead nowhere.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { cut, headings, mapLinks, mapProse, shifted, slug } from "./markdown.mjs";
import { API_HOLDERS, API_INDEX, GROUPS, HOME, LEFT_OUT } from "./pages.mjs";

/** @typedef {{ text: string, source: string, title: string }} Staged a page's Markdown, with the links of its source, and where it is from */

const [README, API] = ["README.md", "docs/api.md"];

/** Matches an address of the repository itself, of which the rest is a path in it. README has such links, because npm shows it too. */
const OWN_ADDRESS = /^https:\/\/(?:github\.com\/[^/]+\/tcp-udp-sockets\/(?:blob|tree|raw)|raw\.githubusercontent\.com\/[^/]+\/tcp-udp-sockets)\/[^/]+\//;

/** The repository's address on the Web, from package.json; undefined while it has none, or no owner ("OWNER"). @param {string} root */
export function repositoryOf(root) {
  const { repository } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const address = typeof repository === "string" ? repository.replace(/^github:/, "https://github.com/") : repository?.url;
  const [, web] = /^(?:git\+)?(https:\/\/[\w./-]+?)(?:\.git)?$/.exec(address ?? "") ?? [];
  return web?.includes("/OWNER/") ? undefined : web;
}

/** Cuts a source into the sections that pages may name. @param {string} source @param {string} markdown */
function sectionsOf(source, markdown) {
  const parts = cut(markdown, ({ level, text }) => level === 2 || (source === API && level === 3 && isListed(text)));
  for (const holder of source === API ? API_HOLDERS : []) parts.sections.delete(holder);
  return parts;
}

const listed = new Set(GROUPS.flatMap(({ pages }) => pages).filter(({ source }) => source === API).flatMap(({ sections = [] }) => sections));
/** Whether a page of the API is said to show a section. @param {string} text */
const isListed = (text) => listed.has(text);

/** The home page: README's beginning as a title with its features, then its first sections. @param {ReturnType<typeof cut>} readme */
function home({ intro, sections }) {
  const lines = intro.split("\n");
  const name = lines[0].replace(/^# /, "");
  const tagline = lines.slice(1).join("\n").trim().split("\n\n")[0].replaceAll("\n", " ");
  const list = lines.findIndex((line) => line.startsWith("- "));
  const end = lines.findIndex((line, at) => at > list && line === "");
  const items = lines.slice(list, end).join("\n").split(/^- /m).slice(1);
  const features = items.map((item) => {
    const [, title, details] = /^\*\*(.*?)\.\*\* ([^]*)$/.exec(item) ?? [];
    if (title === undefined || details === undefined) throw new Error(`${README}: an item of the first list has no title: ${item}`);
    return { title, details: asHTML(details.trim().replaceAll(/\s+/g, " ")) };
  });
  const actions = [
    { theme: "brand", text: "Recipes", link: "/recipes" },
    { theme: "alt", text: "Coming from…", link: "/compared" },
    { theme: "alt", text: "API by topic", link: `/${API_INDEX}` },
  ];
  const matter = { layout: "home", hero: { name, tagline: tagline.replaceAll("`", ""), actions }, features };
  const shown = HOME.map((title) => taken(sections, title, README).lines.join("\n"));
  return `---\n${JSON.stringify(matter, undefined, 2)}\n---\n\n${[lines.slice(end + 1).join("\n"), ...shown].join("\n")}`;
}

/** Markdown of one line as HTML: only inline code. @param {string} text */
const asHTML = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(/`([^`]*)`/g, "<code>$1</code>");

/** @param {ReturnType<typeof cut>["sections"]} sections @param {string} title @param {string} source */
function taken(sections, title, source) {
  const section = sections.get(title);
  if (section === undefined) throw new Error(`${source} has no section "${title}"`);
  return section;
}

/** The page in front of those of the API: what docs/api.md says first, and a list of the pages with what they describe. @param {string} intro */
function apiIndex(intro) {
  const said = intro.replace(/\n\[UDPSocket\][^\n]*\n/, "\n");
  const group = GROUPS.find(({ pages }) => pages.some(({ source }) => source === API));
  const rows = (group?.pages ?? []).map(({ page, title, sections = [] }) => `| [${title}](page:${page}) | ${sections.map((name) => `[\`${name}\`](#${slug(name)})`).join(", ")} |`);
  return `${said.trim()}\n\n## By topic\n\n| topic | |\n| --- | --- |\n${rows.join("\n")}\n`;
}

/** In a page of the API, names of types in code become links. @param {string} text @param {Map<string, { page: string }>} anchors */
function withTypeLinks(text, anchors) {
  return mapProse(text, (line) =>
    line.startsWith("#") ? line : line.replaceAll(/(?<![[`])`([A-Z]\w+)`(?![\]`])/g, (code, name) => (isListed(name) && anchors.has(slug(name)) ? `[${code}](#${slug(name)})` : code)),
  );
}

/**
 * Makes all pages.
 *
 * @param {string} root the repository
 * @returns {{ pages: Map<string, string>, problems: string[] }} Markdown by the page's name, without its ending
 */
export function stage(root) {
  /** @type {string[]} */
  const problems = [];
  /** @type {Map<string, string>} */
  const sources = new Map();
  const read = (/** @type {string} */ source) => {
    if (!sources.has(source)) sources.set(source, readFileSync(path.join(root, source), "utf8"));
    return /** @type {string} */ (sources.get(source));
  };
  const parts = new Map([README, API].map((source) => [source, sectionsOf(source, read(source))]));

  /** @type {Map<string, Staged>} */
  const staged = new Map();
  const readme = /** @type {ReturnType<typeof cut>} */ (parts.get(README));
  staged.set("index", { text: home(readme), source: README, title: "Home" });
  staged.set(API_INDEX, { text: apiIndex(/** @type {ReturnType<typeof cut>} */ (parts.get(API)).intro), source: API, title: "API" });
  const used = new Map([[README, new Set([...HOME, ...LEFT_OUT])], [API, new Set()]]);
  for (const { page, title, source, sections } of GROUPS.flatMap(({ pages }) => pages)) {
    let text = read(source);
    if (sections !== undefined) {
      const all = sections.map((name) => taken(/** @type {ReturnType<typeof cut>} */ (parts.get(source)).sections, name, source));
      for (const name of sections) used.get(source)?.add(name);
      const base = sections.length === 1 ? 1 : 2;
      const body = all.flatMap(({ heading, lines }) => shifted(lines, base - heading.level)).join("\n");
      text = base === 1 ? body : `# ${title}\n\n${body}`;
    }
    staged.set(page, { text, source, title });
  }
  for (const [source, { sections }] of parts) {
    for (const name of sections.keys()) if (!used.get(source)?.has(name)) problems.push(`no page shows the section "${name}" of ${source}: see docs/site/pages.mjs`);
  }

  // Where each heading of each source is on the site. A page numbers headings of the same text anew.
  /** @type {Map<string, Map<string, { page: string, anchor: string }>>} */
  const places = new Map();
  for (const [page, { text, source }] of staged) {
    const here = places.get(source) ?? new Map();
    places.set(source, here);
    for (const { anchor } of headings(text)) if (!here.has(anchor)) here.set(anchor, { page, anchor });
  }
  const wholePages = new Map([...staged].filter(([, { source }]) => source !== README && source !== API).map(([page, { source }]) => [source, page]));
  wholePages.set(README, "index").set(API, API_INDEX);

  const repository = repositoryOf(root);
  /** @param {string} from @param {string} target @returns {string | undefined} the link on the site; undefined: it leads to a file that the site does not have */
  const resolve = (from, target) => {
    if (target.startsWith("page:")) return `./${target.slice("page:".length)}.md`;
    const own = target.replace(OWN_ADDRESS, "");
    if (own === target && /^[a-z]+:/.test(target)) return target;
    const [where, anchor] = own.split("#");
    const file = where === "" ? from : path.posix.normalize(own === target ? path.posix.join(path.posix.dirname(from), where) : where).replace(/\/$/, "");
    if (where !== "" && !existsSync(path.join(root, file))) problems.push(`${from}: the link to ${target} leads nowhere`);
    const page = wholePages.get(file);
    if (page === undefined) return repository && `${repository}/blob/main/${own}`;
    if (anchor === undefined) return `./${page}.md`;
    const place = places.get(file)?.get(anchor);
    if (place === undefined) problems.push(`${from}: ${file} has no heading for #${anchor}`);
    return place === undefined ? `./${page}.md` : `./${place.page}.md#${place.anchor}`;
  };
  // On the site a page has a title in place of a path.
  const titleFor = (/** @type {string} */ label, /** @type {string} */ link) =>
    /^[\w./-]+\.md$/.test(label) ? (staged.get(link.replace(/^\.\/|\.md(?:#.*)?$/g, ""))?.title ?? label) : label;
  const pages = [...staged].map(([page, { text, source }]) => {
    const here = source === API ? withTypeLinks(text, /** @type {NonNullable<ReturnType<typeof places.get>>} */ (places.get(API))) : text;
    const linked = mapLinks(here, (label, target, isPicture) => {
      if (isPicture) return picture(root, source, label, target.replace(OWN_ADDRESS, "/"));
      const link = resolve(source, target);
      return link === undefined ? label : `[${titleFor(label, link)}](${link})`;
    });
    return /** @type {[string, string]} */ ([page, linked]);
  });
  return { pages: new Map(pages), problems };
}

/**
 * A picture is part of its page, so that it follows the page's colours. Its own style, for pages without any, is left out.
 *
 * @param {string} root
 * @param {string} source
 * @param {string} label
 * @param {string} target a path from the source; with a slash at its beginning, from the repository
 */
function picture(root, source, label, target) {
  const file = target.startsWith("/") ? target.slice(1) : path.posix.join(path.posix.dirname(source), target);
  const svg = readFileSync(path.join(root, file), "utf8");
  const bare = svg.replace(/^[^]*?(?=<svg)/, "").replaceAll(/<style>[^]*?<\/style>|<!--[^]*?-->/g, "").replaceAll(/\n+/g, "\n").trim();
  const kind = path.posix.basename(file, ".svg").split("-")[0];
  return `<figure class="picture ${kind}" tabindex="0" role="group" aria-label="${label.replaceAll('"', "&quot;")}" v-pre>\n${bare}\n</figure>`;
}
