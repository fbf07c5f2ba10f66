// Where the project's repository is. The member `repository` of package.json says it, and nothing else does: `npm run dist` derives the
// addresses in the published packages from it. Until the owner's name is filled in there, nothing can be published.

import { readFileSync } from "node:fs";
import path from "node:path";
import { root } from "./build.mjs";

/** What stands in package.json until somebody fills in the owner's name. */
const PLACEHOLDER = "OWNER";

/**
 * The repository, and addresses in it.
 *
 * @typedef {object} Repository
 * @property {string} owner the name of its owner on GitHub
 * @property {string} slug "owner/name", as GitHub's GITHUB_REPOSITORY has it
 * @property {string} git the address for `repository.url` of a manifest
 * @property {string} web the address of its page
 */

/**
 * @param {string} [owner] only for a rehearsal: this owner's name instead of package.json's
 * @returns {Repository}
 */
export function repository(owner) {
  const { repository: own } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const [, named, name] = /^git\+https:\/\/github\.com\/([\w.-]+)\/([\w.-]+)\.git$/.exec(own?.url ?? "") ?? [];
  if (named === undefined) throw new Error("package.json: repository.url must be git+https://github.com/OWNER/NAME.git");
  const slug = `${owner ?? named}/${name}`;
  return { owner: owner ?? named, slug, git: `git+https://github.com/${slug}.git`, web: `https://github.com/${slug}` };
}

/** Whether the owner's name is filled in. @param {Repository} where */
export function isFilledIn({ owner }) {
  return owner !== PLACEHOLDER;
}

/** Throws if the owner's name is not filled in. @param {Repository} where */
export function requireOwner(where) {
  if (isFilledIn(where)) return;
  throw new Error(
    `nothing can be published yet: package.json has ${PLACEHOLDER} where the owner of the repository belongs\n` +
      `  Replace ${PLACEHOLDER} in "repository" by the name of the account or organisation on GitHub. All other addresses follow from it.`,
  );
}
