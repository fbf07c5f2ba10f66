"use strict";

// Converts the addresses of events to text. It parses no addresses: host.js does that.

/**
 * The IPv4 address that was formatted last, as a number; -1 before the first. It is stored because an echo server needs the same address
 * for many messages.
 */
let lastNumber = -1;
/** The text of `lastNumber`. */
let lastText = "";

/**
 * Returns an event's address as text. The native half passes an IPv4 address as a 32-bit number (the first octet is the highest), so that
 * no text is made if the program does not read the address. It passes an IPv6 address as text.
 *
 * @param {number | string} address
 * @returns {string}
 */
function addressText(address) {
  if (typeof address === "string") {
    return address;
  }
  if (address !== lastNumber) {
    lastText = `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
    lastNumber = address;
  }
  return lastText;
}

module.exports = { addressText };
