"use strict";

const { families, once, record, collect, settle, eventually } = require("../helpers");

const MIB = 1024 * 1024;

test.each(families)("$name: drain fires once after send() returned false, and bufferedAmount reads 0 in it (R-tcp-drain)", async ({ pair }) => {
  const { socket, peer } = await pair();
  collect(peer);
  const log = record(socket, ["drain"]);
  expect(socket.send(new Uint8Array(MIB))).toBe(false);
  const { event, bufferedAmount, readyState } = await log.until("drain");
  expect(bufferedAmount).toBe(0);
  expect(readyState).toBe("open");
  expect(event).toBeInstanceOf(Event);
  expect(event.bubbles).toBe(false);
  expect(event.cancelable).toBe(false);
  await settle();
  expect(log.types).toEqual(["drain"]);
});

test.each(families)("$name: drain never fires after sends that all returned true (R-tcp-drain)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const log = record(socket, ["drain"]);
  for (let round = 1; round <= 10; round++) {
    expect(socket.send(new Uint8Array(60_000))).toBe(true);
    await inbox.until(round * 60_000);
    await eventually(() => socket.bufferedAmount === 0);
  }
  await settle();
  expect(log.types).toEqual([]);
});

test.each(families)("$name: several sends that returned false have one drain together (R-tcp-drain)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const log = record(socket, ["drain"]);
  for (let i = 0; i < 5; i++) {
    expect(socket.send(new Uint8Array(100_000))).toBe(false);
  }
  await log.until("drain");
  await inbox.until(500_000);
  await settle();
  expect(log.types).toEqual(["drain"]);
});

test.each(families)("$name: an empty payload that returns true does not take the owed drain away (R-tcp-drain)", async ({ pair }) => {
  const { socket } = await pair({ options: { highWaterMark: 2 } });
  expect(socket.send("abc")).toBe(false);
  expect(socket.send("")).toBe(true);
  await once(socket, "drain");
});

test.each(families)("$name: each further false has its own drain (R-tcp-drain)", async ({ pair }) => {
  const { socket, peer } = await pair({ options: { highWaterMark: 0 } });
  collect(peer);
  const log = record(socket, ["drain"]);
  for (let round = 1; round <= 5; round++) {
    expect(socket.send("x")).toBe(false);
    await log.atLeast(round, "drain");
  }
  await settle();
  expect(log.count("drain")).toBe(5);
});

test.each(families)("$name: a send() in the drain handler that returns false again has a drain of its own (R-tcp-drain)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  let rounds = 0;
  const done = new Promise((resolve) => {
    socket.ondrain = () => {
      expect(socket.bufferedAmount).toBe(0);
      rounds += 1;
      if (rounds === 20) {
        resolve();
      } else {
        expect(socket.send(new Uint8Array(200_000))).toBe(false);
      }
    };
  });
  socket.send(new Uint8Array(200_000));
  await done;
  await inbox.until(20 * 200_000);
  await settle();
  expect(rounds).toBe(20);
});

test.each(families)("$name: drain waits while data is buffered, however little (R-tcp-drain)", async ({ pair }) => {
  const { socket, peer } = await pair();
  peer.pause();
  const log = record(socket, ["drain"]);
  // More than loopback's two buffers hold: some of it has to wait for the peer to read.
  socket.send(new Uint8Array(32 * MIB));
  await eventually(() => socket.bufferedAmount < 32 * MIB, "the first bytes to leave");
  await settle(100);
  expect(socket.bufferedAmount).toBeGreaterThan(0);
  expect(log.types).toEqual([]);
  collect(peer);
  const { bufferedAmount } = await log.until("drain", 15_000);
  expect(bufferedAmount).toBe(0);
});

test.each(families)("$name: drain is no part of the send() call, nor of its microtasks (R-task)", async ({ pair }) => {
  const { socket, peer } = await pair({ options: { highWaterMark: 0 } });
  collect(peer);
  const log = record(socket, ["drain"]);
  socket.send("x");
  expect(log.types).toEqual([]);
  for (let i = 0; i < 50; i++) {
    await null;
  }
  expect(log.types).toEqual([]);
  await log.until("drain");
});

test.each(families)("$name: a send() that makes bufferedAmount rise again before drain is told puts the drain off (R-tcp-drain: reads 0)", async ({ pair }) => {
  const { socket, peer } = await pair({ options: { highWaterMark: 0 } });
  collect(peer);
  const seen = [];
  socket.ondrain = () => seen.push(socket.bufferedAmount);
  for (let i = 0; i < 200; i++) {
    socket.send("x");
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  await eventually(() => socket.bufferedAmount === 0);
  await settle();
  expect(seen.length).toBeGreaterThan(0);
  expect(new Set(seen)).toEqual(new Set([0]));
});

test.each(families)("$name: drain still fires while halfclosed (R-tcp-drain)", async ({ pair }) => {
  const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
  collect(peer);
  const log = record(socket, ["drain"]);
  expect(socket.send(new Uint8Array(MIB))).toBe(false);
  socket.halfclose();
  const { readyState, bufferedAmount } = await log.until("drain");
  expect(readyState).toBe("halfclosed");
  expect(bufferedAmount).toBe(0);
});

test.each(families)("$name: drain still fires while closing, before close (R-tcp-drain)", async ({ pair }) => {
  const { socket, peer } = await pair();
  collect(peer);
  const log = record(socket, ["drain", "close", "error"]);
  expect(socket.send(new Uint8Array(MIB))).toBe(false);
  socket.close();
  await log.until("close");
  expect(log.types).toEqual(["drain", "close"]);
  expect(log.entries[0].readyState).toBe("closing");
  expect(log.entries[0].bufferedAmount).toBe(0);
});

test.each(families)("$name: no drain fires after reset(), though one was owed (R-reset)", async ({ pair }) => {
  const { socket } = await pair();
  const log = record(socket, ["drain", "close"]);
  socket.send(new Uint8Array(MIB));
  socket.reset();
  await log.until("close");
  await settle();
  expect(log.types).toEqual(["close"]);
});

test.each(families)("$name: suspend() does not hold drain (R-tcp-suspend)", async ({ pair }) => {
  const { socket, peer } = await pair();
  collect(peer);
  socket.suspend();
  socket.send(new Uint8Array(MIB));
  await once(socket, "drain");
});

test.each(families)("$name: the hint is meant: sending only until false keeps bufferedAmount bounded (draft send())", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const chunk = new Uint8Array(20_000);
  const total = 10 * MIB;
  let sent = 0;
  let most = 0;
  function pump() {
    while (sent < total) {
      sent += chunk.length;
      const more = socket.send(chunk);
      most = Math.max(most, socket.bufferedAmount);
      if (!more) {
        return;
      }
    }
  }
  socket.ondrain = pump;
  pump();
  await inbox.until(total);
  expect(most).toBeLessThanOrEqual(65_536 + chunk.length);
});
