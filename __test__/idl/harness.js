"use strict";

// Runs WPT's idlharness over the IDL files beside it, in a plain realm of node's and on the package as a user gets it with
// `require("tcp-udp-sockets/globals")`, and reports its subtests: `[{ name, passed, message }]`.
// The classes of Unix sockets are no globals for users. Here they are, since idlharness looks for each interface on the global object.
// idlharness.test.js runs this in a process of its own, because testharness.js takes the global object for itself.

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const vm = require("node:vm");
const { report } = require("../helpers/report");

const TESTHARNESS = path.join(path.dirname(require.resolve("wpt-runner/package.json")), "testharness");

/** True on systems with Unix sockets. */
const hasUnix = process.platform !== "win32";

const FILES = ["raw-sockets.webidl", "extensions.webidl", ...(hasUnix ? ["unix-sockets.webidl"] : [])];

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

/** The same for Unix sockets. */
async function makeUnixObjects() {
  const { UnixServerSocket, UnixSocket } = require("tcp-udp-sockets");
  for (const value of [UnixServerSocket, UnixSocket]) {
    Object.defineProperty(globalThis, value.name, { value, writable: true, enumerable: false, configurable: true });
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tus-"));
  process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
  const unixServerSocket = new UnixServerSocket({ path: path.join(folder, "socket") });
  const connected = next(unixServerSocket, "connect");
  const unixSocket = new UnixSocket(unixServerSocket.localPath);
  await next(unixSocket, "open");
  Object.assign(globalThis, { unixServerSocket, unixSocket, unixConnectEvent: await connected });
}

async function main() {
  globalThis.self = globalThis;
  require("tcp-udp-sockets/globals");
  load("testharness.js");
  load("webidl2/lib/webidl2.js");
  load("idlharness.js");
  await makeObjects();
  if (hasUnix) await makeUnixObjects();

  const finished = new Promise((resolve) => add_completion_callback(resolve));
  setup({ explicit_done: true });
  const idl = new IdlArray();
  idl.add_untested_idls(PLATFORM_IDL);
  for (const file of FILES) {
    idl.add_idls(fs.readFileSync(path.join(__dirname, file), "utf8"));
  }
  idl.add_objects({
    UDPSocket: ["udpSocket"],
    TCPSocket: ["socket", "connectEvent.connectedSocket"],
    TCPServerSocket: ["serverSocket"],
    UDPMessageEvent: ["udpMessageEvent"],
    ConnectEvent: ["connectEvent"],
    ErrorEvent: ["errorEvent"],
    ...(hasUnix ? { UnixSocket: ["unixSocket", "unixConnectEvent.connectedSocket"], UnixServerSocket: ["unixServerSocket"] } : {}),
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
