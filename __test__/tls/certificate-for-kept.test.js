"use strict";

// Answers of certificateFor that are kept for their ttl, and setSecureContext() (R-srv-secure).

const { eventually, once, record, settle } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { acceptingServer, dialTLS, dialTLSLater, shownFor } = require("../helpers/tls");

const all = authority();
const { server: identity } = all;
const own = { cert: identity.cert, key: identity.key };
const [first, second] = [all.issue({ dns: ["a.test"] }), all.issue({ dns: ["a.test"] })];
const answer = (certificate, ttl) => ({ cert: certificate.cert, key: certificate.key, ttl });
const REFUSED = /^ERR_SSL|ECONNRESET/;
/** Longer than any test, in ms. */
const LONG = 600_000;

/** A server that asks `reply` for certificates, and the names that it has asked for. */
function asking(reply, options = own) {
  const asked = [];
  const certificateFor = (name) => {
    asked.push(name);
    return reply(name);
  };
  return { server: acceptingServer({ ...options, certificateFor }), asked, certificateFor };
}

describe("R-srv-secure: ttl", () => {
  test("an answer with a ttl is kept: later handshakes for that name do not ask", async () => {
    const { server, asked } = asking(() => answer(first, LONG));
    for (const name of ["a.test", "A.TEST", "a.test.", "b.test", "a.test"]) {
      expect(await shownFor(server, name)).toBe(first.fingerprint);
    }
    expect(asked).toEqual(["a.test", "b.test"]);
  });

  test.each([["absent", undefined], ["0", 0], ["0.9, which is 0", 0.9]])("%s: the answer is not kept at all", async (_, ttl) => {
    const { server, asked } = asking(() => answer(first, ttl));
    await shownFor(server, "a.test");
    await shownFor(server, "a.test");
    expect(asked).toHaveLength(2);
  });

  test("it is kept for so long, and then asked for again", async () => {
    const ttl = 150;
    let certificate = first;
    const { server, asked } = asking(() => answer(certificate, ttl));
    const start = Date.now();
    expect(await shownFor(server, "a.test")).toBe(first.fingerprint);
    certificate = second;
    await eventually(async () => (await shownFor(server, "a.test")) === second.fingerprint);
    expect(Date.now() - start).toBeGreaterThanOrEqual(ttl);
    expect(asked).toHaveLength(2);
  });

  test("the longest ttl is 2^32-1 ms", async () => {
    const { server, asked } = asking(() => answer(first, 2 ** 32 - 1));
    await shownFor(server, "a.test");
    expect(await shownFor(server, "a.test")).toBe(first.fingerprint);
    expect(asked).toHaveLength(1);
  });

  test("null and failures are not kept", async () => {
    const replies = [() => null, () => { throw new Error("no"); }, () => answer(first, LONG)];
    const { server, asked } = asking(() => replies.shift()());
    expect(await shownFor(server, "a.test")).toBe(identity.fingerprint);
    expect(await shownFor(server, "a.test")).toMatch(REFUSED);
    expect(await shownFor(server, "a.test")).toBe(first.fingerprint);
    expect(asked).toHaveLength(3);
  });

  test("a server's answers are its own", async () => {
    const one = asking(() => answer(first, LONG));
    const other = asking(() => answer(second, LONG));
    expect(await shownFor(one.server, "a.test")).toBe(first.fingerprint);
    expect(await shownFor(other.server, "a.test")).toBe(second.fingerprint);
    expect([one.asked, other.asked]).toEqual([["a.test"], ["a.test"]]);
  });

  test("an answer that comes when its clients have gone is kept for the next", async () => {
    let release;
    const { server, asked } = asking(() => new Promise((resolve) => { release = resolve; }));
    const log = record(server, ["error"]);
    const client = dialTLSLater(server.localPort, { servername: "a.test" });
    await eventually(() => release !== undefined);
    client.destroy();
    await log.atLeast(1);
    // The function is still busy with that name, so a second client does not make it ask again.
    const waiting = shownFor(server, "a.test");
    await settle();
    expect(asked).toEqual(["a.test"]);
    release(answer(first, LONG));
    expect(await waiting).toBe(first.fingerprint);
    expect(await shownFor(server, "a.test")).toBe(first.fingerprint);
    expect(asked).toEqual(["a.test"]);
  });

  test("1,000 are kept, and the least recently used one goes", async () => {
    const { server, asked } = asking(() => answer(first, LONG));
    /** The handshakes of these names, a few at a time. */
    async function visit(names) {
      for (let at = 0; at < names.length; at += 20) {
        await Promise.all(names.slice(at, at + 20).map(async (servername) => {
          const socket = await dialTLS(server.localPort, { servername });
          socket.destroy();
        }));
      }
    }
    const names = Array.from({ length: 1000 }, (_, index) => `name-${index}.test`);
    await visit(names.slice(0, 1));
    await visit(names.slice(1));
    expect(asked).toHaveLength(1000);
    // It is used once more. So the second name is the least recently used one, or one of those that came with it.
    await visit(["name-0.test"]);
    expect(asked).toHaveLength(1000);
    await visit(["name-1000.test"]);
    expect(asked.slice(1000)).toEqual(["name-1000.test"]);
    await visit(["name-0.test", "name-1000.test", ...names.slice(21)]);
    expect(asked).toHaveLength(1001);
    await visit(names.slice(1, 21));
    expect(asked.length).toBeGreaterThan(1001);
  });
});

