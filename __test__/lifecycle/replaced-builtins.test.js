"use strict";

// Who replaces a builtin, before or after the package is loaded, breaks at most what is his own: no byte is lost, and no memory of the
// engine's is written to after it has gone. Each program in a process of its own.

const { start } = require("../helpers");
const { selfSigned } = require("../helpers/certificates");

/**
 * A program that is given bytes in bulk, plain and through TLS, short and long strings and datagrams, and checks all of them. `before` runs
 * before the package is loaded, `after` after that, `meanwhile` at each message.
 */
function program({ before = "", after = "", meanwhile = "" }) {
  const { cert, key } = selfSigned({ kind: "ec" });
  return `
    const SIZE = 24 * 1024 * 1024;
    const net = require("node:net");
    const tls = require("node:tls");
    const dgram = require("node:dgram");
    const { createHash } = require("node:crypto");
    const exit = process.exit.bind(process);
    const { log } = console;
    const Bytes = Uint8Array;
    const cert = ${JSON.stringify(cert)};
    const key = ${JSON.stringify(key)};
    // All that the program itself uses is taken before anything is replaced; this makes Node do so too with what it loads late.
    void globalThis.MessageEvent;
    const expected = Buffer.alloc(SIZE);
    for (let at = 0; at < SIZE; at++) expected[at] = (at * 31 + (at >> 13)) & 255;
    const equal = Buffer.compare;
    const { from, alloc, concat } = Buffer;
    // Gets rid of an ArrayBuffer's memory, which the next allocation then gets.
    const clone = structuredClone;
    const detach = (buffer) => {
      try {
        if (buffer.transfer) buffer.transfer();
        else clone(buffer, { transfer: [buffer] });
      } catch {
        // It is no ordinary one, or detached already.
      }
    };
    const stolen = [];
    const shoo = () => { while (stolen.length > 0) detach(stolen.pop()); };
    const broken = () => { throw new Error("replaced"); };
    ${before}
    const { TCPSocket, UDPSocket } = require(process.env.PACKAGE);
    ${after}
    let left = 4;
    function done(what, isRight) {
      log(what, isRight ? "right" : "WRONG");
      if (--left === 0) exit(0);
    }
    function receive(what, socket) {
      const got = alloc(SIZE);
      let at = 0;
      socket.addEventListener("message", (event) => {
        const bytes = new Bytes(event.data);
        got.set(bytes, at);
        at += bytes.length;
        ${meanwhile}
        if (at >= SIZE) {
          socket.close();
          done(what, at === SIZE && equal(got, expected) === 0);
        }
      });
      socket.addEventListener("error", (event) => log(what, event.error.message));
    }
    // In pieces with pauses between, so that reads are large and short by turns, and blocks are left over.
    function feed(connection) {
      connection.on("error", () => {});
      let at = 0;
      (function next() {
        while (at < SIZE) {
          const end = Math.min(at + 700001, SIZE);
          const more = connection.write(expected.subarray(at, end));
          at = end;
          if (!more) return connection.once("drain", next);
        }
      })();
    }
    const plain = net.createServer(feed).listen(0, "127.0.0.1", () => {
      receive("plain", new TCPSocket("127.0.0.1", plain.address().port));
    });
    const secure = tls.createServer({ cert, key }, feed).listen(0, "127.0.0.1", () => {
      const secureTransport = { rejectUnauthorized: false };
      receive("tls", new TCPSocket("127.0.0.1", secure.address().port, { secureTransport }));
    });
    const texts = ["short", "\\u00e4\\u{1f600}".repeat(500), "x".repeat(2000), "y".repeat(9000)];
    const wanted = texts.join("").repeat(3);
    const sink = net.createServer((connection) => {
      let got = [];
      connection.on("data", (chunk) => got.push(chunk));
      connection.on("end", () => done("strings", concat(got).toString() === wanted));
    }).listen(0, "127.0.0.1", () => {
      const socket = new TCPSocket("127.0.0.1", sink.address().port);
      socket.addEventListener("error", (event) => log("strings", event.error.message));
      socket.addEventListener("open", () => {
        for (let n = 0; n < 3; n++) for (const text of texts) { socket.send(text); shoo(); }
        socket.close();
      });
    });
    const peer = dgram.createSocket("udp4", (message) => {
      peer.close();
      done("datagram", message.toString() === "datagram");
    });
    peer.bind(0, "127.0.0.1", () => new UDPSocket({ localAddress: "127.0.0.1" }).send("datagram", "127.0.0.1", peer.address().port));
  `;
}

