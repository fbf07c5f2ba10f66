"use strict";

const { connect } = require("../..");
const { eventually, hasIPv6, listen, once, settle, sleep, track } = require("../helpers");
const { blackHoleTest, places, refusingPort } = require("../helpers/black-hole");

/** A look-up that gives these addresses. */
const gives = (...addresses) => async () => addresses;

/** The attempts of a connect() that is told of each: the addresses and when they were asked for, in order. */
function watched() {
  const attempts = [];
  const times = [];
  return {
    attempts,
    times,
    allowAddress(address) {
      attempts.push(address);
      times.push(performance.now());
      return true;
    },
  };
}

describe("connect() races addresses (R-connect)", () => {
  test("the first address that answers is the one", async () => {
    const at = await places({ "127.0.0.1": "answers", "127.0.0.2": "answers" });
    const socket = track(await connect("any.test", at.port, { lookup: gives("127.0.0.2", "127.0.0.1") }));
    expect(socket.remoteAddress).toBe("127.0.0.2");
    expect(socket.readyState).toBe("open");
    const peer = await at["127.0.0.2"].next();
    expect(peer.remotePort).toBe(socket.localPort);
    await settle();
    expect(at["127.0.0.1"].waiting).toBe(0);
  });

  test("where an attempt fails the next one starts at once", async () => {
    const at = await places({ "127.0.0.3": "answers" });
    const { attempts, allowAddress } = watched();
    const lookup = gives("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4");
    // Nobody would wait for these delays.
    const socket = track(await connect("any.test", at.port, { lookup, allowAddress, attemptDelay: 600_000 }));
    expect(socket.remoteAddress).toBe("127.0.0.3");
    expect(attempts).toEqual(["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
  });

  blackHoleTest("an attempt that gets no answer delays the next by attemptDelay, and wins no more once that has won", async () => {
    const at = await places({ "127.0.0.2": "silent", "127.0.0.1": "answers" });
    const { attempts, times, allowAddress } = watched();
    const lookup = gives("127.0.0.2", "127.0.0.1");
    const socket = track(await connect("any.test", at.port, { lookup, allowAddress, attemptDelay: 60 }));
    expect(socket.remoteAddress).toBe("127.0.0.1");
    expect(attempts).toEqual(["127.0.0.2", "127.0.0.1"]);
    // Never early, but for what two clocks differ.
    expect(times[1] - times[0]).toBeGreaterThan(58);
    // The loser is closed: its SYN is not sent again.
    at["127.0.0.2"].answer();
    await sleep(1500);
    expect(at["127.0.0.2"].connections).toEqual([]);
    expect(socket.readyState).toBe("open");
  });

  blackHoleTest("no attempt is cut off while it may still win", async () => {
    const at = await places({ "127.0.0.2": "silent", "127.0.0.3": "silent" });
    const { attempts, allowAddress } = watched();
    const lookup = gives("127.0.0.2", "127.0.0.3", "127.0.0.1");
    const promise = connect("any.test", at.port, { lookup, allowAddress, attemptDelay: 10 });
    // The last one has been refused, and nothing is left to be started.
    await eventually(() => attempts.length === 3);
    await settle();
    at["127.0.0.2"].answer();
    const socket = track(await promise);
    expect(socket.remoteAddress).toBe("127.0.0.2");
  });

  blackHoleTest("the failure of an earlier attempt does not shorten the delay of the newest", async () => {
    const at = await places({ "127.0.0.2": "silent", "127.0.0.3": "silent" });
    const { attempts, times, allowAddress } = watched();
    const lookup = gives("127.0.0.2", "127.0.0.3", "127.0.0.1");
    const controller = new AbortController();
    const { signal } = controller;
    const promise = connect("any.test", at.port, { lookup, allowAddress, attemptDelay: 700, signal });
    await eventually(() => attempts.length === 2);
    // Nobody listens there any more: the system's next SYN, a second after the first, is refused.
    at["127.0.0.2"].server.close();
    await eventually(() => attempts.length === 3, "the third attempt", 10_000);
    controller.abort("enough");
    await expect(promise).rejects.toBe("enough");
    expect(attempts).toEqual(["127.0.0.2", "127.0.0.3", "127.0.0.1"]);
    expect(times[2] - times[1]).toBeGreaterThan(690);
  });

  blackHoleTest("attemptDelay of less than 10 counts as 10", async () => {
    const at = await places({ "127.0.0.2": "silent", "127.0.0.1": "answers" });
    const { times, allowAddress } = watched();
    track(await connect("any.test", at.port, { lookup: gives("127.0.0.2", "127.0.0.1"), allowAddress, attemptDelay: 0 }));
    expect(times[1] - times[0]).toBeGreaterThan(8);
  });

  test("the families take turns, the first address's first; else the look-up's order is kept", async () => {
    const asked = [];
    const lookup = gives("::3", "::1", "127.0.0.9", "::2", "127.0.0.3", "::ffff:127.0.0.7");
    const allowAddress = (address) => {
      asked.push(address);
      return false;
    };
    await expect(connect("any.test", 9, { lookup, allowAddress })).rejects.toMatchObject({ code: "ERR_ADDRESS_BLOCKED" });
    expect(asked).toEqual(["::3", "127.0.0.9", "::1", "127.0.0.3", "::2", "127.0.0.7"]);
    asked.length = 0;
    const second = gives("127.0.0.2", "127.0.0.1", "::1");
    await expect(connect("any.test", 9, { lookup: second, allowAddress })).rejects.toMatchObject({ code: "ERR_ADDRESS_BLOCKED" });
    expect(asked).toEqual(["127.0.0.2", "::1", "127.0.0.1"]);
  });

  test("dnsQueryType and the family of localAddress filter the addresses", async () => {
    const lookup = gives("::1", "127.0.0.2", "::2", "127.0.0.1");
    for (const [options, expected] of [
      [{ dnsQueryType: "ipv4" }, ["127.0.0.2", "127.0.0.1"]],
      [{ dnsQueryType: "ipv6" }, ["::1", "::2"]],
      [{ localAddress: "127.0.0.1" }, ["127.0.0.2", "127.0.0.1"]],
      [{ localAddress: "::ffff:127.0.0.1" }, ["127.0.0.2", "127.0.0.1"]],
      [{ localAddress: "::1" }, ["::1", "::2"]],
      [{ localAddress: "::1", dnsQueryType: "ipv6" }, ["::1", "::2"]],
    ]) {
      const asked = [];
      const allowAddress = (address) => asked.push(address) < 0;
      await expect(connect("any.test", 9, { lookup, allowAddress, ...options })).rejects.toMatchObject({ code: "ERR_ADDRESS_BLOCKED" });
      expect(asked).toEqual(expected);
    }
  });

  (hasIPv6 ? blackHoleTest : test.skip)("a silent IPv6 costs no more than attemptDelay", async () => {
    const at = await places({ "::1": "silent", "127.0.0.1": "answers" });
    const socket = track(await connect("any.test", at.port, { lookup: gives("::1", "127.0.0.1"), attemptDelay: 10 }));
    expect(socket.remoteAddress).toBe("127.0.0.1");
  });

  blackHoleTest("losers fire no event and print no warning", async () => {
    const at = await places({ "127.0.0.2": "silent", "127.0.0.3": "silent", "127.0.0.1": "answers" });
    // A warning fails the test (helpers/jest-environment.js).
    const lookup = gives("127.0.0.4", "127.0.0.2", "127.0.0.3", "127.0.0.1");
    const socket = track(await connect("any.test", at.port, { lookup, attemptDelay: 10 }));
    const events = [];
    for (const type of ["open", "error", "close", "halfclose", "drain", "message"]) {
      socket.addEventListener(type, () => events.push(type));
    }
    await settle();
    expect(events).toEqual([]);
  });

  test("localAddress and localPort are those of every attempt", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const localPort = await refusingPort();
    const socket = track(await connect("127.0.0.1", at.port, { localAddress: "127.0.0.8", localPort }));
    expect([socket.localAddress, socket.localPort]).toEqual(["127.0.0.8", localPort]);
  });

  (hasIPv6 ? blackHoleTest : test.skip)("attempts from one local port do not stand in one another's way", async () => {
    const at = await places({ "127.0.0.2": "silent", "::1": "silent", "127.0.0.1": "answers" });
    const free = await listen();
    await free.close();
    const localPort = free.port;
    const { attempts, allowAddress } = watched();
    const lookup = gives("127.0.0.2", "::1", "127.0.0.3", "127.0.0.1");
    const socket = track(await connect("any.test", at.port, { lookup, allowAddress, localPort, attemptDelay: 10 }));
    expect([socket.remoteAddress, socket.localPort]).toEqual(["127.0.0.1", localPort]);
    expect(attempts).toEqual(["127.0.0.2", "::1", "127.0.0.3", "127.0.0.1"]);
  });

  test("what has come before listeners are added is not lost, and open does not fire", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const socket = track(await connect("127.0.0.1", at.port));
    let opened = false;
    socket.onopen = () => (opened = true);
    const peer = await at["127.0.0.1"].next();
    peer.end("all of it");
    await sleep(50);
    const { data } = await once(socket, "message");
    expect(Buffer.from(data).toString()).toBe("all of it");
    expect(opened).toBe(false);
  });
});
