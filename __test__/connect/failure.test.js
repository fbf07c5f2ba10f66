"use strict";

const { connect } = require("../..");
const { expectIsDOMException, track } = require("../helpers");
const { blackHoleTest, places, refusingPort } = require("../helpers/black-hole");

/** What a promise rejects with. */
const rejection = (promise) => promise.then((value) => Promise.reject(new Error(`fulfilled with ${String(value)}`)), (reason) => reason);
const gives = (...addresses) => async () => addresses;

describe("a connect() that fails rejects with one exception (R-connect)", () => {
  test("it names the host, and has the code of the attempt that failed last and all of them as its cause", async () => {
    const port = await refusingPort();
    const error = await rejection(connect("three.test", port, { lookup: gives("127.0.0.3", "::1", "127.0.0.2") }));
    expectIsDOMException(error, "NetworkError", "ECONNREFUSED");
    expect(error).toMatchObject({ syscall: "connect", address: "127.0.0.2", port });
    expect(error.message).toContain(`three.test:${port}`);
    expect(error.message).toContain("127.0.0.3");
    expect(error.cause.name).toBe("AggregateError");
    const { errors } = error.cause;
    expect(errors.map(({ address }) => address)).toEqual(["127.0.0.3", "::1", "127.0.0.2"]);
    for (const one of errors) {
      expectIsDOMException(one, "NetworkError");
      expect(one).toMatchObject({ syscall: "connect", port });
      expect(one.message).toContain(one.address);
    }
  });

  test("one attempt is told in the same way", async () => {
    const port = await refusingPort();
    const error = await rejection(connect("127.0.0.1", port));
    expectIsDOMException(error, "NetworkError", "ECONNREFUSED");
    expect(error.message).toContain(`127.0.0.1:${port}: connection refused (ECONNREFUSED)`);
    expect(error.cause.errors.map(({ code }) => code)).toEqual(["ECONNREFUSED"]);
    const named = await rejection(connect("one.test", port, { lookup: gives("127.0.0.1") }));
    expect(named.message).toContain(`one.test:${port} (127.0.0.1): connection refused`);
  });

  test("of many addresses the message tells some, the cause all", async () => {
    const port = await refusingPort();
    const addresses = Array.from({ length: 30 }, (_, n) => `127.0.1.${n + 1}`);
    const error = await rejection(connect("many.test", port, { lookup: gives(...addresses) }));
    expect(error.cause.errors.map(({ address }) => address)).toEqual(addresses);
    expect(error.message).toContain("and 26 more");
  });

  blackHoleTest("the last to fail is so in time, the list in the order of the attempts", async () => {
    const at = await places({ "127.0.0.2": "silent" });
    // 127.0.0.1 is refused long before the first attempt has failed.
    const lookup = gives("127.0.0.2", "127.0.0.1");
    const error = await rejection(connect("late.test", at.port, { lookup, attemptDelay: 10, connectTimeout: 300 }));
    expect(error).toMatchObject({ code: "ETIMEDOUT", address: "127.0.0.2" });
    expect(error.cause.errors.map(({ code }) => code)).toEqual(["ETIMEDOUT", "ECONNREFUSED"]);
  });

  test("an address that the system cannot reach at all fails like any other", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    // No datagram protocol or route takes these: connect(2) itself fails.
    const lookup = gives("255.255.255.255", "240.0.0.1", "127.0.0.1");
    const socket = track(await connect("any.test", at.port, { lookup, attemptDelay: 100 }));
    expect(socket.remoteAddress).toBe("127.0.0.1");
  });

  test("a local address that cannot be had is InvalidAccessError, as for new TCPSocket()", async () => {
    const error = await rejection(connect("127.0.0.1", 9, { localAddress: "192.0.2.1" }));
    expectIsDOMException(error, "InvalidAccessError", "EADDRNOTAVAIL");
    expect(error).toMatchObject({ syscall: "bind", address: "192.0.2.1" });
  });

  test("a local port in use is InvalidAccessError", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const error = await rejection(connect("127.0.0.1", at.port, { localAddress: "127.0.0.1", localPort: at.port }));
    expectIsDOMException(error, "InvalidAccessError", "EADDRINUSE");
  });

  test("a filter that leaves nothing is ENOTFOUND, for a literal too", async () => {
    const lookup = gives("127.0.0.1", "127.0.0.2");
    for (const [host, options] of [
      ["127.0.0.1", { dnsQueryType: "ipv6" }],
      ["::ffff:127.0.0.1", { dnsQueryType: "ipv6" }],
      ["::1", { dnsQueryType: "ipv4" }],
      ["[::1]", { localAddress: "127.0.0.1" }],
      ["127.0.0.1", { localAddress: "::1" }],
      ["any.test", { lookup, dnsQueryType: "ipv6" }],
      ["any.test", { lookup, localAddress: "::1" }],
      ["any.test", { lookup, localAddress: "::1", dnsQueryType: "ipv4" }],
      // Nobody has to be asked.
      ["localhost", { localAddress: "127.0.0.1", dnsQueryType: "ipv6" }],
    ]) {
      const error = await rejection(connect(host, 9, options));
      expectIsDOMException(error, "NetworkError", "ENOTFOUND");
      expect(error.message).toContain(host.replace(/^\[|\]$|^::ffff:/g, ""));
    }
  });
});

