"use strict";

// The reads of `reader`: what each gives, at the end too (R-reader).

const { families, both } = require("../helpers/families");
const { eventually, once, pattern, sha256, settle, text, track, tcpPair, turn } = require("../helpers");

/** A socket's reader, and its node:net peer, which never ends by itself. */
async function reading({ pair }, options) {
  const { socket, peer } = await pair({ options, peer: { allowHalfOpen: true } });
  return { socket, peer, reader: socket.reader };
}

describe.each(families)("$name: reader (R-reader)", (family) => {
  test("read() gives what there is, then waits for more, then null at the end, again and again", async () => {
    const { peer, reader } = await reading(family);
    peer.write("hello");
    expect(text(await reader.read())).toBe("hello");
    const next = reader.read();
    peer.write("again");
    expect(text(await next)).toBe("again");
    peer.end();
    expect(await reader.read()).toBe(null);
    expect(await reader.read()).toBe(null);
  });

  test("read() gives everything that is buffered at once", async () => {
    const { peer, reader } = await reading(family);
    for (const word of ["one ", "two ", "three"]) {
      peer.write(word);
      await settle();
    }
    expect(reader.buffered).toBe(13);
    expect(text(await reader.read())).toBe("one two three");
    expect(reader.buffered).toBe(0);
  });

  test("a result is a Uint8Array with an ordinary buffer of its own", async () => {
    const { peer, reader } = await reading(family);
    peer.write("abcdef");
    const results = [await reader.readExactly(2), await reader.readUntil("d"), await reader.read()];
    expect(results.map((bytes) => text(bytes))).toEqual(["ab", "cd", "ef"]);
    for (const bytes of results) {
      expect(Object.prototype.toString.call(bytes)).toBe("[object Uint8Array]");
      expect(Buffer.isBuffer(bytes)).toBe(false);
      expect(bytes.buffer.byteLength).toBe(bytes.length);
      bytes.fill(0);
    }
  });

  test("readExactly() waits until all are there, and takes no more", async () => {
    const { peer, reader } = await reading(family);
    const read = reader.readExactly(8);
    for (const word of ["abc", "def", "ghijkl"]) {
      peer.write(word);
      await settle();
    }
    expect(text(await read)).toBe("abcdefgh");
    expect(text(await reader.read())).toBe("ijkl");
  });

  test("readExactly(0) is fulfilled at once, also while another read waits", async () => {
    const { reader } = await reading(family);
    const waiting = reader.read();
    waiting.catch(() => {});
    expect(await reader.readExactly(0)).toEqual(new Uint8Array(0));
  });

  test("readUntil() gives the delimiter, too: text, bytes, several bytes, split over pieces", async () => {
    const { peer, reader } = await reading(family);
    peer.write("GET / HTTP/1.1\r\nHost: a\r");
    await settle();
    const head = reader.readUntil("\r\n\r\n");
    await settle();
    peer.write("\n\r");
    await settle();
    peer.write("\nbody\0rest");
    expect(text(await head)).toBe("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(text(await reader.readUntil(new Uint8Array([0])))).toBe("body\0");
    expect(text(await reader.read())).toBe("rest");
  });

  test("readUntil() takes each kind of delimiter: a DataView, an ArrayBuffer, text beyond ASCII", async () => {
    const { peer, reader } = await reading(family);
    peer.write("a|b€c;");
    const view = new DataView(new TextEncoder().encode("x|y").buffer, 1, 1);
    expect(text(await reader.readUntil(view))).toBe("a|");
    expect(text(await reader.readUntil("€"))).toBe("b€");
    expect(text(await reader.readUntil(new TextEncoder().encode(";").buffer))).toBe("c;");
  });

  test("readLine() ends at \\n or \\r\\n, and gives the last line without one, then null", async () => {
    const { peer, reader } = await reading(family);
    peer.end("one\ntwo\r\n\n\r\nth\rree\nlast");
    const lines = [];
    for (;;) {
      const line = await reader.readLine();
      lines.push(line);
      if (line === null) {
        break;
      }
    }
    expect(lines).toEqual(["one", "two", "", "", "th\rree", "last", null]);
    expect(await reader.readLine()).toBe(null);
  });

  test("readLine() decodes as a TextDecoder that is not fatal and keeps the byte order mark", async () => {
    const { peer, reader } = await reading(family);
    const bytes = [0xef, 0xbb, 0xbf, 0x61, 0x0a, 0xff, 0xe2, 0x82, 0x0a, 0xf0, 0x9f, 0x98, 0x80, 0x0d, 0x0a, 0xe2];
    peer.end(new Uint8Array(bytes));
    expect(await reader.readLine()).toBe("\ufeffa");
    expect(await reader.readLine()).toBe("\ufffd\ufffd");
    expect(await reader.readLine()).toBe("😀");
    expect(await reader.readLine()).toBe("\ufffd");
    expect(await reader.readLine()).toBe(null);
  });

  test("lines() gives the same lines, also where many come at once, ASCII and others mixed with other reads", async () => {
    const { peer, reader } = await reading(family);
    const all = Array.from({ length: 5000 }, (_, i) => (i % 7 === 0 ? `zeile ${i} äöü €` : `line ${i}${" ".repeat(i % 90)}`));
    peer.end(all.join("\n"));
    const got = [];
    for await (const line of reader.lines()) {
      got.push(line);
      if (got.length === 100) {
        // The next one is read as bytes, and another one partly.
        got.push(text(await reader.readUntil("\n")).slice(0, -1));
        got.push(text(await reader.readExactly(3)) + (await reader.readLine()));
      }
    }
    expect(got).toEqual(all);
  });

  test("the peer's end with too little left: readExactly() and readUntil() reject, and the bytes stay", async () => {
    const { peer, reader } = await reading(family);
    peer.end("abc");
    await expect(reader.readExactly(4)).rejects.toMatchObject({ name: "NetworkError", code: "ERR_UNEXPECTED_END" });
    await expect(reader.readUntil(";")).rejects.toMatchObject({ name: "NetworkError", code: "ERR_UNEXPECTED_END" });
    expect(reader.buffered).toBe(3);
    expect(await reader.readLine()).toBe("abc");
    expect(await reader.readUntil(";")).toBe(null);
    await expect(reader.readExactly(1)).rejects.toMatchObject({ code: "ERR_UNEXPECTED_END" });
    expect(await reader.read()).toBe(null);
  });

  test("reads whose bytes are there, or come at once, settle in the order of the calls, whatever their methods and options", async () => {
    const { peer, reader } = await reading(family);
    const order = [];
    const start = () => [
      reader.readExactly(1, { timeout: 20_000 }).then(() => order.push("exactly")),
      reader.readLine().then(() => order.push("line")),
      reader.readUntil(";", { limit: 9 }).then(() => order.push("until")),
      reader.readLine({ limit: 9 }).then(() => order.push("line")),
      reader.read().then(() => order.push("read")),
    ];
    const waiting = start();
    peer.write("ab\nc;d\ne");
    await Promise.all(waiting);
    peer.write("ab\nc;d\ne");
    await eventually(() => reader.buffered === 8);
    await Promise.all(start());
    const once = ["exactly", "line", "until", "line", "read"];
    expect(order).toEqual([...once, ...once]);
  });

  test("reads are served in the order of the calls", async () => {
    const { peer, reader } = await reading(family);
    const order = [];
    const reads = [
      reader.readExactly(2).then((bytes) => order.push(text(bytes))),
      reader.readLine().then((line) => order.push(line)),
      reader.readUntil(";").then((bytes) => order.push(text(bytes))),
      reader.read().then((bytes) => order.push(text(bytes))),
    ];
    for (const byte of "abline\nx;rest") {
      peer.write(byte);
      await turn();
    }
    await Promise.all(reads);
    expect(order.slice(0, 3)).toEqual(["ab", "line", "x;"]);
    expect("rest".startsWith(order[3])).toBe(true);
  });

  test("the attribute gives the same object at each read, and is made when it is first read", async () => {
    const { socket, reader } = await reading(family);
    expect(socket.reader).toBe(reader);
    expect(Object.prototype.toString.call(reader)).toBe("[object TCPReader]");
  });

  test("unread() puts bytes in front of the others", async () => {
    const { peer, reader } = await reading(family);
    peer.write("world\n");
    await eventually(() => reader.buffered === 6, "6 bytes");
    reader.unread(new TextEncoder().encode("hello "));
    expect(reader.buffered).toBe(12);
    expect(await reader.readLine()).toBe("hello world");
    reader.unread(new TextEncoder().encode("again\n").buffer);
    expect(await reader.readLine()).toBe("again");
  });

  test("unread() serves a read that waits", async () => {
    const { reader } = await reading(family);
    const line = reader.readLine();
    reader.unread(new TextEncoder().encode("mine\nrest"));
    expect(await line).toBe("mine");
    expect(reader.buffered).toBe(4);
  });

  test("unread() copies: later changes of the buffer do not count", async () => {
    const { reader } = await reading(family);
    const bytes = new TextEncoder().encode("abc");
    reader.unread(bytes);
    bytes.fill(120);
    expect(text(await reader.read())).toBe("abc");
  });

  test("unread() after the end gives the bytes, then null", async () => {
    const { peer, reader } = await reading(family);
    peer.end();
    expect(await reader.read()).toBe(null);
    reader.unread(new Uint8Array([65]));
    expect(text(await reader.read())).toBe("A");
    expect(await reader.read()).toBe(null);
  });

  test("sending goes on beside it, and `message` does not fire", async () => {
    const { socket, peer, reader } = await reading(family);
    let messages = 0;
    socket.onmessage = () => {
      messages += 1;
    };
    const echo = once(peer, "data");
    socket.send("ping");
    expect(text(await echo)).toBe("ping");
    peer.write("pong");
    expect(text(await reader.read())).toBe("pong");
    expect(messages).toBe(0);
  });

  test("it counts as a `halfclose` listener: the socket stays open after the peer's end (R-tcp-fin)", async () => {
    const { socket, peer, reader } = await reading(family);
    peer.end("bye");
    expect(text(await reader.read())).toBe("bye");
    expect(await reader.read()).toBe(null);
    await settle();
    expect(socket.readyState).toBe("open");
    const answer = once(peer, "data");
    socket.send("answer");
    expect(text(await answer)).toBe("answer");
    socket.close();
    await once(socket, "close");
  });

  test("taken while connecting, it waits for the connection", async () => {
    const server = family.serve();
    server.onconnect = ({ connectedSocket }) => track(connectedSocket).send("welcome\n");
    const socket = family.connectTo(server);
    const line = socket.reader.readLine();
    expect(await line).toBe("welcome");
  });

  test("one byte at a time, over all reads, nothing is lost", async () => {
    const { client, accepted } = await both(family);
    const { reader } = accepted;
    const message = "line one\nline two\r\n\0\0\0\x05hello;rest of it";
    const reads = (async () => [
      await reader.readLine(),
      await reader.readLine(),
      [...(await reader.readExactly(4))].join(),
      text(await reader.readExactly(5)),
      text(await reader.readUntil(";")),
      text(await reader.readExactly(10)),
    ])();
    for (const byte of new TextEncoder().encode(message)) {
      client.send(new Uint8Array([byte]));
      await turn();
    }
    expect(await reads).toEqual(["line one", "line two", "0,0,0,5", "hello", ";", "rest of it"]);
  });

  test("20 MB by readExactly() of any size arrive in order", async () => {
    const { client, accepted } = await both(family);
    const bytes = pattern(20_000_000);
    client.send(bytes);
    client.halfclose();
    const { reader } = accepted;
    const chunks = [];
    let left = bytes.length;
    for (let size = 1; left > 0; size = Math.min(left, (size * 3) % 700_001)) {
      chunks.push(await reader.readExactly(Math.min(size, left)));
      left -= chunks.at(-1).length;
    }
    expect(sha256(chunks)).toBe(sha256(bytes));
    expect(await reader.read()).toBe(null);
  });
});

describe("reader and bad input (R-reader, R-shape)", () => {
  test("readExactly(): a length that is no unsigned long rejects with TypeError", async () => {
    const { socket } = await tcpPair();
    for (const length of [-1, 2 ** 32, NaN, Infinity, "x", {}, undefined, 1n]) {
      await expect(socket.reader.readExactly(length)).rejects.toThrow(TypeError);
    }
    await expect(socket.reader.readExactly()).rejects.toThrow(TypeError);
  });

  test("options that are no dictionary, or have bad members, reject with TypeError", async () => {
    const { socket } = await tcpPair();
    const { reader } = socket;
    for (const options of [1, "x", { signal: 1 }, { timeout: -1 }, { timeout: "x" }]) {
      await expect(reader.read(options)).rejects.toThrow(TypeError);
      await expect(reader.readExactly(1, options)).rejects.toThrow(TypeError);
      await expect(reader.readUntil("x", options)).rejects.toThrow(TypeError);
      await expect(reader.readLine(options)).rejects.toThrow(TypeError);
      expect(() => reader.lines(options)).toThrow(TypeError);
    }
    await expect(reader.readLine({ limit: -1 })).rejects.toThrow(TypeError);
  });

  test("readUntil(): an empty delimiter is an InvalidAccessError, none a TypeError", async () => {
    const { socket } = await tcpPair();
    for (const delimiter of ["", new Uint8Array(0), new ArrayBuffer(0)]) {
      await expect(socket.reader.readUntil(delimiter)).rejects.toMatchObject({ name: "InvalidAccessError" });
    }
    await expect(socket.reader.readUntil()).rejects.toThrow(TypeError);
    await expect(socket.reader.readUntil(Symbol("x"))).rejects.toThrow(TypeError);
  });

  test("unread(): only a BufferSource", async () => {
    const { socket } = await tcpPair();
    for (const data of ["text", 1, null, undefined, [1], {}, new Uint8Array(new SharedArrayBuffer(1))]) {
      expect(() => socket.reader.unread(data)).toThrow(TypeError);
    }
    expect(() => socket.reader.unread()).toThrow(TypeError);
    expect(socket.reader.buffered).toBe(0);
  });

  test("the members check their object; the class cannot be constructed, and is no export", async () => {
    const { socket } = await tcpPair();
    const { prototype } = socket.reader.constructor;
    for (const name of ["read", "readExactly", "readUntil", "readLine"]) {
      await expect(prototype[name].call({}, 1)).rejects.toThrow(TypeError);
    }
    for (const name of ["lines", "unread", "release"]) {
      expect(() => prototype[name].call({}, new Uint8Array(1))).toThrow(TypeError);
    }
    expect(() => prototype.buffered).toThrow(TypeError);
    expect(() => new socket.reader.constructor()).toThrow(/Illegal constructor/);
    expect(require("../..").TCPReader).toBe(undefined);
    expect(prototype[Symbol.toStringTag]).toBe("TCPReader");
    expect([prototype.read.length, prototype.readExactly.length, prototype.readUntil.length, prototype.readLine.length, prototype.lines.length, prototype.unread.length]).toEqual([0, 1, 1, 0, 0, 1]);
  });

  test("the attribute and the members are enumerable accessors and methods of the prototypes", async () => {
    const { socket } = await tcpPair();
    for (const { Socket } of families) {
      const { get, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(Socket.prototype, "reader");
      expect([get.name, get.length, set, enumerable, configurable]).toEqual(["get reader", 0, undefined, true, true]);
    }
    const members = Object.getOwnPropertyDescriptors(socket.reader.constructor.prototype);
    for (const name of ["read", "readExactly", "readUntil", "readLine", "lines", "unread", "release"]) {
      expect([members[name].value.name, members[name].enumerable, members[name].writable]).toEqual([name, true, true]);
    }
    expect([members.buffered.get.name, members.buffered.enumerable]).toEqual(["get buffered", true]);
  });

  test("the attribute checks its object", () => {
    for (const { Socket } of families) {
      expect(() => Socket.prototype.reader).toThrow(TypeError);
    }
  });
});
