// The least that must work in every runtime and however the package was installed: TCP both ways, with a payload larger
// than any buffer, UDP both ways, orderly ends, and a process that then exits by itself. Plain JavaScript, no test runner.
//
//   node|bun|deno run -A smoke.mjs [SPECIFIER OF THE PACKAGE]

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers";

const LIMIT = Number(process.env.SMOKE_LIMIT ?? 20_000); // ms
const LARGE = 4 << 20; // bytes

const specifier = process.argv[2] ?? "../../index.mjs";
const { TCPServerSocket, TCPSocket, UDPSocket, UnixServerSocket, UnixSocket, connect, features, once, relay } = await import(specifier);

// A bundle must not change the names of the interfaces.
const names = [TCPServerSocket, TCPSocket, UDPSocket, UnixServerSocket, UnixSocket].map(({ name }) => name);
assert.deepEqual(names, ["TCPServerSocket", "TCPSocket", "UDPSocket", "UnixServerSocket", "UnixSocket"]);

const runtime = ["bun", "deno", "node"].find((name) => process.versions[name]);
const wake = process.env.TCP_UDP_SOCKETS_WAKE ?? "default";
console.log(`${runtime} ${process.versions[runtime]}, wake source ${wake}, ${specifier}`);

// Notices a hang without causing one.
setTimeout(() => {
  console.error(`FAILED: not done after ${LIMIT} ms`);
  process.exit(1);
}, LIMIT).unref();

process.on("exit", (code) => console.log(code === 0 ? "exits by itself, code 0" : `FAILED: code ${code}`));

/** The next event of a type; an error that comes first rejects. */
function next(socket, type) {
  return new Promise((resolve, reject) => {
    const options = { once: true };
    socket.addEventListener(type, resolve, options);
    if (type !== "error") socket.addEventListener("error", ({ error }) => reject(error), options);
  });
}

/** Resolves with the first `bytes` bytes that come, as one Uint8Array. */
function receive(socket, bytes) {
  const whole = new Uint8Array(bytes);
  let at = 0;
  return new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      whole.set(new Uint8Array(data), at);
      at += data.byteLength;
      if (at < bytes) return;
      socket.onmessage = null;
      resolve(whole);
    };
  });
}

/** Sends much in one direction, then in the other. */
async function sendBothWays(one, other) {
  const large = Uint8Array.from({ length: LARGE }, (_, index) => (index * 31 + (index >> 13)) & 255);
  for (const [from, to] of [[one, other], [other, one]]) {
    const received = receive(to, LARGE);
    const drained = next(from, "drain");
    assert.equal(from.send(large), false, "send() of much returns false");
    await drained;
    assert.equal(from.bufferedAmount, 0);
    assert.ok(Buffer.from((await received).buffer).equals(large), "the same bytes");
  }
}

async function tcp() {
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  assert.notEqual(server.localPort, 0);
  const client = new TCPSocket("127.0.0.1", server.localPort);
  assert.equal(client.readyState, "connecting");
  const connected = next(server, "connect");
  await next(client, "open");
  const { connectedSocket } = await connected;
  assert.equal(connectedSocket.remotePort, String(client.localPort));

  const text = "grüße 👋";
  const size = Buffer.byteLength(text);
  client.send(text);
  assert.equal(new TextDecoder().decode(await receive(connectedSocket, size)), text);
  connectedSocket.send(text);
  assert.equal(new TextDecoder().decode(await receive(client, size)), text);
  console.log(`TCP: ${size} bytes each way`);

  await sendBothWays(client, connectedSocket);
  console.log(`TCP: ${LARGE} bytes each way, drain fired`);

  const ends = [next(client, "close"), next(connectedSocket, "close")];
  client.close();
  server.close();
  await Promise.all(ends);
  assert.deepEqual([client, connectedSocket, server].map((socket) => socket.readyState), ["closed", "closed", "closed"]);
  console.log("TCP: closed in order");

  const refused = new TCPSocket("127.0.0.1", server.localPort);
  const { error } = await next(refused, "error");
  assert.equal(error.name, "NetworkError");
  assert.equal(error.code, "ECONNREFUSED");
  console.log(`TCP: ${error.message}`);
}

