"use strict";

const { ROOT, tcpPair, collect, once, record, expectDOMException, expectIsDOMException } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { secureAccepted, securePair } = require("../helpers/tls");

const { relay } = require(ROOT);

const { ca, server: identity } = authority();
const open = { peer: { allowHalfOpen: true } };
const plain = () => tcpPair(open);
const client = () => securePair({ identity, secureTransport: { ca: ca.cert }, ...open });
const accepted = () => secureAccepted({ secureTransport: { cert: identity.cert, key: identity.key }, ...open });

const EVENTS = ["open", "message", "drain", "halfclose", "error", "close"];

/** The rejection of a promise. */
function rejection(promise) {
  return promise.then(
    () => {
      throw new Error("it was fulfilled");
    },
    (error) => error,
  );
}

describe("relay() with TLS on one side or on both (R-relay)", () => {
  test.each([
    ["TLS to plain", accepted, plain],
    ["plain to TLS", plain, client],
    ["TLS to TLS", accepted, client],
  ])("%s: all bytes, held and sent ones first, ends both ways, and the counts", async (_, makeA, makeB) => {
    const [first, second] = [await makeA(), await makeB()];
    const logs = [first, second].map(({ socket }) => record(socket, EVENTS.filter((type) => type !== "message" && type !== "halfclose")));
    const size = 5_000_000;
    const [up, down] = [Buffer.alloc(size, "0123456789"), Buffer.alloc(size, "abcdefg")];
    first.peer.write("held, ");
    first.socket.send("sent to A, ");
    second.socket.send(new Blob(["sent to B, "]));
    const [atA, atB] = [collect(first.peer), collect(second.peer)];
    const result = relay(first.socket, second.socket);
    first.peer.end(up);
    second.peer.end(down);
    expect(await result).toEqual({ bytesToA: size, bytesToB: size + 6 });
    await Promise.all([atA.end(), atB.end()]);
    expect(atA.bytes().equals(Buffer.concat([Buffer.from("sent to A, "), down]))).toBe(true);
    expect(atB.bytes().equals(Buffer.concat([Buffer.from("sent to B, held, "), up]))).toBe(true);
    expect(logs.map((log) => log.types)).toEqual([["close"], ["close"]]);
    expect([first.socket.readyState, second.socket.readyState]).toEqual(["closed", "closed"]);
  });

  test("a reader that does not read holds the other side's sender back, and gets all in the end", async () => {
    const [first, second] = [await client(), await plain()];
    second.peer.pause();
    const result = relay(first.socket, second.socket);
    const size = 40_000_000;
    first.peer.end(Buffer.alloc(size));
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
    expect(first.peer.writableLength).toBeGreaterThan(0);
    const at = collect(second.peer);
    second.peer.end();
    expect((await result).bytesToB).toBe(size);
    await at.end();
    expect(at.length).toBe(size);
  });

  test("a truncated end is a loss: error and close there, the other is reset, and the promise rejects with it (R-tls-end)", async () => {
    const [first, second] = [await client(), await plain()];
    const logs = [first, second].map(({ socket }) => record(socket, EVENTS));
    const broken = new Promise((resolve) => second.peer.once("error", resolve));
    const result = relay(first.socket, second.socket);
    const inbox = collect(second.peer);
    first.peer.write("x");
    await inbox.until(1);
    first.peer.destroy();
    const reason = await rejection(result);
    expectIsDOMException(reason, "NetworkError");
    expect(["ERR_TLS_TRUNCATED", "ECONNRESET"]).toContain(reason.code);
    await Promise.all(logs.map((log) => log.until("close")));
    expect(logs.map((log) => log.types)).toEqual([["error", "close"], ["close"]]);
    expect(logs[0].entries[0].event.error).toBe(reason);
    expect((await broken).code).toBe("ECONNRESET");
  });

  test("startTls() on a relayed socket rejects with InvalidStateError; send() and halfclose() throw it", async () => {
    const [first, second] = [await plain(), await client()];
    relay(first.socket, second.socket).catch(() => {});
    expectIsDOMException(await rejection(first.socket.startTls()), "InvalidStateError");
    expectDOMException(() => second.socket.send("x"), "InvalidStateError");
    expectDOMException(() => second.socket.halfclose(), "InvalidStateError");
  });

  test("a socket whose startTls() is under way: nothing of the other side's leaves in the clear", async () => {
    const [first, second] = [await plain(), await plain()];
    const handshake = rejection(first.socket.startTls({ rejectUnauthorized: false }));
    const result = rejection(relay(first.socket, second.socket));
    const inbox = collect(first.peer);
    second.peer.write("not to be read by everybody");
    await inbox.until(1);
    first.peer.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    expect((await handshake).code).toMatch(/^ERR_TLS_/);
    expect((await result).code).toMatch(/^ERR_TLS_/);
    // A handshake record, and no word of it.
    expect(inbox.bytes()[0]).toBe(22);
    expect(inbox.text()).not.toContain("everybody");
  });

  test("close() of one closes both, with close_notify", async () => {
    const [first, second] = [await client(), await plain()];
    const result = relay(first.socket, second.socket);
    const ends = Promise.all([once(first.peer, "end"), once(second.peer, "end")]);
    first.peer.resume();
    second.peer.resume();
    second.socket.close();
    await ends;
    first.peer.end();
    second.peer.end();
    expect(await result).toEqual({ bytesToA: 0, bytesToB: 0 });
  });

  test.each([
    ["TLS to plain", accepted, plain],
    ["plain to TLS", plain, client],
  ])("%s: a loss of one changes the other's readyState with the other's close event, not before (R-task)", async (_, makeA, makeB) => {
    const [first, second] = [await makeA(), await makeB()];
    const logs = [first, second].map(({ socket }) => record(socket, ["error", "close"]));
    const seen = [];
    first.socket.addEventListener("error", () => seen.push(second.socket.readyState));
    second.socket.addEventListener("close", () => seen.push(second.socket.readyState));
    const result = relay(first.socket, second.socket);
    // node:tls ends without close_notify then, which is a loss too (R-tls-end).
    if (first.peer.encrypted) first.peer.destroy();
    else first.peer.resetAndDestroy();
    await rejection(result);
    await Promise.all(logs.map((log) => log.until("close")));
    expect(logs.map((log) => log.types)).toEqual([["error", "close"], ["close"]]);
    expect(seen).toEqual(["open", "closed"]);
  });
});
