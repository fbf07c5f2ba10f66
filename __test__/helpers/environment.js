"use strict";

/** What asks a program for colours or against them. Node warns where two of them disagree. */
const COLOURS = ["FORCE_COLOR", "NO_COLOR", "NODE_DISABLE_COLORS", "CLICOLOR", "CLICOLOR_FORCE"];

/**
 * The environment for a child whose output a test reads: this process's, without any word on colours. jest sets FORCE_COLOR for
 * its workers where it is run on a terminal; the child's output is a pipe, on which Node of itself prints none.
 *
 * @param {Record<string, string>} [added]
 */
function environment(added = {}) {
  const inherited = Object.entries(process.env).filter(([name]) => !COLOURS.includes(name));
  return { ...Object.fromEntries(inherited), ...added };
}

module.exports = { environment };
