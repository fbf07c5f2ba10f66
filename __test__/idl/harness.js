"use strict";

// Runs WPT's idlharness over raw-sockets.webidl and extensions.webidl, in a plain realm of node's and on the package as a user gets it
// with `require("tcp-udp-sockets/globals")`, and reports its subtests: `[{ name, passed, message }]`.
// idlharness.test.js runs this in a process of its own, because testharness.js takes the global object for itself.

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");
const { report } = require("../helpers/report");

const TESTHARNESS = path.join(path.dirname(require.resolve("wpt-runner/package.json")), "testharness");

/** What the draft's interfaces stand on; node's own, so not under test. */
const PLATFORM_IDL = `
  [Exposed=*] interface EventTarget {};
  [Exposed=*] interface Event {};
  [Exposed=*] interface MessageEvent : Event {};
  [Exposed=*] interface Blob {};
  [Exposed=*] interface DOMException {};
  [Exposed=*] interface ReadableStream {};
  [Exposed=*] interface WritableStream {};
  callback EventHandlerNonNull = any (Event event);
  typedef EventHandlerNonNull? EventHandler;
`;

function load(file) {
  const filename = path.join(TESTHARNESS, file);
  vm.runInThisContext(fs.readFileSync(filename, "utf8"), { filename });
}

function next(target, type) {
  return new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
}

/** One live object of each interface, as globals, because idlharness takes them as source text. */
async function makeObjects() {
  const serverSocket = new TCPServerSocket({ localAddress: "127.0.0.1" });
  const connected = next(serverSocket, "connect");
  const socket = new TCPSocket("127.0.0.1", serverSocket.localPort);
  const connectEvent = await connected;

  const failing = new TCPSocket("127.0.0.1", serverSocket.localPort);
  failing.close();
  const errorEvent = await next(failing, "error");

  const udpSocket = new UDPSocket({ localAddress: "127.0.0.1" });
  const received = next(udpSocket, "message");
  udpSocket.send("hello", "127.0.0.1", udpSocket.localPort);
  const udpMessageEvent = await received;

  Object.assign(globalThis, { serverSocket, socket, connectEvent, errorEvent, udpSocket, udpMessageEvent });
}

async function main() {
  globalThis.self = globalThis;
  require("tcp-udp-sockets/globals");
  load("testharness.js");
  load("webidl2/lib/webidl2.js");
  load("idlharness.js");
  await makeObjects();

  const finished = new Promise((resolve) => add_completion_callback(resolve));
  setup({ explicit_done: true });
  const idl = new IdlArray();
  idl.add_untested_idls(PLATFORM_IDL);
  for (const file of ["raw-sockets.webidl", "extensions.webidl"]) {
    idl.add_idls(fs.readFileSync(path.join(__dirname, file), "utf8"));
  }
  idl.add_objects({
    UDPSocket: ["udpSocket"],
    TCPSocket: ["socket", "connectEvent.connectedSocket"],
    TCPServerSocket: ["serverSocket"],
    UDPMessageEvent: ["udpMessageEvent"],
    ConnectEvent: ["connectEvent"],
    ErrorEvent: ["errorEvent"],
  });
  idl.test();
  done();

  const tests = await finished;
  const subtests = tests.map(({ name, status, message }) => ({ name, passed: status === 0, message }));
  report(subtests);
  process.exit(0);
}

main().catch((error) => {
  fs.writeSync(2, `${error?.stack ?? error}\n`);
  process.exit(1);
});