const RIGHT = ["datagram right", "plain right", "strings right", "tls right"];

async function run(parts) {
  const child = start(program(parts), { timeout: 60_000, env: { PACKAGE: require.resolve("../..") }, bare: true });
  const { code, signal, stdout, stderr } = await child.done;
  return { code, signal, lines: stdout.trim().split("\n").sort(), stderr };
}

// What does its work, keeps what it was given, and takes its memory away at each message.
const KEEPING = {
  "Buffer.allocUnsafeSlow": `
    const original = Buffer.allocUnsafeSlow;
    Buffer.allocUnsafeSlow = (size) => { const buffer = original(size); stolen.push(buffer.buffer); return buffer; };`,
  "Uint8Array, Uint32Array and ArrayBuffer": `
    for (const name of ["Uint8Array", "Uint32Array", "ArrayBuffer"]) {
      globalThis[name] = new Proxy(globalThis[name], {
        construct(target, values, newTarget) {
          const made = Reflect.construct(target, values, newTarget);
          if (values.length === 1 && typeof values[0] === "number") stolen.push(made.buffer ?? made);
          return made;
        },
      });
    }`,
  "TextEncoder.prototype.encodeInto": `
    const original = TextEncoder.prototype.encodeInto;
    TextEncoder.prototype.encodeInto = function (text, into) {
      const result = original.call(this, text, into);
      stolen.push(into.buffer);
      return result;
    };`,
};

// What does nothing any more.
const BROKEN = {
  "Buffer.allocUnsafeSlow": "Buffer.allocUnsafeSlow = broken;",
  "TextEncoder.prototype.encodeInto": "TextEncoder.prototype.encodeInto = broken; globalThis.TextEncoder = broken;",
  "ArrayBuffer.isView": "ArrayBuffer.isView = () => false;",
  "the globals for bytes": "for (const name of ['Uint8Array', 'Uint32Array', 'ArrayBuffer', 'DataView']) globalThis[name] = broken;",
  "Reflect.apply": "const { apply } = Reflect; Reflect.apply = (f, ...rest) => String(f).includes('encodeInto') ? broken() : apply(f, ...rest);",
  "process.listeners and process.once": "process.listeners = broken; process.once = broken;",
  "setImmediate": "globalThis.setImmediate = broken; globalThis.setTimeout = broken; globalThis.queueMicrotask = broken;",
};

describe("what keeps the memory that it was given, and takes it away", () => {
  test.each(Object.entries(KEEPING))("%s, replaced before the package is loaded", async (_name, before) => {
    expect(await run({ before, meanwhile: "shoo();" })).toEqual({ code: 0, signal: null, lines: RIGHT, stderr: "" });
  }, 90_000);

  test.each(Object.entries(KEEPING))("%s, replaced after", async (_name, after) => {
    expect(await run({ after, meanwhile: "shoo();" })).toEqual({ code: 0, signal: null, lines: RIGHT, stderr: "" });
  }, 90_000);

  // It tells its caller of the memory that both halves use. Who takes it away is told of nothing any more, and harms nobody else.
  test("the native half's own attach()", async () => {
    const before = `
      const path = require("node:path");
      const binding = require(path.join(path.dirname(process.env.PACKAGE), "lib/load-binding.js")).loadBinding();
      const { attach } = binding;
      const seen = [];
      binding.attach = (serve, options) => {
        const answer = attach(serve, options);
        seen.push(...Object.values({ ...options, ...answer }).filter((value) => ArrayBuffer.isView(value)));
        return answer;
      };
      setInterval(() => seen.forEach((view) => detach(view.buffer)), 5);
      setTimeout(() => { log("alive"); exit(0); }, 1500);`;
    const { code, signal, lines, stderr } = await run({ before });
    const isRight = lines.includes("alive") || lines.join() === RIGHT.join();
    const isWrong = lines.some((line) => line.includes("WRONG"));
    expect({ code, signal, isRight, isWrong, stderr }).toEqual({ code: 0, signal: null, isRight: true, isWrong: false, stderr: "" });
  }, 90_000);
});

