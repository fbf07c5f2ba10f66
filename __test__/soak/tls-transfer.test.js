"use strict";

// Bytes are decrypted on another thread while earlier ones are copied into the blocks of a large read. Whatever the order of the two, the
// bytes that arrive are those that were sent. The race needs many transfers: about one in 200 was corrupted by a fault of this kind.

const { TCPServerSocket, TCPSocket } = require("../..");
const { collect, once, pattern, sha256, sleep, track } = { ...require("../helpers"), ...require("../helpers/cleanup") };
const { authority } = require("../helpers/certificates");

const BYTES = 8 * 1024 * 1024;
const TRANSFERS = 600;

test(`${TRANSFERS} transfers over TLS to a receiver that begins late arrive whole`, async () => {
  const { ca, server: identity } = authority();
  const secureTransport = { cert: identity.cert, key: identity.key };
  const server = track(new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport }));
  const sent = pattern(BYTES);
  const digest = sha256(sent);
  for (let i = 0; i < TRANSFERS; i++) {
    const connect = once(server, "connect");
    const client = track(new TCPSocket("127.0.0.1", server.localPort, { secureTransport: { ca: ca.cert }, sendBufferSize: 64 * 1024 }));
    await once(client, "open");
    const accepted = track((await connect).connectedSocket);
    client.send(sent);
    client.close();
    await sleep((i % 30) * 5);
    const inbox = collect(accepted);
    await inbox.until(BYTES, 60_000);
    expect(inbox.sha256()).toBe(digest);
    accepted.close();
  }
});
