"use strict";

// The distance between a mistyped name and a known one, to find the name that the program may have meant.

/**
 * The number of edits that turn one name into the other. An edit adds, removes or replaces a character, or swaps two neighbours (optimal
 * string alignment).
 *
 * @param {string} a
 * @param {string} b
 */
function distance(a, b) {
  let [beforeLast, last] = [/** @type {number[]} */ ([]), Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1] + Number(a[i - 1] !== b[j - 1]);
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
      }
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length];
}

module.exports = { distance };