async function unix() {
  if (process.platform === "win32") {
    assert.throws(() => new UnixSocket("C:\\none"), { name: "NotSupportedError" });
    console.log("Unix sockets: none on Windows");
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "smoke-"));
  const path = join(folder, "socket");
  try {
    const server = new UnixServerSocket({ path, mode: 0o600 });
    const connected = next(server, "connect");
    const client = new UnixSocket(path);
    assert.equal(client.readyState, "connecting");
    await next(client, "open");
    const { connectedSocket } = await connected;
    assert.equal(client.remotePath, path);
    assert.equal(connectedSocket.localPath, path);
    assert.equal(connectedSocket.peerCredentials.uid, process.getuid());
    await sendBothWays(client, connectedSocket);
    const ends = [next(client, "close"), next(connectedSocket, "close")];
    client.close();
    await Promise.all(ends);
    server.close();
    assert.ok(!existsSync(path), "close() removes the file");
    const { error } = await next(new UnixSocket(path), "error");
    assert.equal(error.code, "ENOENT");
    console.log(`Unix sockets: ${LARGE} bytes each way, ${error.message}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function byName() {
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  const connected = next(server, "connect");
  const socket = await connect("localhost", server.localPort, { connectTimeout: LIMIT, attemptDelay: 10 });
  assert.equal(socket.readyState, "open");
  const { connectedSocket } = await connected;
  connectedSocket.send("found");
  assert.equal(new TextDecoder().decode(await receive(socket, 5)), "found");
  const ends = [next(socket, "close"), next(connectedSocket, "close")];
  socket.close();
  await Promise.all(ends);
  server.close();
  const error = await connect("localhost", server.localPort, { connectTimeout: LIMIT }).catch((reason) => reason);
  assert.equal(error.code, "ECONNREFUSED");
  console.log(`connect(): localhost is ${socket.remoteAddress}`);
}

async function single() {
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  const connected = once(server, "connect");
  const client = new TCPSocket("127.0.0.1", server.localPort);
  await once(client, "open");
  const { connectedSocket } = await connected;
  for (let i = 0; i < 100; i++) {
    const echo = once(client, "message");
    client.send(String(i));
    connectedSocket.send((await once(connectedSocket, "message")).data);
    assert.equal(new TextDecoder().decode((await echo).data), String(i));
  }
  const [controller, reason] = [new AbortController(), new Error("enough")];
  const aborted = once(client, "message", { signal: controller.signal }).catch((error) => error);
  controller.abort(reason);
  assert.equal(await aborted, reason);
  const [ended, reset, close] = [once(client, "message"), once(connectedSocket, "message"), once(client, "close")]
    .map((wait) => wait.catch((error) => error));
  connectedSocket.reset();
  assert.equal((await reset).name, "InvalidStateError");
  assert.equal((await reset).code, 11);
  assert.equal((await ended).code, "ECONNRESET");
  assert.equal((await close).type, "close");
  server.close();
  assert.equal((await once(server, "connect").catch((error) => error)).name, "InvalidStateError");
  console.log("once(): 100 messages, a signal, a reset");
}

async function relayed() {
  const pairs = [];
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  for (let i = 0; i < 2; i++) {
    const connected = next(server, "connect");
    pairs.push([await connect("127.0.0.1", server.localPort), (await connected).connectedSocket]);
  }
  server.close();
  const [[from, a], [to, b]] = pairs;
  const received = receive(to, LARGE);
  const counts = relay(a, b);
  from.onmessage = () => {};
  from.send(new Uint8Array(LARGE).fill(7));
  assert.ok((await received).every((byte) => byte === 7));
  const ends = [next(from, "close"), next(to, "close")];
  to.onmessage = () => {};
  from.halfclose();
  assert.deepEqual(await counts, { bytesToA: 0, bytesToB: LARGE });
  await Promise.all(ends);
  console.log(`relay(): ${LARGE} bytes`);
}

async function streams() {
  const stop = new AbortController();
  const server = new TCPServerSocket({ localAddress: "127.0.0.1", signal: stop.signal });
  const serving = (async () => {
    for await (const socket of server) socket.readable.pipeTo(socket.writable).catch(() => {});
  })();
  const client = new TCPSocket("127.0.0.1", server.localPort);
  const { readable, writable } = await client.opened;
  const writer = writable.getWriter();
  const reader = readable.getReader({ mode: "byob" });
  await writer.write("abcdef");
  assert.equal(new TextDecoder().decode((await reader.read(new Uint8Array(4))).value), "abcd");
  assert.equal(new TextDecoder().decode((await reader.read(new Uint8Array(4))).value), "ef");
  reader.releaseLock();
  const sending = (async () => {
    for (let sent = 0; sent < LARGE; sent += 65_536) await writer.write(new Uint8Array(65_536).fill(sent >> 16));
    await writer.close();
  })();
  let received = 0;
  for await (const chunk of readable) {
    assert.equal(chunk[0], received >> 16);
    received += chunk.byteLength;
  }
  assert.equal(received, LARGE);
  await sending;
  await client.closed;

  const waiting = new TCPSocket("127.0.0.1", server.localPort, { signal: stop.signal });
  await waiting.opened;
  const read = waiting.readable.getReader().read();
  stop.abort();
  await serving;
  const error = await read.catch((reason) => reason);
  assert.equal(error.code, "ABORT_ERR");
  assert.equal(await waiting.closed.catch((reason) => reason), error);

  const one = new UDPSocket({ localAddress: "127.0.0.1" });
  const two = new UDPSocket({ localAddress: "127.0.0.1", remoteAddress: "127.0.0.1", remotePort: one.localPort });
  const talking = two.writable.getWriter();
  for (const word of ["first", "second"]) await talking.write({ data: word });
  const words = [];
  for await (const { data } of one) {
    words.push(new TextDecoder().decode(data));
    if (words.length === 2) break;
  }
  assert.deepEqual(words, ["first", "second"]);
  for (const socket of [one, two]) await socket[Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]();
  console.log(`streams: ${LARGE} bytes out and back, aborted, datagrams in a loop`);
}

/** What a socket shows of itself: inspection, the channel of its end, and the context of its events. */
async function diagnosed() {
  const { AsyncLocalStorage } = await import("node:async_hooks");
  const { subscribe } = await import("node:diagnostics_channel");
  const { inspect } = await import("node:util");
  const closed = new Promise((resolve) => {
    subscribe("tcp-udp-sockets:close", ({ socket, bytesRead }) => {
      if (socket === client) resolve(bytesRead);
    });
  });
  const storage = new AsyncLocalStorage();
  const server = new TCPServerSocket({ localAddress: "127.0.0.1", reusePort: features.reusePort });
  server.onconnect = ({ connectedSocket }) => {
    connectedSocket.send("12345");
    connectedSocket.close();
    server.close();
  };
  const client = storage.run("maker", () => new TCPSocket("127.0.0.1", server.localPort));
  assert.match(inspect(client), /^TCPSocket \{ readyState: 'connecting', local: .*, bufferedAmount: 0 \}$/);
  assert.match(inspect({ client }, { depth: 0 }), /\[TCPSocket\]/);
  const store = await new Promise((resolve) => {
    client.onmessage = () => resolve(storage.getStore());
  });
  assert.equal(store === "maker", features.asyncContext);
  assert.equal(await closed, 5);
  console.log("diagnostics: inspected, and its end was published");
}

async function udp() {
  const one = new UDPSocket({ localAddress: "127.0.0.1" });
  const two = new UDPSocket({ localAddress: "127.0.0.1", remoteAddress: "127.0.0.1", remotePort: one.localPort });
  const ping = next(one, "message");
  two.send("ping");
  const { data, remoteAddress, remotePort } = await ping;
  assert.equal(new TextDecoder().decode(data), "ping");
  assert.equal(remotePort, two.localPort);
  const pong = next(two, "message");
  one.send(new Blob(["pong"]), remoteAddress, remotePort);
  assert.equal(new TextDecoder().decode((await pong).data), "pong");
  one.close();
  two.close();
  assert.equal(one.readyState, "closed");
  console.log("UDP: one datagram each way, closed");
}

await tcp();
await unix();
await streams();
await byName();
await single();
await relayed();
await udp();
await diagnosed();
