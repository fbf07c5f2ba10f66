"use strict";

/**
 * Prints what a child has said of a panic of the native half: one is caught and told as an error, and a test of errors may take it
 * for the right one. Only where TCP_UDP_SOCKETS_SHOW_PANICS asks for it, as `.ci/run` does for the build with assertions.
 *
 * @param {string} stderr
 */
function showPanics(stderr) {
  if (process.env.TCP_UDP_SOCKETS_SHOW_PANICS && stderr.includes("panicked at")) {
    process.stderr.write(stderr);
  }
}

module.exports = { showPanics };
