"use strict";

// Quotes text that comes from others (the program, a peer, the system's resolver) in messages. The text is cut to a sensible length, and
// characters that could change a terminal or a log are escaped.

/** The most UTF-16 units of an argument that a message shows. */
const SHOWN = 64;

/** The most UTF-16 units that a message shows of a sentence by others, such as the message of an error. */
const SENTENCE = 200;

/** A BigInt is shown if its absolute value is below this. Converting a very large BigInt to a string takes long. */
const SHORT_BIGINT = 2n ** 128n;

/** Characters that are escaped: control characters, line separators, marks that change the direction of writing, and lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\p{Surrogate}\u2028\u2029\ufeff]/gu;

/**
 * Cuts and escapes a text for a message. Adds no quotation marks.
 *
 * @param {string} text
 * @param {number} [most] UTF-16 units
 */
function cut(text, most = SHOWN) {
  return shorten(text, most).replace(UNPRINTABLE, escape);
}

/**
 * Cuts a text, and marks the cut with "…". It never leaves half of a surrogate pair.
 *
 * @param {string} text
 * @param {number} most UTF-16 units
 */
function shorten(text, most) {
  return text.length > most ? `${text.slice(0, most).replace(/[\ud800-\udbff]$/, "")}…` : text;
}

/** A character as an escape sequence of JavaScript. @param {string} character */
function escape(character) {
  const [, short] = /^"(\\.+)"$/.exec(JSON.stringify(character)) ?? [];
  return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * Describes a value for a message. It runs no code of the program.
 *
 * @param {unknown} value
 */
function shown(value) {
  switch (typeof value) {
    case "string":
      return JSON.stringify(shorten(value, SHOWN)).replace(UNPRINTABLE, escape);
    case "object":
      return value === null ? "null" : "an object";
    case "function":
      return "a function";
    case "symbol":
      return "a Symbol";
    case "bigint":
      return value < SHORT_BIGINT && value > -SHORT_BIGINT ? String(value) : "a BigInt";
    default:
      return String(value);
  }
}

/**
 * The message of what was thrown. A program's function or signal may have given any value.
 *
 * @param {unknown} thrown
 * @returns {string}
 */
function messageOf(thrown) {
  try {
    const message = /** @type {any} */ (thrown)?.message;
    return typeof message === "string" ? message : shown(thrown);
  } catch {
    return shown(thrown);
  }
}

module.exports = { SENTENCE, cut, messageOf, shown };
