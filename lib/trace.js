"use strict";

// R-stack: an exception that an event brings has nothing of the program on its stack. Where a promise or a stream was asked for, the stack is
// noted, and given to the exception that rejects it. Its text is made only then.

const { captureStackTrace } = Error;

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

/**
 * The stack of a call of the program.
 *
 * @typedef {{ stack?: unknown }} Trace
 */

/**
 * The stack above a function of the package: the program's.
 *
 * @param {Function} above
 * @returns {Trace | null} null where the engine has no such thing
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
 * The nearest frame alone, at a quarter of the cost: for accepted sockets, of which a server may take thousands in a second. (Taking their
 * streams notes nothing: it would cost 5 % of what accepting and answering does.)
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
    // It is frozen.
    return traceAbove(above);
  }
  const trace = traceAbove(above);
  Error.stackTraceLimit = stackTraceLimit;
  return trace;
}

/**
 * A promise or a stream is asked for: exceptions of the socket lead there, if to nowhere else yet.
 *
 * @param {SocketRecord} record
 * @param {Function} above the member that was read or called
 */
function noteCaller(record, above) {
  if (record.trace === null && (!record.finished || record.failure !== null)) {
    record.trace = record.accepted ? traceOfOne(above) : traceAbove(above);
    if (record.failure !== null) {
      leadTo(record.failure, record.trace);
    }
  }
}

/**
 * Has an exception's stack lead to the program. Returns the exception.
 *
 * @template {unknown} Exception
 * @param {Exception} error
 * @param {Trace | null | undefined} trace null: it stays as it is
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
 * The same for one that may have been thrown in the program's own call: what it has comes first.
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
    // It is frozen.
  }
}

module.exports = { leadOn, leadTo, noteCaller, traceAbove };
