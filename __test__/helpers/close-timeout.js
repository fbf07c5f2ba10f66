"use strict";

const { pattern } = require("./bytes");
const { record } = require("./events");

/**
 * Closes a socket whose peer takes nothing, with `size` bytes left. The connection must be lost when closeTimeout is over: `error`, then `close`.
 *
 * @param {EventTarget} socket
 * @param {number} size how many bytes to send: more than the system takes
 * @param {number} closeTimeout ms, which the message must contain
 * @param {number} patience ms to wait for each event
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
