"use strict";

const { execFileSync, spawnSync } = require("node:child_process");

/** Why the kernel's data of a socket is not available here; undefined if it is. */
const obstacle = process.platform === "linux" && spawnSync("ss", ["-V"]).status === 0 ? undefined : "needs Linux and ss (iproute2)";

/** `test` if ss is installed, else a skipped test whose name says why. */
function ssTest(name, body) {
  if (obstacle) {
    test.skip(`${name} (${obstacle})`, body);
  } else {
    test(name, body);
  }
}

/**
 * The output of `ss` for one established TCP socket, given by its ports: its memory and its timer.
 *
 * @param {number} localPort
 * @param {number} remotePort
 */
function tcpState(localPort, remotePort) {
  const out = execFileSync("ss", ["-tnmoH", "state", "established", `( sport = :${localPort} and dport = :${remotePort} )`], {
    encoding: "utf8",
  });
  const [, receive, send] = /skmem:\(r\d+,rb(\d+),t\d+,tb(\d+)/.exec(out) ?? [];
  const [, keepAlive] = /timer:\(keepalive,([^,]+),/.exec(out) ?? [];
  return { receive: Number(receive), send: Number(send), keepAlive, out };
}

module.exports = { ssTest, tcpState };
