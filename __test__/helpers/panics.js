"use strict";

/**
 * Prints a child's message about a panic of the native half, unless a test hook has caused it. A panic is caught and reported as an error, and
 * a test of errors may take it for the expected one. It prints only if TCP_UDP_SOCKETS_SHOW_PANICS is set, as in `.ci/run` for the build with assertions.
 *
 * @param {string} stderr
 */
function showPanics(stderr) {
  const panics = stderr.split("panicked at").slice(1);
  const isUnexpected = panics.some((message) => !/^[^\n]*\ntest hook /.test(message));
  if (process.env.TCP_UDP_SOCKETS_SHOW_PANICS && isUnexpected) {
    process.stderr.write(stderr);
  }
}

module.exports = { showPanics };
