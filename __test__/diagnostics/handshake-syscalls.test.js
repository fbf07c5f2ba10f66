"use strict";

// Which failures of a server are those of a TLS handshake, by the system call that a Failure names (R-diagnostics). Systems name calls
// differently, so these tests do not depend on the system that they run on.

const diagnostics = require("node:diagnostics_channel");
const { failed } = require("../../lib/diagnostics");
const { defer } = require("../helpers/cleanup");

/** Reports a failure of a server that names `syscall`. Returns the messages of the channel for failed handshakes. */
function publishedFor(syscall) {
  const channel = "tracing:tcp-udp-sockets:tls.handshake:error";
  const messages = [];
  const take = (message) => messages.push(message);
  diagnostics.subscribe(channel, take);
  defer(() => diagnostics.unsubscribe(channel, take));
  const server = {};
  const error = new DOMException("the connection is lost", "NetworkError");
  failed({ name: "TCPServerSocket", socket: server, opened: true, secure: null }, { code: "ECONNRESET", syscall }, error);
  return { messages, expected: { server, error } };
}

test.each(["read", "recv", "write", "send"])("%s: a handshake has failed (R-diagnostics)", (syscall) => {
  const { messages, expected } = publishedFor(syscall);
  expect(messages).toEqual([expected]);
});

test.each(["accept", "setsockopt", undefined])("%s: no handshake has failed (R-diagnostics)", (syscall) => {
  expect(publishedFor(syscall).messages).toEqual([]);
});
