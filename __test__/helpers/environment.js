"use strict";

/** The variables that turn a program's colours on or off. Node warns if two of them disagree. */
const COLOURS = ["FORCE_COLOR", "NO_COLOR", "NODE_DISABLE_COLORS", "CLICOLOR", "CLICOLOR_FORCE"];

/**
 * The environment for a child whose output a test reads: this process's, without variables for colours. On a terminal jest sets
 * FORCE_COLOR for its workers. The child's output is a pipe, where Node by itself prints no colours.
 *
 * @param {Record<string, string>} [added]
 */
function environment(added = {}) {
  const inherited = Object.entries(process.env).filter(([name]) => !COLOURS.includes(name));
  return { ...Object.fromEntries(inherited), ...added };
}

module.exports = { environment };