// A debugger finds every object there is, those too that no program has got hold of: memory that waits to be read into.
test("memory that a debugger has taken away is not written to", async () => {
  const script = `
    const inspector = require("node:inspector");
    const SIZE = 300001;
    const expected = Buffer.alloc(2 * SIZE);
    for (let at = 0; at < expected.length; at++) expected[at] = (at * 31 + (at >> 13)) & 255;
    const session = new inspector.Session();
    session.connect();
    const post = (method, parameters) => {
      let result;
      session.post(method, parameters, (error, value) => { if (error) throw new Error(JSON.stringify(error)); result = value; });
      return result;
    };
    globalThis.told = new WeakSet();
    globalThis.takeAway = (buffers) => {
      let taken = 0;
      for (const buffer of buffers) {
        if (buffer.byteLength === 65536 && !told.has(buffer)) {
          try {
            structuredClone(buffer, { transfer: [buffer] });
            taken++;
          } catch {
            // One that is not to be detached.
          }
        }
      }
      return taken;
    };
    function hunt() {
      const { objectId: prototypeObjectId } = post("Runtime.evaluate", { expression: "ArrayBuffer.prototype" }).result;
      const { objectId } = post("Runtime.queryObjects", { prototypeObjectId }).objects;
      return post("Runtime.callFunctionOn", { functionDeclaration: "function () { return takeAway(this); }", objectId }).result.value;
    }
    let connection;
    const server = net.createServer((one) => {
      connection = one;
      one.write(expected.subarray(0, SIZE));
    }).listen(0, "127.0.0.1", () => {
      const socket = new TCPSocket("127.0.0.1", server.address().port);
      const got = Buffer.alloc(2 * SIZE);
      let at = 0;
      let others;
      socket.addEventListener("message", ({ data }) => {
        told.add(data);
        got.set(new Uint8Array(data), at);
        at += data.byteLength;
        if (at === SIZE) {
          setTimeout(() => {
            console.log(hunt() > 0 ? "taken" : "none found");
            // Whoever gets the memory next.
            others = Array.from({ length: 64 }, () => new Uint8Array(65536).fill(0x11));
            connection.write(expected.subarray(SIZE));
          }, 20);
        } else if (at === 2 * SIZE) {
          console.log(got.equals(expected) ? "right" : "WRONG");
          console.log(others.every((bytes) => bytes.every((byte) => byte === 0x11)) ? "untouched" : "WRITTEN TO");
          process.exit(0);
        }
      });
    });`;
  const { code, signal, stdout, stderr } = await start(script, { timeout: 30_000 }).done;
  expect({ code, signal, stdout, stderr }).toEqual({ code: 0, signal: null, stdout: "taken\nright\nuntouched\n", stderr: "" });
}, 60_000);

describe("what does nothing any more", () => {
  test.each(Object.entries(BROKEN))("%s, replaced after the package was loaded", async (_name, after) => {
    expect(await run({ after })).toEqual({ code: 0, signal: null, lines: RIGHT, stderr: "" });
  }, 90_000);
});
