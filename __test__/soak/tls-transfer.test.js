"use strict";

// Bytes are decrypted on another thread while earlier ones are copied into the blocks of a large read. Whatever the order of the two, the
// bytes that arrive are those that were sent. The race needs many transfers: about one in 200 was corrupted by a fault of this kind.

const { collect, pattern, sha256, sleep } = { ...require("../helpers"), ...require("../helpers/cleanup") };
const { authority } = require("../helpers/certificates");
const { secureBoth } = require("../helpers/tls");

const BYTES = 8 * 1024 * 1024;
const TRANSFERS = 600;

test(`${TRANSFERS} transfers over TLS to a receiver that begins late arrive whole`, async () => {
  const { ca, server: identity } = authority();
  const ends = { server: { cert: identity.cert, key: identity.key }, client: { ca: ca.cert }, clientOptions: { sendBufferSize: 64 * 1024 } };
  const sent = pattern(BYTES);
  const digest = sha256(sent);
  for (let i = 0; i < TRANSFERS; i++) {
    const { server, client, accepted } = await secureBoth(ends);
    server.close();
    client.send(sent);
    client.close();
    await sleep((i % 30) * 5);
    const inbox = collect(accepted);
    await inbox.until(BYTES, 60_000);
    expect(inbox.sha256()).toBe(digest);
    accepted.close();
  }
});
