"use strict";

/** The address that was formatted last, since an echoing socket asks for the same one again and again. */
let lastNumber = -1;
let lastText = "";

/**
 * An address of an event as text. The native half tells an IPv4 address as its 32 bits (first octet highest), so that one
 * that nobody reads costs nothing, and an IPv6 address as text.
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
