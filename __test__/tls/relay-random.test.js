"use strict";

// relay() under random operations, plain and with TLS: nothing is lost, mixed up or told twice.

const { randomInt } = require("node:crypto");
const { ROOT, tcpPair, collect, eventually, sleep } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { generator } = require("../helpers/random");
const { securePair } = require("../helpers/tls");

const { relay } = require(ROOT);

jest.setTimeout(30_000);

const { ca, server: identity } = authority();
const open = { peer: { allowHalfOpen: true } };
const ROUNDS = 25;

/** One relay, and what may happen to it. Returns what was done, for the message of a failure. */
async function play(random) {
  const sides = [];
  for (let i = 0; i < 2; i++) {
    const isSecure = random(4) === 0;
    sides.push({ isSecure, ...(await (isSecure ? securePair({ identity, secureTransport: { ca: ca.cert }, ...open }) : tcpPair(open))) });
  }
  const done = sides.map(({ isSecure }) => (isSecure ? "TLS" : "plain"));
  const closes = [0, 0];
  const own = [[], []];
  const sent = [[], []];
  let serial = 0;
  const bytes = () => Buffer.alloc(1 + (random(3) === 0 ? random(400_000) : random(2000)), `${(serial += 1)}, `);
  const write = (side) => {
    if (sides[side].peer.writable) {
      const data = bytes();
      sides[side].peer.write(data);
      sent[side].push(data);
    }
  };
  sides.forEach(({ socket }, side) => {
    socket.addEventListener("close", () => {
      closes[side] += 1;
    });
    if (random(2) === 0) {
      const data = bytes();
      socket.send(data);
      own[side].push(data);
    }
  });
  if (random(2) === 0) {
    write(0);
    write(1);
    await sleep(random(5));
  }
  const inboxes = sides.map(({ peer }) => collect(peer));
  if (random(3) === 0) {
    sides[0].peer.pause();
    setTimeout(() => sides[0].peer.resume(), random(50));
  }
  const outcome = relay(sides[0].socket, sides[1].socket).then(
    (counts) => ({ counts }),
    (error) => ({ error }),
  );
  let isCut = false;
  const cuts = ["destroy", "reset", "close", "reset the peer"];
  for (let left = random(20); left > 0; left--) {
    const dice = random(25);
    if (dice < 20) {
      write(random(2));
    } else if (dice < 23) {
      await sleep(random(10));
    } else if (dice === 24) {
      const { socket, peer, isSecure } = sides[random(2)];
      const cut = cuts[random(4)];
      isCut = true;
      done.push(cut);
      if (cut === "reset") socket.reset();
      else if (cut === "close") socket.close();
      else if (cut === "destroy" || isSecure) peer.destroy();
      else peer.resetAndDestroy();
    }
  }
  // A node:tls peer that ends right after its handshake says nothing of it (before Node 26).
  await Promise.all(sides.filter(({ isSecure }) => isSecure).map(() => sleep(20)));
  write(0);
  write(1);
  await Promise.all(sides.filter(({ isSecure }) => isSecure).map(() => sleep(20)));
  sides.forEach(({ peer }) => peer.end());
  const { counts, error } = await outcome;
  // The lingering of a close() is over after 2 s.
  await eventually(() => closes[0] === 1 && closes[1] === 1, `both to close once: ${closes}; ${done}`, 8000);
  expect(sides.map(({ socket }) => socket.readyState)).toEqual(["closed", "closed"]);
  const wanted = [0, 1].map((side) => Buffer.concat([...own[side], ...sent[1 - side]]));
  if (isCut) {
    inboxes.forEach((inbox, side) => {
      expect(wanted[side].subarray(0, inbox.length).equals(inbox.bytes())).toBe(true);
    });
  } else {
    expect([error, done]).toEqual([undefined, done]);
    await Promise.all(inboxes.map((inbox) => inbox.end()));
    inboxes.forEach((inbox, side) => expect(inbox.bytes().equals(wanted[side])).toBe(true));
    const passed = sent.map((all) => Buffer.concat(all).length);
    expect(counts).toEqual({ bytesToA: passed[1], bytesToB: passed[0] });
  }
  sides.forEach(({ peer }) => peer.destroy());
}

const seed = randomInt(2 ** 31);

test.each([0, 1, 2, 3])(`random operations on relays (R-relay; seed ${seed} + %d)`, async (offset) => {
  const random = generator(seed + offset);
  for (let round = 0; round < ROUNDS; round++) {
    await play(random);
  }
});
