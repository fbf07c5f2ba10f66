"use strict";

const dns = require("node:dns/promises");
const { connect } = require("../..");
const { expectIsDOMException, settle, track } = require("../helpers");
const { places } = require("../helpers/black-hole");

const rejection = (promise) => promise.then((value) => Promise.reject(new Error(`fulfilled with ${String(value)}`)), (reason) => reason);

describe("the option lookup stands in for the system's resolver (R-connect)", () => {
  test("it is asked once, with the host, and not for literals", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const asked = [];
    function lookup(...args) {
      asked.push([this, ...args]);
      return Promise.resolve(["127.0.0.1"]);
    }
    for (const host of ["any.test", "Any.TEST.", "127.0.0.1", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]"]) {
      track(await connect(host, at.port, { lookup }));
    }
    expect(asked).toEqual([[undefined, "any.test"], [undefined, "Any.TEST."]]);
  });

  test("a name beyond ASCII is given as the resolver would get it", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const asked = [];
    const lookup = async (host) => {
      asked.push(host);
      return ["127.0.0.1"];
    };
    track(await connect("bücher.test", at.port, { lookup }));
    // Full-width digits are an address after all.
    track(await connect("１２７.0.0.1", at.port, { lookup }));
    expect(asked).toEqual(["xn--bcher-kva.test"]);
  });

  test("any iterable of what converts to literals will do, and an answer that is no promise", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    for (const answer of [
      new Set(["127.0.0.1"]),
      (function* () {
        yield { toString: () => "127.0.0.1" };
      })(),
      { then: (resolve) => resolve(["127.0.0.1"]) },
      ["127.0.0.1", "127.0.0.1", "127.0.0.1"],
    ]) {
      const socket = track(await connect("any.test", at.port, { lookup: () => answer }));
      expect(socket.remoteAddress).toBe("127.0.0.1");
    }
  });

  test("what it rejects with, or throws, is the cause", async () => {
    const reason = Object.assign(new Error("the directory is down"), { code: "EDIRECTORY" });
    for (const lookup of [
      () => Promise.reject(reason),
      () => {
        throw reason;
      },
    ]) {
      const error = await rejection(connect("any.test", 9, { lookup }));
      expectIsDOMException(error, "NetworkError", "EDIRECTORY");
      expect(error.cause).toBe(reason);
      expect(error.message).toContain("any.test");
      expect(error.message).toContain("the directory is down");
    }
  });

  test("whatever it rejects with, connect() settles", async () => {
    const hostile = new Proxy({}, {
      get() {
        throw new RangeError("do not look");
      },
    });
    for (const reason of [undefined, null, 5, "a string", Symbol("s"), {}, Object.create(null), { code: 5, message: {} }]) {
      const error = await rejection(connect("any.test", 9, { lookup: () => Promise.reject(reason) }));
      expectIsDOMException(error, "NetworkError", "ENOTFOUND");
      expect(error.cause).toBe(reason);
    }
    expect((await rejection(connect("any.test", 9, { lookup: () => Promise.reject(hostile) }))).name).toBe("RangeError");
  });

  test("the codes of node:dns go through", async () => {
    const lookup = async (host) => (await dns.lookup(host, { all: true })).map(({ address }) => address);
    const at = await places({ "127.0.0.1": "answers" });
    const socket = track(await connect("localhost", at.port, { lookup }));
    expect(socket.remoteAddress).toBe("127.0.0.1");
  });

  test("nothing found is ENOTFOUND", async () => {
    const error = await rejection(connect("empty.test", 9, { lookup: async () => [] }));
    expectIsDOMException(error, "NetworkError", "ENOTFOUND");
    expect(error.message).toContain("empty.test");
  });

  test("what is no literal is InvalidAccessError, and nothing is connected to", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    for (const bad of ["localhost", "", "127.0.0.1:80", "[::1]", "127.1", " 127.0.0.1", { address: "127.0.0.1", family: 4 }, null, 5]) {
      const error = await rejection(connect("any.test", at.port, { lookup: async () => ["127.0.0.1", bad] }));
      expectIsDOMException(error, "InvalidAccessError");
    }
    await settle();
    expect(at["127.0.0.1"].waiting).toBe(0);
  });

  test("what is no sequence of strings is TypeError", async () => {
    for (const answer of [undefined, null, "127.0.0.1", 5, true, {}, { address: "127.0.0.1", family: 4 }, [Symbol("s")]]) {
      expect((await rejection(connect("any.test", 9, { lookup: async () => answer }))).name).toBe("TypeError");
    }
    const thrown = new Error("half way");
    const lookup = async () =>
      (function* () {
        yield "127.0.0.1";
        throw thrown;
      })();
    expect(await rejection(connect("any.test", 9, { lookup }))).toBe(thrown);
  });

  test("an answer after the end is of no use to anybody", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const late = {};
    const asked = [];
    const options = { connectTimeout: 10, allowAddress: (address) => asked.push(address) > 0 };
    const promises = ["resolve", "reject"].map((end) => {
      const lookup = () => new Promise((resolve, reject) => (late[end] = end === "resolve" ? resolve : reject));
      return rejection(connect("late.test", at.port, { ...options, lookup }));
    });
    for (const { code } of await Promise.all(promises)) {
      expect(code).toBe("ETIMEDOUT");
    }
    late.resolve(["127.0.0.1"]);
    late.reject(new Error("nobody cares"));
    await settle();
    expect(asked).toEqual([]);
    expect(at["127.0.0.1"].waiting).toBe(0);
  });

  test("it may call connect() itself", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const lookup = async () => {
      const inner = track(await connect("127.0.0.1", at.port));
      return [inner.remoteAddress];
    };
    expect(track(await connect("any.test", at.port, { lookup })).readyState).toBe("open");
  });
});

describe("the system's resolver (R-connect)", () => {
  test("localhost is found, with each filter that it has an address for", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    expect(track(await connect("localhost", at.port)).remoteAddress).toBe("127.0.0.1");
    expect(track(await connect("LOCALHOST", at.port, { dnsQueryType: "ipv4" })).remoteAddress).toBe("127.0.0.1");
    expect(track(await connect("localhost", at.port, { localAddress: "127.0.0.1" })).remoteAddress).toBe("127.0.0.1");
  });

  test("a name that is none is ENOTFOUND, of getaddrinfo", async () => {
    // No label is this long, so no name server is asked.
    const host = `${"x".repeat(64)}.test`;
    const error = await rejection(connect(host, 9));
    expectIsDOMException(error, "NetworkError", "ENOTFOUND");
    expect(error.syscall).toBe("getaddrinfo");
    expect(error.message).toContain(host);
  });

  test("many at once are all answered", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const sockets = await Promise.all(Array.from({ length: 300 }, () => connect("localhost", at.port)));
    sockets.forEach(track);
    expect(new Set(sockets.map(({ localPort }) => localPort)).size).toBe(300);
  });
});