describe("allowAddress decides about each attempt (R-connect)", () => {
  test("what it refuses is not connected to, and the next address comes at once", async () => {
    const at = await places({ "127.0.0.1": "answers", "127.0.0.2": "answers" });
    const lookup = gives("127.0.0.1", "127.0.0.2");
    const allowAddress = (address) => address !== "127.0.0.1";
    const socket = track(await connect("any.test", at.port, { lookup, allowAddress, attemptDelay: 600_000 }));
    expect(socket.remoteAddress).toBe("127.0.0.2");
    await at["127.0.0.2"].next();
    expect(at["127.0.0.1"].waiting).toBe(0);
  });

  test("none allowed is ERR_ADDRESS_BLOCKED, for a literal too", async () => {
    for (const [host, lookup] of [["127.0.0.1"], ["::1"], ["any.test", gives("127.0.0.1", "::1")]]) {
      const asked = [];
      const error = await rejection(connect(host, 9, { lookup, allowAddress: (address) => void asked.push(address) }));
      expectIsDOMException(error, "NetworkError", "ERR_ADDRESS_BLOCKED");
      expect(error.message).toContain(host);
      expect(error.cause.errors.map(({ code, address }) => [code, address])).toEqual(
        asked.map((address) => ["ERR_ADDRESS_BLOCKED", address]),
      );
    }
  });

  test("where some are refused by it and some by their hosts, the code is that of an attempt", async () => {
    const port = await refusingPort();
    const lookup = gives("127.0.0.1", "127.0.0.2");
    const error = await rejection(connect("any.test", port, { lookup, allowAddress: (address) => address === "127.0.0.1" }));
    expect(error.code).toBe("ECONNREFUSED");
    expect(error.cause.errors.map(({ code }) => code)).toEqual(["ECONNREFUSED", "ERR_ADDRESS_BLOCKED"]);
  });

  test("it is asked for exactly what is connected to, in canonical form", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    for (const host of ["127.0.0.1", "::ffff:127.0.0.1", "[::ffff:7f00:1]", "0.0.0.0", "::ffff:0.0.0.0"]) {
      const asked = [];
      const socket = track(await connect(host, at.port, { allowAddress: (address) => asked.push(address) > 0 }));
      expect(asked).toEqual(["127.0.0.1"]);
      expect(socket.remoteAddress).toBe("127.0.0.1");
    }
    const asked = [];
    const lookup = gives("2001:DB8:0:0::1", "::");
    await rejection(connect("any.test", at.port, { lookup, allowAddress: (address) => asked.push(address) < 0 }));
    expect(asked).toEqual(["2001:db8::1", "::1"]);
  });

  test("what it throws is what connect() rejects with", async () => {
    const thrown = { any: "value" };
    const allowAddress = () => {
      throw thrown;
    };
    expect(await rejection(connect("127.0.0.1", 9, { allowAddress }))).toBe(thrown);
  });

  blackHoleTest("what it throws ends the attempts that are under way", async () => {
    const at = await places({ "127.0.0.2": "silent" });
    const thrown = new Error("enough");
    const allowAddress = (address) => {
      if (address === "127.0.0.3") {
        throw thrown;
      }
      return true;
    };
    const lookup = gives("127.0.0.2", "127.0.0.3", "127.0.0.4");
    expect(await rejection(connect("any.test", at.port, { lookup, allowAddress, attemptDelay: 10 }))).toBe(thrown);
  });

  test("a promise is no answer, and lets nobody through", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    for (const allowAddress of [async () => true, async () => false, () => ({ then() {} })]) {
      expect((await rejection(connect("127.0.0.1", at.port, { allowAddress }))).name).toBe("TypeError");
    }
    expect(at["127.0.0.1"].waiting).toBe(0);
  });
});

describe("connectTimeout runs from the call (R-connect)", () => {
  test("it covers the look-up", async () => {
    const error = await rejection(connect("slow.test", 9, { lookup: () => new Promise(() => {}), connectTimeout: 20 }));
    expectIsDOMException(error, "NetworkError", "ETIMEDOUT");
    expect(error.message).toContain("slow.test");
  });

  blackHoleTest("it covers all attempts, and lists those that it ends", async () => {
    const at = await places({ "127.0.0.2": "silent", "127.0.0.3": "silent" });
    const lookup = gives("127.0.0.1", "127.0.0.2", "127.0.0.3");
    const start = performance.now();
    const error = await rejection(connect("slow.test", at.port, { lookup, attemptDelay: 10, connectTimeout: 200 }));
    expect(performance.now() - start).toBeGreaterThan(195);
    expectIsDOMException(error, "NetworkError", "ETIMEDOUT");
    expect(error.message).toContain("slow.test");
    expect(error.cause.errors.map(({ code, address }) => [code, address])).toEqual([
      ["ECONNREFUSED", "127.0.0.1"],
      ["ETIMEDOUT", "127.0.0.2"],
      ["ETIMEDOUT", "127.0.0.3"],
    ]);
  });

  test("0 is none, and it does not touch the socket once that is open", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const unlimited = track(await connect("127.0.0.1", at.port, { connectTimeout: 0 }));
    const socket = track(await connect("127.0.0.1", at.port, { connectTimeout: 30 }));
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect([unlimited.readyState, socket.readyState]).toEqual(["open", "open"]);
  });
});
