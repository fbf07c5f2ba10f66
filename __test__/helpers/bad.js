"use strict";

const vm = require("node:vm");

/** A value made in another realm: `foreign("new Uint8Array([1, 2])")`. */
function foreign(source) {
  return vm.runInNewContext(source);
}

/** A detached ArrayBuffer; `detached(Uint8Array)` is a view on one. */
function detached(View) {
  const buffer = new ArrayBuffer(4);
  const value = View ? new View(buffer) : buffer;
  structuredClone(buffer, { transfer: [buffer] });
  return value;
}

/** `[name, value]` rows for `test.each`: values that send() must refuse with InvalidAccessError (R-types). */
const badData = [
  ["undefined", undefined],
  ["null", null],
  ["true", true],
  ["a number", 42],
  ["NaN", NaN],
  ["a BigInt", 42n],
  ["a Symbol", Symbol("data")],
  ["a plain object", {}],
  ["an array", [1, 2, 3]],
  ["a function", () => "data"],
  ["a Date", new Date(0)],
  ["a String object", Object("data")],
  ["an object with toString", { toString: () => "data" }],
  ["an object that pretends to be a view", { buffer: new ArrayBuffer(2), byteLength: 2, byteOffset: 0 }],
  ["an object that inherits from Uint8Array", Object.create(Uint8Array.prototype)],
  ["an object that inherits from ArrayBuffer", Object.create(ArrayBuffer.prototype)],
  ["an object that inherits from Blob", Object.create(Blob.prototype)],
  ["a foreign realm's plain object", foreign("({})")],
];

/** `[name, make]`: detached data, made for each test, which send() must refuse with InvalidAccessError too. */
const detachedData = [
  ["a detached ArrayBuffer", () => detached()],
  ["a Uint8Array on a detached buffer", () => detached(Uint8Array)],
  ["a DataView on a detached buffer", () => detached(DataView)],
];

/** `[name, value]`: ports that are no integer in 0–65535 after ToNumber: InvalidAccessError (R-port). */
const badPorts = [
  ["-1", -1],
  ["65536", 65536],
  ["65537, 1 after a modulo", 65537],
  ["2 ** 32 + 80, 80 after a modulo", 2 ** 32 + 80],
  ["2 ** 53", 2 ** 53],
  ["1.5", 1.5],
  ["-0.5", -0.5],
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["the string 'http'", "http"],
  ["the string '80x'", "80x"],
  ["the string '99999'", "99999"],
  ["an object", {}],
  ["two numbers", [80, 81]],
];

/** `[name, value]`: ports that ToNumber itself refuses: TypeError. */
const unconvertiblePorts = [
  ["a Symbol", Symbol("port")],
  ["a BigInt", 80n],
  ["a wrapped Symbol", Object(Symbol("port"))],
  ["a wrapped BigInt", Object(80n)],
  ["an object whose valueOf gives a BigInt", { valueOf: () => 80n }],
  ["an object whose toString gives a BigInt", { valueOf: undefined, toString: () => 80n }],
  ["an object whose Symbol.toPrimitive gives a BigInt", { [Symbol.toPrimitive]: () => 80n }],
  ["an object whose Symbol.toPrimitive gives a Symbol", { [Symbol.toPrimitive]: () => Symbol("port") }],
  ["an array whose valueOf gives a BigInt", Object.assign([], { valueOf: () => 80n })],
  ["an object without primitive", { valueOf: () => ({}), toString: () => ({}) }],
];

/** `[name, value]`: strings (after ToString) that are no address: InvalidAccessError (R-address). */
const badAddresses = [
  ["an empty string", ""],
  ["a host name", "localhost"],
  ["a dotted host name", "example.com"],
  ["a blank before", " 127.0.0.1"],
  ["a blank behind", "127.0.0.1 "],
  ["a NUL behind", "127.0.0.1\0"],
  ["three octets", "127.0.1"],
  ["five octets", "127.0.0.1.1"],
  ["one number", "2130706433"],
  ["an octet of 256", "127.0.0.256"],
  ["a hexadecimal octet", "0x7f.0.0.1"],
  ["an octet with a leading zero", "127.0.0.01"],
  ["a port behind", "127.0.0.1:80"],
  ["IPv6 in brackets", "[::1]"],
  ["two ::", "1::2::3"],
  ["nine groups", "1:2:3:4:5:6:7:8:9"],
  ["a group of five digits", "12345::"],
  ["an empty zone", "fe80::1%"],
  ["a zone on IPv4", "127.0.0.1%lo"],
  ["a mask", "127.0.0.0/8"],
  ["full-width digits", "\uff11\uff12\uff17.0.0.1"],
  ["a lone surrogate", "\ud800"],
  ["a million characters", "1".repeat(1_000_000)],
  ["null", null],
  ["a number", 127],
  ["an object", {}],
  ["true", true],
];

/** `[name, value]`: addresses that ToString itself refuses: TypeError. */
const unconvertibleAddresses = [
  ["a Symbol", Symbol("address")],
  ["an object without primitive", { valueOf: () => ({}), toString: () => ({}) }],
  ["an object without a prototype", Object.create(null)],
];

/** `[name, value]`: values that are no dictionary: TypeError (R-shape). undefined and null are empty dictionaries. */
const badDictionaries = [
  ["true", true],
  ["a number", 7],
  ["a BigInt", 7n],
  ["a string", "options"],
  ["a Symbol", Symbol("options")],
];

module.exports = {
  foreign,
  detached,
  badData,
  detachedData,
  badPorts,
  unconvertiblePorts,
  badAddresses,
  unconvertibleAddresses,
  badDictionaries,
};
