"use strict";

// What others supplied (the program, a peer, the system's resolver), as a message may quote it: cut to a sensible length, and without
// characters that would do something to a terminal or a log.

/** UTF-16 units of an argument that are shown. */
const SHOWN = 64;

/** Of a sentence that somebody else wrote: the message of another's error. */
const SENTENCE = 200;

/** Digits of a BigInt that it takes no time to count. */
const SHORT_BIGINT = 2n ** 128n;

/** Control characters, line separators, marks that turn the direction of writing, and lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\p{Surrogate}\u2028\u2029\ufeff]/gu;

/**
 * A text for a message, without quotation marks.
 *
 * @param {string} text
 * @param {number} [most] UTF-16 units
 */
function cut(text, most = SHOWN) {
  return shorten(text, most).replace(UNPRINTABLE, escape);
}

/**
 * @param {string} text
 * @param {number} most
 */
function shorten(text, most) {
  return text.length > most ? `${text.slice(0, most).replace(/[\ud800-\udbff]$/, "")}…` : text;
}

/** @param {string} character */
function escape(character) {
  const [, short] = /^"(\\.+)"$/.exec(JSON.stringify(character)) ?? [];
  return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * A value for a message, without running the program's code.
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

module.exports = { SENTENCE, cut, shown };
