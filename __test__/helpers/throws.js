"use strict";

/**
 * Returns the exception that `call` throws. Fails if it throws nothing.
 *
 * @param {() => unknown} call
 */
function thrownBy(call) {
  let result;
  try {
    result = call();
  } catch (error) {
    return error;
  }
  throw new Error(`nothing was thrown; it returned ${String(result)}`);
}

/**
 * Checks that `call` throws a DOMException of this name, and of this `code` if given. Returns it.
 *
 * @param {() => unknown} call
 * @param {string} name "InvalidAccessError", "InvalidStateError", "NetworkError", "NotSupportedError", …
 * @param {string | number} [code]
 */
function expectDOMException(call, name, code) {
  const error = thrownBy(call);
  expectIsDOMException(error, name, code);
  return error;
}

/** The `code` of every InvalidStateError (R-error). */
const INVALID_STATE_ERR = 11;

/** Checks that a value, such as `event.error`, is a DOMException of this name (and code). */
function expectIsDOMException(error, name, code = name === "InvalidStateError" ? INVALID_STATE_ERR : undefined) {
  if (!(error instanceof DOMException)) {
    throw error instanceof Error ? error : new Error(`not a DOMException: ${String(error)}`);
  }
  expect(error.name).toBe(name);
  expect(error.message).not.toBe("");
  if (code !== undefined) {
    expect(error.code).toBe(code);
  }
}

/** Checks that `call` throws a TypeError, of any realm. Returns it. */
function expectTypeError(call) {
  const error = thrownBy(call);
  expect(error?.name).toBe("TypeError");
  return error;
}

module.exports = { thrownBy, expectDOMException, expectIsDOMException, expectTypeError };
