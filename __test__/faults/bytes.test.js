"use strict";

// A sample of the sweep (sweep.js) at each `npm test`; `npm run faults` breaks every byte. And what the judge finds.

const path = require("node:path");
const { runJSON } = require("../helpers");
const { faultsOf, all } = require("./endpoint");
const { judge } = require("./judge");

/** Faults in each exchange. */
const SAMPLE = 50;

test("faults at random bytes and at the edges of TLS records: no hang, no wrong byte, each socket tells its end once (R-tls-end, R-tcp-lost, R-relay)", async () => {
  const sweep = `require(${JSON.stringify(path.join(__dirname, "sweep.js"))});`;
  const result = await runJSON(sweep, { args: ["--report", "--sample", String(SAMPLE)], timeout: 80_000 });
  const exchanges = Object.keys(result.exchanges);
  expect(exchanges.length).toBe(13);
  expect(result).toMatchObject({ cases: exchanges.length * SAMPLE, broken: [], socketsLeft: 0, warnings: [] });
  // The faults took effect.
  const codes = Object.keys(result.codes).join("\n");
  expect(codes).toContain("flip: client ERR_TLS_");
  expect(codes).toContain("ECONNRESET");
  expect(codes).toContain("ERR_TLS_TRUNCATED");
  expect(codes).toContain("stall: server ETIMEDOUT");
}, 90_000);

/** The record of a client that ended well, changed as told. */
function ended(changes = {}) {
  return {
    socket: { readyState: "closed" },
    role: "client",
    types: ["open", "message", "halfclose", "close"],
    error: undefined,
    promises: { opened: "fulfilled", closed: "fulfilled" },
    wrong: [],
    reasons: {},
    isDone: true,
    prologue: false,
    bytes: all("server"),
    clean: true,
    ...changes,
  };
}

const reset = Object.assign(new DOMException("the connection was reset", "NetworkError"), {});
Object.defineProperty(reset, "code", { value: "ECONNRESET" });
const lost = { error: reset, clean: false, promises: { opened: "fulfilled", closed: "rejected" }, types: ["open", "message", "error", "close"] };

test("the judge accepts a clean end and a loss", () => {
  expect(faultsOf(ended())).toEqual([]);
  expect(faultsOf(ended(lost))).toEqual([]);
  expect(faultsOf(ended({ types: ["error"], error: reset, promises: { opened: "rejected", closed: "rejected" } }))).toEqual([]);
});

test.each([
  ["an event after the last", { types: ["open", "close", "message"] }],
  ["two errors", { ...lost, types: ["open", "error", "error", "close"] }],
  ["a close after a failed attempt", { types: ["error", "close"], error: reset, promises: { opened: "rejected", closed: "rejected" } }],
  ["a promise that is pending", { promises: { opened: "fulfilled", closed: "pending" } }],
  ["a promise that hides a loss", { ...lost, promises: { opened: "fulfilled", closed: "fulfilled" } }],
  ["a promise with another error", { ...lost, promises: { opened: "fulfilled", closed: "rejected with NetworkError EPIPE" } }],
  ["a socket that is not closed", { socket: { readyState: "closing" } }],
  ["an error without a system's code", { ...lost, error: new DOMException("lost", "NetworkError") }],
])("the judge of one socket finds %s", (_, changes) => {
  expect(faultsOf(ended(changes))).not.toEqual([]);
});

/** A TLS stream of one record of 4 bytes, and a client that received what it should. */
const stream = Buffer.from([23, 3, 3, 0, 4, 1, 2, 3, 4]);
const tlsCase = (kind, at, client) => ({
  exchange: { secure: true },
  fault: { kind, direction: "down", at, value: 0 },
  proxy: { up: { went: [] }, down: { went: [], came: [stream], firedAt: at } },
  end: { ours: [client, { ...ended(), role: "server", types: ["message", "halfclose", "close"], bytes: all("client") }], theirs: [], relays: [], failures: [] },
  hangs: false,
});

test("the judge of a case finds a changed byte that was no loss, bytes that were not sent, a cut that looks like an end, and a hang", () => {
  expect(judge(tlsCase("flip", 6, ended()))).toEqual([expect.stringContaining("was no loss")]);
  expect(judge(tlsCase("flip", 1, ended()))).toEqual([]);
  expect(judge(tlsCase("drop", 1, ended()))).toEqual([expect.stringContaining("was no loss")]);
  expect(judge(tlsCase("flip", 6, ended(lost)))).toEqual([]);
  const other = Buffer.from(all("server"));
  other[7] ^= 1;
  expect(judge(tlsCase("stall", 6, ended({ ...lost, bytes: other })))).toEqual([expect.stringContaining("received what was not sent")]);
  expect(judge(tlsCase("end receiver", 6, ended({ bytes: all("server").subarray(0, 9) })))).toEqual([expect.stringContaining("ended cleanly")]);
  expect(judge({ ...tlsCase("stall", 6, ended({ isDone: false })), hangs: true })).toEqual([expect.stringContaining("has not ended")]);
});
