"use strict";

// relay() joins Unix and TCP sockets in any mixture (R-relay, R-unix).

const { createHash, randomBytes } = require("node:crypto");
const { ROOT, acceptedPair, expectIsDOMException, once } = require("../helpers");
const { acceptedUnixPair, unixTest } = require("../helpers/unix");

const { relay } = require(ROOT);

jest.setTimeout(30_000);

/** What a node:net peer receives until its end, as a digest. */
function digestOf(peer) {
  const hash = createHash("sha256");
  let bytes = 0;
  peer.on("data", (data) => {
    bytes += data.length;
    hash.update(data);
  });
  return once(peer, "end").then(() => ({ bytes, digest: hash.digest("hex") }));
}

const kinds = { TCP: acceptedPair, Unix: acceptedUnixPair };
const mixtures = [["Unix", "Unix"], ["Unix", "TCP"], ["TCP", "Unix"]];

for (const [one, other] of mixtures) {
  unixTest(`${one} to ${other}: 8 MiB each way arrive whole, and both ends pass on (R-relay)`, async () => {
    const [a, b] = await Promise.all([kinds[one]({ peer: { allowHalfOpen: true } }), kinds[other]({ peer: { allowHalfOpen: true } })]);
    const bytes = [randomBytes(8 << 20), randomBytes(8 << 20)];
    const received = [digestOf(a.peer), digestOf(b.peer)];
    a.peer.write("early");
    const result = relay(a.socket, b.socket);
    a.peer.end(bytes[0]);
    b.peer.end(bytes[1]);
    const [atA, atB] = await Promise.all(received);
    const digest = (data) => createHash("sha256").update(data).digest("hex");
    expect(atA).toEqual({ bytes: bytes[1].length, digest: digest(bytes[1]) });
    const sent = Buffer.concat([Buffer.from("early"), bytes[0]]);
    expect(atB).toEqual({ bytes: sent.length, digest: digest(sent) });
    expect(await result).toEqual({ bytesToA: bytes[1].length, bytesToB: sent.length });
  });

  unixTest(`${one} to ${other}: reset() of one ends the other (R-relay)`, async () => {
    const [a, b] = await Promise.all([kinds[one](), kinds[other]()]);
    b.peer.on("error", () => {});
    a.peer.on("error", () => {});
    const ends = [once(a.peer, "close"), once(b.peer, "close")];
    const result = relay(a.socket, b.socket);
    a.socket.reset();
    expect(await result).toEqual({ bytesToA: 0, bytesToB: 0 });
    await Promise.all(ends);
  });

  unixTest(`${one} to ${other}: close() of one flushes and closes both (R-relay)`, async () => {
    const [a, b] = await Promise.all([kinds[one](), kinds[other]()]);
    const received = digestOf(b.peer);
    const result = relay(a.socket, b.socket);
    a.peer.write("last words");
    await once(b.peer, "data");
    a.socket.close();
    expect((await received).bytes).toBe(10);
    expect(await result).toEqual({ bytesToA: 0, bytesToB: 10 });
  });
}

unixTest("a closed UnixSocket is refused, and relay() names both kinds for anything else", async () => {
  const [a, b] = await Promise.all([acceptedUnixPair(), acceptedUnixPair()]);
  a.socket.reset();
  const error = await relay(a.socket, b.socket).catch((reason) => reason);
  expectIsDOMException(error, "InvalidStateError");
  await expect(relay(b.socket, {})).rejects.toThrow("a TCPSocket or a UnixSocket");
});
