"use strict";

// R-error: what there is no memory for throws NetworkError, code "ENOBUFS", and changes nothing: the process goes on. Each program in a
// process of its own, which lowers its own limit (ulimit -v) once it has made what it sends, and lifts it again when the calls are over: the
// peer is in the same process, and V8 ends a process that has no memory for a garbage collection.

const { spawnSync } = require("node:child_process");
const { start } = require("../helpers");
const { selfSigned } = require("../helpers/certificates");

const canLimit = process.platform === "linux" && spawnSync("prlimit", ["--version"]).status === 0;
const testLimited = canLimit ? test : test.skip;

const PRELUDE = `
  const { execFileSync } = require("node:child_process");
  const { readFileSync } = require("node:fs");
  const { createHash } = require("node:crypto");
  const MIB = 1024 * 1024;
  /** The process may have so much address space more than it has. */
  function limit(more) {
    const now = Number(/VmSize:\\s+(\\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
    execFileSync("prlimit", ["--pid", String(process.pid), "--as=" + (now + more) + ":"]);
  }
  function unlimit() {
    execFileSync("prlimit", ["--pid", String(process.pid), "--as=unlimited:"]);
  }
  function attempt(what, f) {
    try {
      console.log(what, f());
    } catch (error) {
      console.log(what, error instanceof DOMException, error.name, error.code, /no memory for \\d+ bytes/.test(error.message));
    }
  }
  /** What a peer has got, once it has all. */
  function collect(connection) {
    const hash = createHash("sha1");
    let bytes = 0;
    connection.on("data", (chunk) => { hash.update(chunk); bytes += chunk.length; });
    connection.on("error", (error) => console.log("peer", error.message));
    connection.on("end", () => {
      console.log("peer got", bytes, hash.digest("hex") === process.env.WANTED ? "" : "other bytes");
      process.exit(0);
    });
  }
`;

/** What every refused call prints. */
const REFUSED = "true NetworkError ENOBUFS true";

const sha1 = (bytes) => require("node:crypto").createHash("sha1").update(bytes).digest("hex");

/** One arena: glibc reserves 64 MiB of addresses for each further thread's, whenever that first allocates. */
async function run(script, wanted = "") {
  const child = start(PRELUDE + script, { timeout: 60_000, env: { WANTED: sha1(wanted), MALLOC_ARENA_MAX: "1" } });
  const { code, signal, stdout, stderr } = await child.done;
  return { code, signal, lines: stdout.trim().split("\n").map((line) => line.trim()), stderr };
}

const OVER = { code: 0, signal: null, stderr: "" };

// The peer takes nothing at first, so that all of what is sent has to be kept.
const sending = (options, listen) => `
  const SIZE = 200 * MIB;
  const buffer = new ArrayBuffer(SIZE);
  const text = Buffer.alloc(SIZE, "x").latin1Slice();
  const blob = new Blob([new Uint8Array(3 * MIB).fill(98)]);
  const server = ${listen}.listen(0, "127.0.0.1", () => {
    const socket = new TCPSocket("127.0.0.1", server.address().port, ${options});
    socket.addEventListener("error", (event) => console.log("error", event.error.message));
    socket.addEventListener("open", () => {
      limit(150 * MIB);
      socket.send("first ");
      attempt("ArrayBuffer", () => socket.send(buffer));
      attempt("view", () => socket.send(new DataView(buffer)));
      attempt("string", () => socket.send(text));
      console.log(socket.readyState, socket.bufferedAmount);
      attempt("Blob", () => socket.send(blob));
      attempt("short", () => socket.send("last"));
      socket.close();
      unlimit();
    });
  });`;

const EXPECTED = Buffer.concat([Buffer.from("first "), Buffer.alloc(3 * 1024 * 1024, "b"), Buffer.from("last")]);
const TOLD = [
  `ArrayBuffer ${REFUSED}`,
  `view ${REFUSED}`,
  `string ${REFUSED}`,
  "open 6",
  "Blob false",
  "short false",
  `peer got ${EXPECTED.length}`,
];

testLimited("R-error: a TCP send() that there is no memory for throws and changes nothing", async () => {
  const result = await run(sending("{}", "net.createServer({ allowHalfOpen: false }, collect)"), EXPECTED);
  expect(result).toEqual({ ...OVER, lines: TOLD });
}, 90_000);

testLimited("TLS: a send() that there is no memory for throws and changes nothing", async () => {
  const { cert, key } = selfSigned({ kind: "ec" });
  const listen = `require("node:tls").createServer(${JSON.stringify({ cert, key })}, collect)`;
  const result = await run(sending("{ secureTransport: { rejectUnauthorized: false } }", listen), EXPECTED);
  expect(result).toEqual({ ...OVER, lines: TOLD });
}, 90_000);

