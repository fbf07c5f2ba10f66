"use strict";

// The system calls that an error may name, on any system (src/net/syscall.rs): a message has words for each.

const { readFileSync } = require("node:fs");
const path = require("node:path");

const { fromFailure } = require("../../lib/errors");

const SOURCE = path.join(__dirname, "../../src/net/syscall.rs");

/** The names, which stand on the right of `=>` in a `match`. */
function names() {
  return [...new Set([...readFileSync(SOURCE, "utf8").matchAll(/^ +\(Self::.*=> "(\w+)",$/gm)].map(([, name]) => name))];
}

const messageOf = (syscall) => fromFailure({ name: "NetworkError", code: "ENOMEM", syscall, reason: "no memory" }, "test").message;

test("the names are found", () => {
  expect(names()).toEqual(expect.arrayContaining(["connect", "epoll_ctl", "kevent", "NtDeviceIoControlFile", "recvfrom"]));
});

test("a message says what was tried, not which call it was (R-error)", () => {
  // So it is where there are no words.
  expect(messageOf("frobnicate")).toContain("cannot frobnicate: ");
  // A look-up's message is lib/race-errors.js's.
  for (const name of names().filter((name) => name !== "getaddrinfo")) {
    expect(messageOf(name)).toMatch(/^test: cannot [a-z]+ [a-z ]+.*: no memory \(ENOMEM\)$/);
  }
});

test.each([{}, { address: "/run/server.sock" }, { address: "127.0.0.1", port: 80 }])("a limit of watched files is not a full file system: %j", (place) => {
  const failure = { name: "NetworkError", code: "ENOSPC", reason: "No space left on device", ...place };
  expect(fromFailure({ ...failure, syscall: "epoll_ctl" }, "test").message).toContain("(fs.epoll.max_user_watches)");
  expect(fromFailure({ ...failure, syscall: "bind" }, "test").message).not.toContain("max_user_watches");
});