describe("R-srv-secure: setSecureContext()", () => {
  test("empties what is kept, and replaces the function", async () => {
    const { server, asked } = asking(() => answer(first, LONG));
    expect(await shownFor(server, "a.test")).toBe(first.fingerprint);
    const later = [];
    server.setSecureContext({
      certificateFor(name) {
        later.push(name);
        return answer(second, LONG);
      },
    });
    expect(await shownFor(server, "a.test")).toBe(second.fingerprint);
    expect(await shownFor(server, "a.test")).toBe(second.fingerprint);
    expect([asked, later]).toEqual([["a.test"], ["a.test"]]);
    // No certificate of its own any more.
    expect(await shownFor(server, "")).toMatch(REFUSED);
  });

  test("with the same options it empties what is kept, too", async () => {
    const { server, asked, certificateFor } = asking(() => answer(first, LONG));
    await shownFor(server, "a.test");
    server.setSecureContext({ ...own, certificateFor });
    await shownFor(server, "a.test");
    expect(asked).toEqual(["a.test", "a.test"]);
  });

  test("without certificateFor, nobody is asked any more", async () => {
    const { server, asked } = asking(() => answer(first, LONG));
    await shownFor(server, "a.test");
    server.setSecureContext({ cert: second.cert, key: second.key });
    expect(await shownFor(server, "a.test")).toBe(second.fingerprint);
    expect(asked).toEqual(["a.test"]);
  });

  test("may bring certificateFor to a server that had none", async () => {
    const server = acceptingServer(own);
    server.setSecureContext({ certificateFor: () => answer(first) });
    expect(await shownFor(server, "a.test")).toBe(first.fingerprint);
  });

  test("bad options change nothing: the function and what is kept stay", async () => {
    const { server, asked } = asking(() => answer(first, LONG));
    await shownFor(server, "a.test");
    const other = () => answer(second);
    expect(() => server.setSecureContext({ cert: "x", key: "y", certificateFor: other })).toThrow(/secureTransport/);
    expect(() => server.setSecureContext({ certificateFor: other, certificatesFor: other })).toThrow(/did you mean certificateFor\?/);
    expect(await shownFor(server, "a.test")).toBe(first.fingerprint);
    expect(asked).toEqual(["a.test"]);
  });

  test("a handshake that waits for an answer goes on under the new options, which ask again", async () => {
    const { server, asked } = asking(() => new Promise(() => {}));
    const waiting = [shownFor(server, "a.test"), shownFor(server, "b.test")];
    await eventually(() => asked.length === 2);
    const later = [];
    server.setSecureContext({
      ...own,
      certificateFor(name) {
        later.push(name);
        return name === "a.test" ? answer(second) : null;
      },
    });
    expect(await Promise.all(waiting)).toEqual([second.fingerprint, identity.fingerprint]);
    expect(later.sort()).toEqual(["a.test", "b.test"]);
  });

  test("or need no answer; one that comes late is ignored", async () => {
    let release;
    const { server, asked } = asking(() => new Promise((resolve) => { release = resolve; }));
    const waiting = shownFor(server, "a.test");
    await eventually(() => release !== undefined);
    server.setSecureContext({ cert: second.cert, key: second.key });
    expect(await waiting).toBe(second.fingerprint);
    release(answer(first, LONG));
    await settle();
    expect(await shownFor(server, "a.test")).toBe(second.fingerprint);
    expect(asked).toEqual(["a.test"]);
  });

  test("late failures are ignored, too", async () => {
    let refuse;
    const { server } = asking(() => new Promise((_, reject) => { refuse = reject; }));
    const log = record(server, ["error"]);
    const waiting = shownFor(server, "a.test");
    await eventually(() => refuse !== undefined);
    server.setSecureContext({ ...own, certificateFor: () => answer(second) });
    refuse(new Error("late"));
    expect(await waiting).toBe(second.fingerprint);
    await settle();
    expect(log.entries.map(({ event }) => event.error.code)).not.toContain("ERR_TLS_NO_CERTIFICATE_FOR_NAME");
  });

  test("open connections stay as they are", async () => {
    const { server } = asking(() => answer(first));
    const connect = once(server, "connect");
    const peer = await dialTLS(server.localPort, { servername: "a.test" });
    const { connectedSocket } = await connect;
    server.setSecureContext({ certificateFor: () => answer(second) });
    const data = once(peer, "data");
    connectedSocket.send("still here");
    expect(String(await data)).toBe("still here");
  });
});