testLimited("TCP: who does not heed send()'s false is told so, and what was taken before arrives", async () => {
  const script = `
    // Three of them can be kept, and what is left is enough for Node itself.
    const piece = Buffer.alloc(64 * MIB, "p");
    const server = net.createServer({ pauseOnConnect: true }, (connection) => {
      globalThis.resume = () => { collect(connection); connection.resume(); };
    }).listen(0, "127.0.0.1", () => {
      const socket = new TCPSocket("127.0.0.1", server.address().port, { maxBufferedAmount: 4294967295 });
      socket.addEventListener("error", (event) => console.log("error", event.error.message));
      socket.addEventListener("open", () => {
        limit(248 * MIB);
        let taken = 0;
        const before = () => socket.bufferedAmount;
        for (;;) {
          const buffered = before();
          try {
            socket.send(piece);
            taken++;
          } catch (error) {
            console.log(error.name, error.code, socket.readyState, before() === buffered);
            break;
          }
        }
        console.log("taken", taken);
        socket.close();
        unlimit();
        const expected = createHash("sha1");
        for (let n = 0; n < taken; n++) expected.update(piece);
        process.env.WANTED = expected.digest("hex");
        (function wait() { globalThis.resume ? globalThis.resume() : setTimeout(wait, 5); })();
      });
    });`;
  const { lines, ...rest } = await run(script);
  expect(rest).toEqual(OVER);
  expect(lines.slice(0, 2)).toEqual(["NetworkError ENOBUFS open true", "taken 3"]);
  expect(lines[2]).toBe(`peer got ${3 * 64 * 1024 * 1024}`);
}, 90_000);

testLimited("UDP: a string that there is no memory for throws and changes nothing", async () => {
  const script = `
    const text = Buffer.alloc(200 * MIB, "x").latin1Slice();
    const peer = require("node:dgram").createSocket("udp4", (message) => {
      console.log("peer got", String(message));
      process.exit(0);
    });
    peer.bind(0, "127.0.0.1", () => {
      const { port } = peer.address();
      const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      socket.addEventListener("error", (event) => console.log("error", event.error.message));
      limit(150 * MIB);
      attempt("string", () => socket.send(text, "127.0.0.1", port));
      console.log(socket.readyState, socket.bufferedAmount);
      attempt("short", () => socket.send("datagram", "127.0.0.1", port));
      unlimit();
    });`;
  const lines = [`string ${REFUSED}`, "open 0", "short true", "peer got datagram"];
  expect(await run(script)).toEqual({ ...OVER, lines });
}, 90_000);

testLimited("a writable stream is errored, as by every send() that throws, and the process goes on", async () => {
  const script = `
    const server = net.createServer((connection) => connection.on("error", () => {})).listen(0, "127.0.0.1", async () => {
      const socket = new TCPSocket("127.0.0.1", server.address().port);
      await socket.opened;
      const chunk = new Uint8Array(200 * MIB);
      const writer = socket.writable.getWriter();
      limit(150 * MIB);
      try {
        await writer.write(chunk);
        console.log("written");
      } catch (error) {
        console.log(error.name, error.code);
      }
      process.exit(0);
    });`;
  expect(await run(script)).toEqual({ ...OVER, lines: ["NetworkError ENOBUFS"] });
}, 90_000);

testLimited("TLS options that there is no memory for throw", async () => {
  const script = `
    const text = Buffer.alloc(100 * MIB, "x").latin1Slice();
    const bytes = new Uint8Array(100 * MIB).fill(120);
    limit(150 * MIB);
    attempt("ca", () => new TCPSocket("127.0.0.1", 9, { secureTransport: { ca: text } }));
    attempt("cert", () => new TCPServerSocket({ secureTransport: { cert: bytes, key: text } }));
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const socket = new TCPSocket("127.0.0.1", server.address().port);
      socket.addEventListener("open", () => { console.log("open"); process.exit(0); });
    });`;
  const { lines, ...rest } = await run(script);
  expect(rest).toEqual(OVER);
  expect(lines[0]).toMatch(/^ca true NetworkError ENOBUFS/);
  // A copy of it, made in JavaScript, fails as JavaScript's do.
  expect(lines[1]).toMatch(/^cert (true NetworkError ENOBUFS|false RangeError)/);
  expect(lines.at(-1)).toBe("open");
}, 90_000);
