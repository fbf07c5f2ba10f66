"use strict";

// Whether all that say something of the seam between lib/ and src/ say the same.

const calls = require("./calls.js");
const functions = require("./functions.js");
const items = require("./items.js");
const options = require("./options.js");

/** @typedef {import("./reading.js").Texts} Texts */
/** @typedef {import("./items.js").Item} Item */

/** @type {Record<string, Item>} */
const all = { ...items, ...calls, ...functions, ...options };

/**
 * Where the sides of an item differ, as sentences.
 *
 * @param {string} title
 * @param {Item} item
 * @param {Texts} texts
 */
function differences(title, { sides, either = [], mayLack = [] }, texts) {
  const said = Object.entries(sides).map(([side, read]) => ({ side, facts: read(texts) }));
  const sentences = [];
  const names = new Set(said.filter(({ side }) => !mayLack.includes(side)).flatMap(({ facts }) => Object.keys(facts)));
  for (const { side, facts } of said) if (Object.keys(facts).length === 0 && !mayLack.includes(side)) sentences.push(`${title}: nothing of it was found in ${side}`);
  for (const name of names) {
    const saying = said.filter(({ facts }) => Object.hasOwn(facts, name));
    const silent = said.filter(({ side, facts }) => !mayLack.includes(side) && !either.includes(side) && !Object.hasOwn(facts, name));
    const isNowhere = either.length > 0 && !saying.some(({ side }) => either.includes(side));
    const isDifferent = new Set(saying.map(({ facts }) => facts[name])).size > 1;
    if (silent.length === 0 && !isNowhere && !isDifferent) continue;
    const parts = saying.map(({ side, facts }) => `${JSON.stringify(facts[name])} in ${side}`);
    parts.push(...silent.map(({ side }) => `nothing in ${side}`));
    if (isNowhere) parts.push(`nothing in ${either.join(" or ")}`);
    sentences.push(`${title}: ${name} is ${parts.join(", ")}`);
  }
  return sentences;
}

/** Every difference in the texts. @param {Texts} texts */
function disagreements(texts) {
  return Object.entries(all).flatMap(([title, item]) => differences(title, item, texts));
}

module.exports = { all, differences, disagreements };
