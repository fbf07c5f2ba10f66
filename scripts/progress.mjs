// The progress lines of a long step: one at least every five seconds, and none wider than a terminal.

import { clearInterval, setInterval } from "node:timers";

/** Columns of the narrowest terminal that people use. */
const WIDTH = 80;

/** Milliseconds between two lines. It is one second less than promised, because a busy machine wakes a timer late. */
const INTERVAL = 4000;

/**
 * Prints what `describe()` returns every few seconds, until `stop()`.
 *
 * @param {string} name in front of each line
 * @param {(seconds: number) => string} describe returns the current action and its estimated time; it gets the seconds so far
 */
export function startProgress(name, describe) {
  const start = Date.now();
  const seconds = () => (Date.now() - start) / 1000;
  const line = (text) => console.log(fit(`${name}: ${text}`));
  const timer = setInterval(() => line(describe(seconds())), INTERVAL);
  return { line, seconds, stop: () => clearInterval(timer) };
}

/** The text, cut to the length of a line. */
function fit(text) {
  return text.length <= WIDTH ? text : `${text.slice(0, WIDTH - 1)}…`;
}

/**
 * Formats an estimated time: in steps of five seconds, from two minutes on in minutes.
 *
 * @param {number} seconds
 */
export function about(seconds) {
  return seconds < 120 ? `about ${Math.max(5, Math.round(seconds / 5) * 5)} s` : `about ${Math.round(seconds / 60)} min`;
}
