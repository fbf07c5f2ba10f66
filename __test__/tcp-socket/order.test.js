"use strict";

const { families, once, collect, pattern, sha256, turn } = require("../helpers");

const PATIENT = 20_000;

test.each(families)("$name: bytes of every kind leave in the order of the send() calls (R-tcp-order)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const expected = [];
  for (let i = 0; i < 300; i++) {
    const bytes = pattern((i * 977) % 9000, i + 1);
    const hex = Buffer.from(bytes).toString("hex");
    const kinds = [
      [bytes, bytes],
      [bytes.slice().buffer, bytes],
      [hex, Buffer.from(hex)],
      [new Blob([bytes]), bytes],
      [new DataView(bytes.buffer, 0), bytes],
    ];
    const [data, raw] = kinds[i % kinds.length];
    expected.push(raw);
    socket.send(data);
    if (i % 50 === 0) {
      await turn();
    }
  }
  const total = expected.reduce((sum, raw) => sum + raw.length, 0);
  await inbox.until(total, PATIENT);
  expect(inbox.length).toBe(total);
  expect(inbox.sha256()).toBe(sha256(expected));
}, PATIENT);

test.each(families)("$name: 100,000 small sends of one turn arrive in order (R-tcp-order)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  let expected = "";
  for (let i = 0; i < 100_000; i++) {
    const line = `${i}\n`;
    expected += line;
    socket.send(line);
  }
  await inbox.until(expected.length, PATIENT);
  expect(inbox.text() === expected).toBe(true);
}, PATIENT);

test.each(families)("$name: small and large sends mixed arrive in order (R-tcp-order)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const expected = [];
  for (let i = 0; i < 100; i++) {
    for (const size of [1, 200_000, 7, 65_536, 0, 65_537]) {
      const bytes = pattern(size, i * 10 + size + 1);
      expected.push(bytes);
      socket.send(bytes);
    }
    if (socket.bufferedAmount > 8_000_000) {
      await once(socket, "drain");
    }
  }
  const total = expected.reduce((sum, bytes) => sum + bytes.length, 0);
  await inbox.until(total, PATIENT);
  expect(inbox.sha256()).toBe(sha256(expected));
}, PATIENT);

test.each(families)("$name: what a handler sends comes behind what was sent before it (R-tcp-order)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  socket.onmessage = () => socket.send("b");
  socket.send("a");
  peer.write("go");
  await inbox.until(2);
  expect(inbox.text()).toBe("ab");
});

test.each(families)("$name: sends from the connect handler, before any listener, arrive (R-srv-connect, R-tcp-order)", async ({ acceptedPair }) => {
  const { socket, peer } = await acceptedPair();
  const inbox = collect(peer);
  socket.send("welcome,");
  socket.send("friend");
  await inbox.until(14);
  expect(inbox.text()).toBe("welcome,friend");
});

test.each(families)("$name: two sockets sending in turn do not mix (R-tcp-order)", async ({ pair }) => {
  const pairs = [await pair(), await pair()];
  const inboxes = pairs.map(({ peer }) => collect(peer));
  for (let i = 0; i < 5000; i++) {
    pairs.forEach(({ socket }, which) => socket.send(`${which}:${i};`));
  }
  const expected = [0, 1].map((which) => Array.from({ length: 5000 }, (_, i) => `${which}:${i};`).join(""));
  await Promise.all(inboxes.map((inbox, which) => inbox.until(expected[which].length)));
  expect(inboxes[0].text() === expected[0]).toBe(true);
  expect(inboxes[1].text() === expected[1]).toBe(true);
});

test.each(families)("$name: bytes come in the order in which the peer wrote them (draft: message received)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(socket);
  let expected = "";
  for (let i = 0; i < 5000; i++) {
    expected += `${i}\n`;
    peer.write(`${i}\n`);
    if (i % 100 === 0) {
      await turn();
    }
  }
  await inbox.until(expected.length);
  expect(inbox.text() === expected).toBe(true);
});
