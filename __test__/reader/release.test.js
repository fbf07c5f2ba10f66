"use strict";

// release() of `reader`, and what it excludes: what was received and not read belongs to whatever comes next (R-reader).

const { families, both } = require("../helpers/families");
const { authority } = require("../helpers/certificates");
const { dialTLSLater } = require("../helpers/tls");
const { collect, deadline, eventually, once, pattern, record, settle, sha256, text, track, expendable, tcpPair, turn } = require("../helpers");
const { once: packageOnce, relay } = require("../..");

const invalidState = { name: "InvalidStateError" };

/** A socket whose reader holds these bytes, of which the first line is read. */
async function holding(family, data, line) {
  const { socket, peer } = await family.pair({ peer: { allowHalfOpen: true } });
  const { reader } = socket;
  peer.write(data);
  expect(await reader.readLine()).toBe(line);
  return { socket, peer, reader };
}

describe.each(families)("$name: release() (R-reader)", (family) => {
  test("`message` goes on with what is left, in order, and with nothing else", async () => {
    const { socket, peer, reader } = await holding(family, "head\nrest", "head");
    expect(reader.release()).toBe(undefined);
    peer.write(" and more");
    const inbox = collect(socket);
    await inbox.until(13);
    expect(inbox.text()).toBe("rest and more");
  });

  test("without a listener the bytes wait (R-listen)", async () => {
    const { socket, reader } = await holding(family, "head\nrest", "head");
    reader.release();
    await settle();
    const inbox = collect(socket);
    await inbox.until(4);
    expect(inbox.text()).toBe("rest");
  });

  test("in bulk: 5 MB, of which any part lay in the reader", async () => {
    const { client, accepted } = await both(family);
    const bytes = pattern(5_000_000);
    client.send(bytes);
    const { reader } = accepted;
    const first = await reader.readExactly(1_000_003);
    await settle(20);
    reader.release();
    const inbox = collect(accepted);
    await inbox.until(bytes.length - first.length);
    expect(sha256(first, inbox.bytes())).toBe(sha256(bytes));
  });

  test("what unread() has put in front is part of it, be it longer than the buffer", async () => {
    const { socket, reader } = await holding(family, "head\nrest", "head");
    const front = pattern(300_000);
    reader.unread(front);
    reader.release();
    const inbox = collect(socket);
    await inbox.until(300_004);
    expect(sha256(inbox.bytes().subarray(0, 300_000))).toBe(sha256(front));
    expect(text(inbox.bytes().subarray(300_000))).toBe("rest");
  });

  test("suspend() between release() and `message` holds the bytes", async () => {
    const { socket, reader } = await holding(family, "head\nrest", "head");
    const log = record(socket, ["message"]);
    socket.suspend();
    reader.release();
    await settle();
    expect(log.types).toEqual([]);
    socket.resume();
    await log.until("message");
  });

  test("the released reader's methods reject with InvalidStateError, until the attribute is read again: the same object", async () => {
    const { socket, peer, reader } = await holding(family, "head\nrest", "head");
    reader.release();
    for (const read of [reader.read(), reader.readExactly(1), reader.readExactly(0), reader.readUntil("x"), reader.readLine(), reader.lines().next()]) {
      await expect(read).rejects.toMatchObject(invalidState);
    }
    expect(() => reader.unread(new Uint8Array(1))).toThrow(expect.objectContaining(invalidState));
    expect(() => reader.release()).toThrow(expect.objectContaining(invalidState));
    expect(reader.buffered).toBe(0);
    expect(socket.reader).toBe(reader);
    expect(text(await reader.readExactly(4))).toBe("rest");
    peer.write("more\n");
    expect(await reader.readLine()).toBe("more");
  });

  test("with a read pending it throws InvalidStateError, and changes nothing", async () => {
    const { peer, reader } = await holding(family, "head\nrest", "head");
    const line = reader.readLine();
    expect(() => reader.release()).toThrow(expect.objectContaining(invalidState));
    peer.write("\n");
    expect(await line).toBe("rest");
  });

  test("`readable` goes on with what is left", async () => {
    const { socket, peer, reader } = await holding(family, "head\nrest", "head");
    expect(() => socket.readable).toThrow(expect.objectContaining(invalidState));
    reader.release();
    peer.end(" of it");
    const chunks = [];
    for await (const chunk of socket.readable) {
      chunks.push(text(chunk));
    }
    expect(chunks.join("")).toBe("rest of it");
    expect(() => socket.reader).toThrow(expect.objectContaining(invalidState));
  });

  test("relay() goes on with what is left; before release() it rejects", async () => {
    const { socket, peer, reader } = await holding(family, "CONNECT\nearly data", "CONNECT");
    const other = await family.pair({ peer: { allowHalfOpen: true } });
    await expect(relay(socket, other.socket)).rejects.toMatchObject(invalidState);
    reader.release();
    const counts = relay(socket, other.socket);
    const inbox = collect(other.peer);
    peer.end(" and more");
    await inbox.until(19);
    expect(inbox.text()).toBe("early data and more");
    other.peer.end("answer");
    peer.resume();
    expect(await counts).toEqual({ bytesToA: 6, bytesToB: 19 });
    expect(() => socket.reader).not.toThrow();
  });

  test("relay() after the peer's end: the bytes, then the end", async () => {
    const { socket, peer, reader } = await holding(family, "CONNECT\nearly data", "CONNECT");
    const other = await family.pair({ peer: { allowHalfOpen: true } });
    peer.end();
    await settle();
    reader.release();
    const counts = relay(socket, other.socket);
    const inbox = collect(other.peer);
    await deadline(once(other.peer, "end"), "the end");
    expect(inbox.text()).toBe("early data");
    other.peer.end();
    peer.resume();
    expect(await counts).toMatchObject({ bytesToB: 10 });
  });

  test("in a relay the attribute throws InvalidStateError", async () => {
    const [one, other] = [await family.pair(), await family.pair()];
    const counts = relay(one.socket, other.socket);
    expect(() => one.socket.reader).toThrow(expect.objectContaining(invalidState));
    one.socket.reset();
    await counts.catch(() => {});
  });

  test("the peer's end that only the reader has received comes behind the bytes: `halfclose` where somebody listens", async () => {
    const { socket, peer, reader } = await holding(family, "head\nrest", "head");
    peer.end();
    await settle();
    reader.release();
    const log = record(socket, ["message", "halfclose"]);
    await log.until("halfclose");
    expect(log.types).toEqual(["message", "halfclose"]);
    expect(socket.readyState).toBe("open");
  });

  test("the same where nobody listens for `halfclose`: the socket closes behind the bytes (R-tcp-fin)", async () => {
    const { socket, peer, reader } = await holding(family, "head\nrest", "head");
    peer.end();
    peer.resume();
    await settle();
    reader.release();
    const log = record(socket, ["message", "close", "error"]);
    await log.until("close");
    expect(log.types).toEqual(["message", "close"]);
  });

  test("the same with no bytes left", async () => {
    const { socket, peer, reader } = await holding(family, "head\n", "head");
    peer.end();
    peer.resume();
    await settle();
    const closed = once(socket, "close");
    reader.release();
    await closed;
  });

  test("a `halfclose` that a listener has received does not come again; the bytes do", async () => {
    const { socket, peer, reader } = await holding(family, "head\nrest", "head");
    const log = record(socket, ["halfclose"]);
    peer.end();
    await log.until("halfclose");
    reader.release();
    const inbox = collect(socket);
    await inbox.until(4);
    await settle();
    expect(inbox.text()).toBe("rest");
    expect(log.types).toEqual(["halfclose"]);
    expect(socket.readyState).toBe("open");
  });

  test("a `halfclose` that came before the reader was taken stays delivered: release() does not close the socket (R-tcp-fin)", async () => {
    const { socket, peer } = await family.pair({ peer: { allowHalfOpen: true } });
    const heard = once(socket, "halfclose");
    peer.end();
    await heard;
    const { reader } = socket;
    expect(await reader.read()).toBe(null);
    reader.release();
    const log = record(socket, ["halfclose", "close"]);
    await settle();
    expect([socket.readyState, log.types]).toEqual(["open", []]);
    socket.reader.release();
    await settle();
    expect([socket.readyState, log.types]).toEqual(["open", []]);
  });

  test.each([
    ["reader", async (socket) => {
      const { reader } = socket;
      return text(await reader.read()) + (await reader.read());
    }],
    ["readable", async (socket) => {
      let all = "";
      for await (const chunk of socket.readable) {
        all += text(chunk);
      }
      return `${all}null`;
    }],
    ["once()", async (socket) => `${text(new Uint8Array((await packageOnce(socket, "message")).data))}null`],
  ])("after an end that a listener has received, %s gets what was not read, then the end", async (_name, read) => {
    const { socket, peer, reader } = await holding(family, "head\nrest", "head");
    const log = record(socket, ["halfclose"]);
    peer.end();
    await log.until("halfclose");
    reader.release();
    expect(await read(socket)).toBe("restnull");
    await settle();
    expect(log.types).toEqual(["halfclose"]);
  });

  test("the end again after a second reader: read() gives the rest, then null", async () => {
    const { socket, peer, reader } = await holding(family, "head\nrest", "head");
    peer.end();
    await settle();
    reader.release();
    expect(text(await socket.reader.read())).toBe("rest");
    expect(await socket.reader.read()).toBe(null);
  });

  test("on a closed socket it does nothing but give the reader up", async () => {
    const { socket, reader } = await holding(family, "head\nrest", "head");
    socket.reset();
    await once(socket, "close");
    reader.release();
    await expect(reader.read()).rejects.toMatchObject(invalidState);
  });

  test("bytesRead counts each byte once (R-stats)", async () => {
    const { socket, peer, reader } = await holding(family, "head\nrest", "head");
    expect(socket.bytesRead).toBe(5);
    reader.release();
    expect(socket.bytesRead).toBe(5);
    const inbox = collect(socket);
    peer.write("!");
    await inbox.until(5);
    expect(socket.bytesRead).toBe(10);
  });

  test("what a relay passes on counts, also what lay in the reader; printing shows the same figure (R-stats, R-diagnostics)", async () => {
    const { socket, peer, reader } = await holding(family, "head\nrest", "head");
    expect(require("node:util").inspect(socket)).toContain("bytesRead: 5,");
    const other = await family.pair({ peer: { allowHalfOpen: true } });
    reader.release();
    const counts = relay(socket, other.socket);
    const inbox = collect(other.peer);
    await inbox.until(4);
    peer.end();
    other.peer.end();
    peer.resume();
    await counts;
    expect(socket.bytesRead).toBe(9);
  });

  test("what a closed socket cannot take back was never read (R-stats)", async () => {
    const { socket, reader } = await holding(family, "head\nrest", "head");
    socket.reset();
    await once(socket, "close");
    reader.release();
    expect(socket.bytesRead).toBe(5);
  });

  test("taking and releasing in turn, at each byte, loses nothing", async () => {
    const { client, accepted } = await both(family);
    const bytes = pattern(4000);
    const got = [];
    let listen = false;
    accepted.addEventListener("message", ({ data }) => got.push(...new Uint8Array(data)));
    client.send(bytes);
    while (got.length < bytes.length) {
      if ((listen = !listen)) {
        const { reader } = accepted;
        got.push(...(await reader.readExactly(Math.min(7, bytes.length - got.length))));
        reader.release();
      }
      await turn();
    }
    expect(Uint8Array.from(got)).toEqual(bytes);
  });
});

