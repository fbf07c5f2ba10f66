"use strict";

// R-stack: an exception that is made in an event has no function of the program on its stack. So when the program asks for a promise or a
// stream, the stack of that call is stored. An exception that rejects the promise, or errors the stream, gets the frames of the stored
// stack. Their text is made only then.

const { captureStackTrace } = Error;

/** The beginning of each line of a stack that names a function which awaits a promise. */
const AWAITER = "    at async ";

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * The stack of a call that the program made.
 *
 * @typedef {{ stack?: unknown }} Trace
 */

/**
 * Captures the program's stack: the frames of the callers of `above`, which is a function of the package.
 *
 * @param {Function} above
 * @returns {Trace | null} null if the engine has no Error.captureStackTrace()
 */
function traceAbove(above) {
  if (captureStackTrace === undefined) {
    return null;
  }
  const trace = {};
  captureStackTrace(trace, above);
  return trace;
}

/**
 * The same, but only the nearest frame, which takes a quarter of the time. It is for accepted sockets, because a server may have thousands
 * of them in a second. (When a program takes the streams of accepted sockets, no stack is stored at all: that would take 5 % of the time
 * for accepting and answering.)
 *
 * @param {Function} above
 */
function traceOfOne(above) {
  const { stackTraceLimit } = Error;
  if (!(stackTraceLimit > 1)) {
    return traceAbove(above);
  }
  try {
    Error.stackTraceLimit = 1;
  } catch {
    // Error is frozen.
    return traceAbove(above);
  }
  const trace = traceAbove(above);
  Error.stackTraceLimit = stackTraceLimit;
  return trace;
}

/**
 * Stores the stack of the program's first request for a promise or a stream. The socket's exceptions will show it.
 *
 * @param {SocketRecord} record
 * @param {Function} above the member that was read or called
 */
function noteCaller(record, above) {
  const extras = record.ensureExtras();
  if (extras.trace === null && (!record.finished || record.failure !== null)) {
    extras.trace = record.accepted ? traceOfOne(above) : traceAbove(above);
    if (record.failure !== null) {
      leadTo(record.failure, extras.trace);
    }
  }
}

/**
 * Replaces the frames of an exception's stack by those of a trace. Returns the exception.
 *
 * @template {unknown} Exception
 * @param {Exception} error
 * @param {Trace | null | undefined} trace null, undefined: the stack stays as it is
 */
function leadTo(error, trace) {
  const frames = trace ? framesOf(trace) : "";
  if (frames !== "") {
    const { name, message } = /** @type {Error} */ (error);
    setStack(/** @type {Error} */ (error), `${name}: ${message}${frames}`);
  }
  return error;
}

/**
 * Appends the frames of a trace to an exception's stack. It is for exceptions that may have been thrown in a call of the program: their own
 * frames stay. Returns the exception.
 *
 * @template {unknown} Exception
 * @param {Exception} error
 * @param {Trace | null | undefined} trace
 */
function leadOn(error, trace) {
  const frames = trace ? framesOf(trace) : "";
  if (frames !== "" && typeof error === "object" && error !== null) {
    const stack = stackOf(error);
    if (typeof stack === "string" && !stack.endsWith(frames)) {
      setStack(/** @type {Error} */ (/** @type {unknown} */ (error)), stack + frames);
    }
  }
  return error;
}

/**
 * The lines of a trace, each with a line feed before it.
 *
 * @param {Trace} trace
 */
function framesOf(trace) {
  const stack = stackOf(trace);
  if (typeof stack !== "string") {
    return "";
  }
  const start = stack.indexOf("\n    at ");
  return start < 0 ? "" : stack.slice(start);
}

/** @param {{ stack?: unknown }} holder */
function stackOf(holder) {
  try {
    return holder.stack;
  } catch {
    // A program's own Error.prepareStackTrace has thrown.
    return undefined;
  }
}

/**
 * @param {Error} error
 * @param {string} stack
 */
function setStack(error, stack) {
  try {
    Object.defineProperty(error, "stack", { value: stack, writable: true, configurable: true });
  } catch {
    // The exception is frozen.
  }
}

/**
 * Adds the functions that await the promise to the stack of an `error` event's exception. The stack itself does not show them, because no
 * function of the program was running when the exception was made.
 *
 * @param {DOMException} error
 */
function withAwaiters(error) {
  /** @type {{ stack?: unknown }} */
  const here = {};
  Error.captureStackTrace?.(here, withAwaiters);
  const [{ stack }, { stack: added }] = [error, here];
  // With a program's own Error.prepareStackTrace, a stack may be something else than a string.
  if (typeof stack !== "string" || typeof added !== "string" || stack.includes(AWAITER)) {
    return error;
  }
  const awaiters = added.split("\n").filter((line) => line.startsWith(AWAITER));
  if (awaiters.length > 0) {
    const value = [stack, ...awaiters].join("\n");
    // A frozen exception stays as it is.
    Reflect.defineProperty(error, "stack", { value, writable: true, enumerable: false, configurable: true });
  }
  return error;
}

module.exports = { leadOn, leadTo, noteCaller, traceAbove, withAwaiters };
