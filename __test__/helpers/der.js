"use strict";

// DER, as far as certificates need it. Each function returns the bytes of one value.

/** @param {number} length */
function lengthBytes(length) {
  if (length < 128) {
    return Buffer.from([length]);
  }
  const bytes = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) {
    bytes.unshift(rest % 256);
  }
  return Buffer.from([128 | bytes.length, ...bytes]);
}

/**
 * A value with this tag. Its contents are the parts, one after the other.
 *
 * @param {number} tag
 * @param {...Uint8Array} parts
 */
function tagged(tag, ...parts) {
  const contents = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthBytes(contents.length), contents]);
}

const sequence = (...parts) => tagged(0x30, ...parts);
const set = (...parts) => tagged(0x31, ...parts);
const octets = (bytes) => tagged(0x04, bytes);
const bits = (bytes, unused = 0) => tagged(0x03, Buffer.from([unused]), bytes);
const utf8 = (string) => tagged(0x0c, Buffer.from(string));
const boolean = (value) => tagged(0x01, Buffer.from([value ? 0xff : 0]));

/** Context-specific: `[n] EXPLICIT` of a constructed value, `[n] IMPLICIT` of bytes. */
const explicit = (n, ...parts) => tagged(0xa0 | n, ...parts);
const implicit = (n, bytes) => tagged(0x80 | n, bytes);

/** A non-negative INTEGER, given as bytes or as a small number. */
function integer(value) {
  const bytes = typeof value === "number" ? Buffer.from([value]) : Buffer.from(value);
  return tagged(0x02, bytes[0] & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/** An OBJECT IDENTIFIER from its dotted text. */
function oid(text) {
  const [first, second, ...rest] = text.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 127];
    for (let left = arc >>> 7; left > 0; left >>>= 7) {
      digits.unshift(128 | (left & 127));
    }
    bytes.push(...digits);
  }
  return tagged(0x06, Buffer.from(bytes));
}

/** A Time: UTCTime through 2049, GeneralizedTime beyond. */
function time(date) {
  const text = `${date.toISOString().replace(/[-:T]|\.\d+/g, "")}`;
  return date.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text));
}

/** `-----BEGIN label-----` … */
function pem(label, der) {
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g);
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

module.exports = { tagged, sequence, set, octets, bits, utf8, boolean, explicit, implicit, integer, oid, time, pem };
