"use strict";

const { deadline } = require("../helpers");

/** What a promise rejects with. Fails where it is fulfilled, or not settled in time. */
function failed(promise) {
  return deadline(
    promise.then(
      (value) => {
        throw new Error(`it was fulfilled with ${String(value)}`);
      },
      (reason) => reason,
    ),
    "a rejection",
  );
}

/** Whether nothing has settled a promise. */
async function isPending(promise) {
  const pending = {};
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending;
}

module.exports = { failed, isPending };
