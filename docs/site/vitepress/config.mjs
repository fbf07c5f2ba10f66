// VitePress's configuration of the documentation site. scripts/site.mjs copies it, with its theme, beside the pages that it has made, and
// writes site.json: what the site says of the package.

import { readFileSync } from "node:fs";
import process from "node:process";
import { slug } from "./markdown.mjs";
import { API_INDEX, GROUPS } from "./pages.mjs";

const { version, description, repository } = JSON.parse(readFileSync(new URL("site.json", import.meta.url), "utf8"));

/** Two plugs that meet. */
const ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 6h5v4H1zM10 6h5v4h-5zM6 7h4M6 9h4" fill="#3451b2" stroke="#3451b2"/></svg>';

const sidebar = GROUPS.map(({ title, pages }) => ({
  text: title,
  collapsed: false,
  items: [
    ...(pages.some(({ source }) => source === "docs/api.md") ? [{ text: "Overview", link: `/${API_INDEX}` }] : []),
    ...pages.map((page) => ({ text: page.title, link: `/${page.page}` })),
  ],
}));

export default {
  srcDir: "pages",
  outDir: "out",
  base: process.env.TCP_UDP_SOCKETS_SITE_BASE,
  lang: "en",
  title: "tcp-udp-sockets",
  description,
  // Files with their endings, so that links work without a server.
  cleanUrls: false,
  lastUpdated: false,
  // The icon is in the page, since browsers would ask the server's root for one.
  head: [["link", { rel: "icon", href: `data:image/svg+xml,${encodeURIComponent(ICON)}` }]],
  markdown: { anchor: { slugify: slug }, toc: { slugify: slug } },
  themeConfig: {
    search: { provider: "local" },
    outline: { level: [2, 3] },
    nav: [
      { text: "Recipes", link: "/recipes" },
      { text: "API", link: `/${API_INDEX}` },
      { text: "Troubleshooting", link: "/troubleshooting" },
      { text: version, link: "/changelog" },
    ],
    sidebar,
    socialLinks: repository === undefined ? [] : [{ icon: "github", link: repository }],
    externalLinkIcon: true,
    footer: { message: "MIT licence. Every code block of these pages runs in the project's tests." },
  },
};
