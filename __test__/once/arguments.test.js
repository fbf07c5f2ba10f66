"use strict";

// What once() takes (R-once, R-shape): everything that is wrong is a rejection, and nothing is added.

const { getEventListeners } = require("node:events");
const { ROOT, record, refusedPort, tcp, tcpPair, tcpServer, text, udp } = require("../helpers");
const { failed } = require("./failed");
const { TCPSocket, once } = require(ROOT);

async function expectTypeError(promise, message) {
  const error = await failed(promise);
  expect(error.name).toBe("TypeError");
  expect(error.message).toMatch(message);
}

describe("once() and its arguments (R-once, R-shape)", () => {
  test("is a function of the package with two required arguments, and no constructor", async () => {
    expect([once.name, once.length]).toEqual(["once", 2]);
    expect(() => new once(udp(), "message")).toThrow(/not a constructor/);
    const module = await import("../../index.mjs").catch(() => undefined);
    // Where jest runs without ES modules the smoke test looks at it.
    if (module !== undefined) expect(module.once).toBe(once);
  });

  test("too few arguments", async () => {
    await expectTypeError(once(), /^once\(\) needs 2 arguments, but only 0 are present$/);
    await expectTypeError(once(udp()), /^once\(\) needs 2 arguments, but only 1 is present$/);
  });

  test("a socket that is none of the package's", async () => {
    const values = [undefined, null, 1, "socket", {}, () => {}, Symbol("s"), new EventTarget(), Object.create(udp()), Object.create(TCPSocket.prototype), Promise.resolve()];
    for (const value of values) {
      await expectTypeError(once(value, "message"), /^once\(\): socket must be a TCPSocket, a TCPServerSocket, a UDPSocket, a UnixSocket or a UnixServerSocket, not /);
    }
    await expectTypeError(once(new Proxy({}, { get() { throw new Error("mine"); } }), "message"), /not an object$/);
  });

  test("a socket of another copy of the package is named as such", async () => {
    let copy;
    jest.isolateModules(() => {
      copy = require("../..");
    });
    const theirs = new copy.UDPSocket({ localAddress: "127.0.0.1" });
    await expectTypeError(once(theirs, "message"), /not one of another copy of this package, whose once\(\) takes it$/);
    const wait = copy.once(theirs, "message");
    theirs.send("x", "127.0.0.1", theirs.localPort);
    expect(text((await wait).data)).toBe("x");
    theirs.close();
  });

  test.each([
    ["mesage", "message"], ["Message", "message"], ["onmessage", "message"], ["data", "message"], ["connect", "open"],
    ["end", "halfclose"], ["halfClose", "halfclose"], ["ondata", "message"], ["onSecureConnect", "open"], ["opened", "open"], ["closed", "close"],
  ])("an unknown type of a TCPSocket: %s, meant as %s", async (type, meant) => {
    const socket = tcp("127.0.0.1", await refusedPort());
    socket.onerror = () => {};
    const known = '"close", "drain", "error", "halfclose", "message", "open"';
    const error = await failed(once(socket, type));
    expect(error.message).toBe(`once(): type must be one of ${known} for a TCPSocket, not "${type}"; did you mean "${meant}"?`);
    expect(error.name).toBe("TypeError");
  });

  test("an unknown type of the others, and what nobody can have meant", async () => {
    await expectTypeError(once(udp(), "close"), /^once\(\): type must be one of "drain", "error", "message" for a UDPSocket, not "close"$/);
    await expectTypeError(once(udp(), "open"), /not "open"$/);
    await expectTypeError(once(tcpServer(), "connection"), /^once\(\): type must be one of "connect", "error" for a TCPServerSocket, not "connection"; did you mean "connect"\?$/);
    await expectTypeError(once(tcpServer(), "close"), /not "close"$/);
    await expectTypeError(once(udp(), ""), /not ""$/);
    await expectTypeError(once(udp(), "toString"), /not "toString"$/);
    await expectTypeError(once(udp(), Symbol("message")), /^type is a Symbol/);
    const { message } = await failed(once(udp(), "x".repeat(1 << 20)));
    expect(message.length).toBeLessThan(300);
  });

  test("a type is converted once, after the socket and before the options", async () => {
    const order = [];
    const type = { toString: () => (order.push("type"), "message") };
    const options = { get signal() { order.push("signal"); return undefined; } };
    const socket = udp();
    const wait = once(socket, type, options);
    expect(order).toEqual(["type", "signal"]);
    socket.send("x", "127.0.0.1", socket.localPort);
    await wait;
    const mine = new Error("mine");
    expect(await failed(once(socket, { toString() { throw mine; } }))).toBe(mine);
    expect(await failed(once(socket, "message", { get signal() { throw mine; } }))).toBe(mine);
  });

  test("options that are none, and a signal that is none", async () => {
    const socket = udp();
    for (const options of [1, "x", true, Symbol("o")]) await expectTypeError(once(socket, "message", options), /^options must be an object/);
    for (const signal of [null, 1, {}, new AbortController(), new EventTarget()]) {
      await expectTypeError(once(socket, "message", { signal }), /^options\.signal must be an AbortSignal/);
    }
    expect(getEventListeners(socket, "message")).toEqual([]);
    for (const options of [undefined, null, {}, () => {}, { signal: undefined }, { once: false, passive: 1 }]) {
      const wait = once(socket, "message", options);
      socket.send("x", "127.0.0.1", socket.localPort);
      await wait;
    }
  });

  test("a signal aborted already rejects with its reason, before anything about the socket, and adds nothing", async () => {
    const { socket } = await tcpPair();
    const reason = { any: "thing" };
    const signal = AbortSignal.abort(reason);
    expect(await failed(once(socket, "message", { signal }))).toBe(reason);
    expect(await failed(once(socket, "open", { signal }))).toBe(reason);
    expect(getEventListeners(socket, "message")).toEqual([]);
    expect(await failed(once(socket, "message", { signal: AbortSignal.abort() }))).toMatchObject({ name: "AbortError", code: 20 });
  });

  test("a duck-typed signal that throws leaves nothing behind", async () => {
    const socket = udp();
    const mine = new Error("mine");
    const signal = {
      aborted: false,
      reason: mine,
      [Symbol.toStringTag]: "AbortSignal",
      addEventListener() {
        throw mine;
      },
      removeEventListener() {},
    };
    const error = await failed(once(socket, "message", { signal }));
    expect([error, error.cause]).toContain(mine);
    // One that is aborted by being listened to.
    const sly = {
      ...signal,
      addEventListener() {
        sly.aborted = true;
      },
    };
    expect(await failed(once(socket, "message", { signal: sly }))).toBe(mine);
    expect(getEventListeners(socket, "message")).toEqual([]);
    const log = record(socket, ["message"]);
    socket.send("x", "127.0.0.1", socket.localPort);
    await log.until("message");
  });
});
