"use strict";

const { pattern } = require("./bytes");
const { record } = require("./events");

/**
 * Closes a socket whose peer takes nothing, with this many bytes left: it is lost when closeTimeout is over, with `error`, then `close`.
 *
 * @param {EventTarget} socket
 * @param {number} size more than the system takes
 * @param {number} closeTimeout ms, as the message names it
 * @param {number} patience ms
 */
async function expectLostInClosing(socket, size, closeTimeout, patience) {
  const log = record(socket, ["error", "close"]);
  socket.send(pattern(size));
  socket.close();
  const { event } = await log.until("error", patience);
  expect(event.error.message).toContain(`closeTimeout (${closeTimeout} ms)`);
  await log.until("close");
  expect(log.types).toEqual(["error", "close"]);
}

module.exports = { expectLostInClosing };
