// Makes the README of the published package. npm's page shows it without the repository around it, so relative links and pictures would
// lead nowhere there. They become addresses in the repository, at the version's tag.

import { statSync } from "node:fs";
import path from "node:path";
import { root } from "./build.mjs";

/** Code, in which nothing is a link: fenced blocks and spans. */
const CODE = /(^(?:```|~~~)[\s\S]*?^(?:```|~~~)[ \t]*$|`[^`\n]+`)/m;
/** The target of a picture, and that of a link. A link may contain a picture, so its end alone is matched. */
const PICTURE = /(!\[[^\]]*\]\()([^)\s]+)/g;
const LINK = /(\]\()([^)\s]+)/g;
/** The targets of HTML elements. */
const ELEMENT = /(<(img|a|source)\b[^>]*?\b(?:src|srcset|href)=")([^"]+)/g;
/** Targets that need no change: those with a scheme, and places on the same page. */
const ABSOLUTE = /^(?:[a-z][a-z0-9+.-]*:|\/\/|#)/i;

/**
 * @param {string} text Markdown
 * @param {{ slug: string, tag: string }} where the repository, and the tag of the version
 * @returns {string} the same with absolute links and pictures
 */
export function withAbsoluteLinks(text, { slug, tag }) {
  const address = (target, isPicture) => {
    if (ABSOLUTE.test(target)) return target;
    const file = path.posix.normalize(target.replace(/[#?].*$/, ""));
    const found = statSync(path.join(root, file), { throwIfNoEntry: false });
    if (!found) throw new Error(`README.md: the link to ${target} leads nowhere`);
    if (isPicture) return `https://raw.githubusercontent.com/${slug}/${tag}/${file}`;
    const rest = target.slice(target.replace(/[#?].*$/, "").length);
    return `https://github.com/${slug}/${found.isDirectory() ? "tree" : "blob"}/${tag}/${file}${rest}`;
  };
  return text
    .split(CODE)
    .map((part, index) => {
      if (index % 2 === 1) return part;
      return part
        .replace(PICTURE, (_, start, target) => start + address(target, true))
        .replace(LINK, (_, start, target) => start + address(target, false))
        .replace(ELEMENT, (_, start, element, target) => start + address(target, element.toLowerCase() !== "a"));
    })
    .join("");
}
