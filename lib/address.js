"use strict";

/** The address that was formatted last, as a number. A server that echoes needs the same address again and again. */
let lastNumber = -1;
/** The same address as text. */
let lastText = "";

/**
 * An address of an event as text. The native half gives an IPv4 address as a number of 32 bits (first octet highest), so that an address
 * that the program does not read costs nothing. It gives an IPv6 address as text.
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