describe("reader and startTls() (R-reader, R-tls-start)", () => {
  const { server: identity } = authority();
  const own = { cert: identity.cert, key: identity.key };

  test("startTls() rejects with InvalidStateError while the reader is taken, and changes nothing", async () => {
    const { socket, peer } = await tcpPair();
    const { reader } = socket;
    await expect(socket.startTls({ rejectUnauthorized: false })).rejects.toMatchObject(invalidState);
    peer.write("plain\n");
    expect(await reader.readLine()).toBe("plain");
  });

  test("after release() the handshake gets what was not read: a client that sends its hello with its last line", async () => {
    const server = track(new (require("../..").TCPServerSocket)({ localAddress: "127.0.0.1" }));
    const connect = once(server, "connect");
    const plain = require("node:net").connect(server.localPort, "127.0.0.1");
    plain.on("error", () => {});
    const socket = track((await connect).connectedSocket);
    const { reader } = socket;
    plain.cork();
    plain.write("STARTTLS\n");
    const secure = dialTLSLater(server.localPort, { socket: plain, host: undefined });
    await turn();
    plain.uncork();
    expect(await reader.readLine()).toBe("STARTTLS");
    await eventually(() => reader.buffered > 100, "the hello");
    reader.release();
    const info = await socket.startTls(own);
    expect(info.protocol).toBe("TLSv1.3");
    secure.write("secret\n");
    expect(await socket.reader.readLine()).toBe("secret");
    plain.destroy();
  });

  test("plain text behind the last line makes the handshake fail, as without a reader", async () => {
    const { socket, peer } = await tcpPair();
    const { reader } = expendable(socket);
    peer.write("STARTTLS\nplain text that somebody has slipped in");
    expect(await reader.readLine()).toBe("STARTTLS");
    reader.release();
    await expect(socket.startTls({ rejectUnauthorized: false })).rejects.toMatchObject({ name: "NetworkError", code: expect.stringMatching(/^ERR_TLS_/) });
  });
});

test("once() says that the reader gets the bytes (R-once)", async () => {
  const { socket, peer } = await tcpPair();
  const waiting = packageOnce(socket, "message");
  const { reader } = socket;
  await expect(waiting).rejects.toThrow(/its reader was taken/);
  reader.release();
  const message = packageOnce(socket, "message");
  peer.write("x");
  expect(text((await message).data)).toBe("x");
});
