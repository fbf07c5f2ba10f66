"use strict";

// The files of Unix sockets: what is at a path, sockets without a server, and children of other users.

const { lstatSync, renameSync } = require("node:fs");
const net = require("node:net");
const { obstacle } = require("./unix");

/** A user and group without rights or files of its own. */
const NOBODY = 65534;

/** Why a test cannot run as root and as another user here; undefined if it can. */
const userObstacle = obstacle ?? (process.getuid() === 0 ? undefined : "needs root");

/** `test` if other users are possible here, else a skipped test whose name says why. */
function userTest(name, body, timeout) {
  if (userObstacle) {
    test.skip(`${name} (${userObstacle})`, body);
  } else {
    test(name, body, timeout);
  }
}

/** `test` on Linux, else a skipped test whose name says why. */
function linuxTest(name, body, timeout) {
  if (process.platform === "linux") {
    test(name, body, timeout);
  } else {
    test.skip(`${name} (needs Linux)`, body);
  }
}

/**
 * What is at a path: "socket", "link", "folder", "file", "fifo", or undefined for nothing.
 *
 * @param {string} where
 */
function kindAt(where) {
  const found = lstatSync(where, { throwIfNoEntry: false });
  if (found === undefined) {
    return undefined;
  }
  const kinds = { isSocket: "socket", isSymbolicLink: "link", isDirectory: "folder", isFile: "file", isFIFO: "fifo" };
  return Object.entries(kinds).find(([method]) => found[method]())?.[1];
}

/** The permission bits of the file at a path. @param {string} where */
function modeAt(where) {
  return lstatSync(where).mode & 0o7777;
}

/**
 * Leaves a socket at a path on which no server listens, as a server does that is killed.
 *
 * @param {string} where
 */
async function leaveStale(where) {
  const server = net.createServer();
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(`${where}~`, resolve);
  });
  // node:net then removes what is at the other path, which is nothing.
  renameSync(`${where}~`, where);
  await new Promise((resolve) => {
    server.close(resolve);
  });
}

/** Script lines for a child: become another user, once the package is loaded. */
const BECOME_NOBODY = `process.setgroups([]); process.setgid(${NOBODY}); process.setuid(${NOBODY});`;

module.exports = { BECOME_NOBODY, NOBODY, kindAt, leaveStale, linuxTest, modeAt, userTest };
