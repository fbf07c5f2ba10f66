"use strict";

// The default of closeTimeout, by waiting for it (R-tcp-close).

const { acceptedPair, tcpPair } = require("../helpers");
const { expectLostInClosing } = require("../helpers/close-timeout");

const MIB = 1024 * 1024;
const PATIENT = 45_000;

test("without closeTimeout a peer that takes nothing is lost after 30 s: of a client, and of an accepted socket", async () => {
  const [client, accepted] = await Promise.all([tcpPair({ peer: { pauseOnConnect: true } }), acceptedPair()]);
  accepted.peer.pause();
  const before = performance.now();
  const ends = [client, accepted].map(async ({ socket }) => {
    await expectLostInClosing(socket, 16 * MIB, 30_000, PATIENT);
    return performance.now() - before;
  });
  for (const took of await Promise.all(ends)) {
    expect(took).toBeGreaterThanOrEqual(30_000);
    expect(took).toBeLessThan(34_000);
  }
}, PATIENT);
