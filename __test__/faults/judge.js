"use strict";

// What the rulings demand of a case of the sweep: of each socket's record, and of the two ends together.

const { all, begins, faultsOf, short } = require("./endpoint");
const { FAULTS } = require("./injector");

/** Length of a TLS record's header: a type, two bytes of version, two of length. */
const HEADER = 5;

/** The type of a record with data. */
const APPLICATION_DATA = 23;

/**
 * Whether a byte of a TLS stream is one that a receiver may ignore, because it says nothing: the version of a record (RFC 8446, 5.1: "MUST
 * be ignored for all purposes"), and in TLS 1.3 the outer type of an encrypted record. (rustls takes the constant for it, and the real type is
 * encrypted.)
 *
 * @param {Buffer} stream @param {number} prologue @param {number} byte
 */
function mayBeIgnored(stream, prologue, byte) {
  for (let at = prologue; at + HEADER <= stream.length;) {
    const length = HEADER + stream.readUInt16BE(at + 3);
    if (byte < at + length) return byte <= at + 2 && (byte > at || stream[at] === APPLICATION_DATA);
    at += length;
  }
  return false;
}

/** @param {{ exchange: any, fault: any, proxy: any, end: any, hangs: boolean }} found */
function judge({ exchange, fault, proxy, end, hangs }) {
  const broken = [];
  const { secure, prologue, relayed } = exchange;
  const kind = fault?.kind ?? "none";
  for (const record of [...end.ours, ...end.relays]) {
    const place = end.relays.includes(record) ? `relay's ${record.role}` : record.role;
    const found = faultsOf(record);
    if (hangs && !record.isDone) found.push(`has not ended; readyState ${record.socket.readyState}`);
    if (record.promises.startTls?.startsWith("rejected with")) found.push(`startTls() was ${record.promises.startTls}, the error is ${short(record.error)}`);
    if (record.promises.relay?.startsWith("rejected with")) {
      const reason = record.reasons.relay;
      if (reason.name !== "InvalidStateError" && !end.relays.some(({ error }) => error === reason)) found.push(`relay() was ${record.promises.relay}`);
    }
    broken.push(...found.map((text) => `${place}: ${text} (events: ${record.types}; error ${short(record.error)})`));
  }
  for (const error of end.failures) {
    if (!(error instanceof DOMException) || error.name !== "NetworkError" || !/^(E[A-Z]+|ERR_TLS_[A-Z_]+)$/.test(String(error.code))) {
      broken.push(`the server's error: ${short(error)}`);
    }
  }

  // What was received is the beginning of what was sent: as the proxy passed it on, where plain bytes were changed.
  const spoken = { client: all("server"), server: all("client") };
  const passed = (role) => Buffer.concat((role === "client" ? proxy.down : proxy.up)?.went ?? []);
  for (const record of end.ours) {
    const wanted = record.prologue || (!secure && FAULTS[kind].changing) ? passed(record.role) : spoken[record.role];
    if (!begins(record.bytes, wanted)) broken.push(`${record.role}: received what was not sent: ${record.bytes.toString("hex")}`);
    const isWhole = record.bytes.equals(spoken[record.role]);
    if (FAULTS[kind].whole && !(record.clean && isWhole)) broken.push(`${record.role}: lost something: ${record.bytes.length} bytes, error ${short(record.error)}`);
    // R-tls-end: a clean end is a whole stream. (One that ends before startTls() ends in plain text.)
    const isWholeSpeech = !end.theirs.some(({ endedEarly }) => endedEarly);
    if (secure && !relayed && !record.prologue && isWholeSpeech && record.clean && !isWhole) broken.push(`${record.role}: ended cleanly after ${record.bytes.length} bytes`);
  }
  for (const { received } of end.theirs) {
    const bytes = Buffer.concat(received);
    if (!begins(bytes, spoken.client) && !begins(bytes, spoken.server)) broken.push("node:tls received what was not sent");
  }

  // A changed byte of TLS is a loss at its receiver.
  const direction = fault && proxy[fault.direction];
  if (secure && fault && FAULTS[kind].changing && direction?.firedAt !== undefined) {
    const start = prologue?.[fault.direction] ?? 0;
    const stream = Buffer.concat(direction.came);
    const receiver = fault.direction === "up" ? "server" : "client";
    const records = relayed ? end.relays : end.ours;
    const record = records.find((one) => one.role === receiver);
    const counts = fault.at >= start && fault.at < stream.length && !(kind === "flip" && mayBeIgnored(stream, start, fault.at));
    if (counts && record?.clean && !record.prologue && !relayed) {
      broken.push(`${receiver}: a changed byte (${kind} at ${fault.at} of ${stream.length}) was no loss`);
    }
  }
  if (FAULTS[kind].whole && end.ours.length + end.theirs.length < 2) broken.push(`only ${end.ours.length + end.theirs.length} ends were connected`);
  return broken;
}

module.exports = { judge };
