"use strict";

const vm = require("node:vm");
const { families, tcpPair, collect, pattern, foreign, badData, detachedData, expectDOMException } = require("../helpers");

const INVALID_ACCESS_ERR = 15;

/** What arrives when `data` and then "|" is sent. */
async function received(data) {
  const { socket, peer } = await tcpPair();
  const inbox = collect(peer);
  socket.send(data);
  const length = socket.bufferedAmount;
  socket.send("|");
  await inbox.until(length + 1);
  expect(inbox.bytes().at(-1)).toBe("|".charCodeAt(0));
  return [...inbox.bytes().subarray(0, -1)];
}

function utf8(string) {
  return [...Buffer.from(string)];
}

test.each([
  ["ASCII", "hello", "hello"],
  ["two-byte", "gr\u00fc\u00dfe", "gr\u00fc\u00dfe"],
  ["three-byte", "\u20ac\u4f60", "\u20ac\u4f60"],
  ["four-byte", "\u{1f600}", "\u{1f600}"],
  ["NUL", "a\0b", "a\0b"],
  ["a byte order mark", "\ufeffa", "\ufeffa"],
  ["a lone high surrogate", "a\ud800b", "a\ufffdb"],
  ["a lone low surrogate", "a\udc00b", "a\ufffdb"],
  ["surrogates the wrong way round", "\udc00\ud800", "\ufffd\ufffd"],
  ["a lone surrogate at the end", "a\ud83d", "a\ufffd"],
])("a string is sent as UTF-8: %s (draft send(), R-types)", async (_, string, expected) => {
  expect(await received(string)).toEqual(utf8(expected));
});

test.each([100, 8191, 8192, 8193, 16_384, 16_385, 70_000])(
  "a string of %i code units keeps every one, lone surrogates too (R-types)",
  async (length) => {
    const unit = "\u00e4x\u20ac\ud800y\u{1f600}";
    const string = unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
    expect(Buffer.from(await received(string)).equals(Buffer.from(string))).toBe(true);
  },
);

test("an ArrayBuffer is sent as its bytes (R-types)", async () => {
  expect(await received(new Uint8Array([1, 2, 255]).buffer)).toEqual([1, 2, 255]);
});

const views = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
];

test.each(views.map((View) => [View.name, View]))("a %s is sent as the section that it references (§0)", async (_, View) => {
  const bytes = pattern(64);
  const count = 16 / (View.BYTES_PER_ELEMENT ?? 1);
  expect(await received(new View(bytes.buffer, 8, count))).toEqual([...bytes.subarray(8, 24)]);
});

test("a Buffer out of node's pool is sent as its own bytes only (§0)", async () => {
  expect(await received(Buffer.from("pooled"))).toEqual(utf8("pooled"));
});

test("a subclass of a view is a view (R-types)", async () => {
  class Packet extends Uint8Array {}
  expect(await received(new Packet([7, 8]))).toEqual([7, 8]);
});

test.each([
  ["ArrayBuffer", "new Uint8Array([1, 2, 3]).buffer"],
  ["Uint8Array", "new Uint8Array([0, 1, 2, 3]).subarray(1)"],
  ["DataView", "new DataView(new Uint8Array([0, 1, 2, 3]).buffer, 1)"],
  ["view on a SharedArrayBuffer", "const a = new Uint8Array(new SharedArrayBuffer(3)); a.set([1, 2, 3]); a"],
])("a foreign realm's %s is taken as one's own (R-types)", async (_, source) => {
  expect(await received(foreign(source))).toEqual([1, 2, 3]);
});

test("a view on a SharedArrayBuffer is copied as it is at the call (R-types)", async () => {
  const view = new Uint8Array(new SharedArrayBuffer(4), 1, 3);
  view.set([1, 2, 3]);
  expect(await received(view)).toEqual([1, 2, 3]);
});

test("a resizable ArrayBuffer is copied at its length at the call (R-types)", async () => {
  const buffer = new ArrayBuffer(2, { maxByteLength: 8 });
  buffer.resize(5);
  new Uint8Array(buffer).set([1, 2, 3, 4, 5]);
  expect(await received(buffer)).toEqual([1, 2, 3, 4, 5]);
});

test("a length-tracking view is sent at its length at the call (R-types)", async () => {
  const buffer = new ArrayBuffer(8, { maxByteLength: 8 });
  const view = new Uint8Array(buffer, 1);
  view.set([1, 2, 3, 4, 5, 6, 7]);
  buffer.resize(4);
  expect(await received(view)).toEqual([1, 2, 3]);
});

test.each(families)("$name: shrinking a resizable buffer after send() takes nothing back (R-copy)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const bytes = pattern(300_000);
  const buffer = new ArrayBuffer(300_000, { maxByteLength: 300_000 });
  new Uint8Array(buffer).set(bytes);
  socket.send(buffer);
  buffer.resize(0);
  await inbox.until(300_000);
  expect(inbox.bytes().equals(bytes)).toBe(true);
});

test.each([1, 100, 20_000, 300_000])("what is written into the buffer after send() is not sent: %i bytes (R-copy)", async (size) => {
  const { socket, peer } = await tcpPair();
  const inbox = collect(peer);
  const bytes = pattern(size);
  const sent = bytes.slice();
  socket.send(sent);
  sent.fill(0);
  await inbox.until(size);
  expect(inbox.bytes().equals(bytes)).toBe(true);
});

test.each(families)("$name: a buffer that is detached after send() is sent all the same (R-copy)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const bytes = pattern(200_000);
  const { buffer } = bytes.slice();
  socket.send(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  await inbox.until(200_000);
  expect(inbox.bytes().equals(bytes)).toBe(true);
});

describe("what send() does not take", () => {
  let pair;
  let inbox;

  beforeEach(async () => {
    pair = await tcpPair();
    inbox = collect(pair.peer);
  });

  /** `data` is refused, nothing has changed, and the socket goes on. */
  async function expectRefused(data) {
    const { socket } = pair;
    socket.send("a");
    expectDOMException(() => socket.send(data), "InvalidAccessError", INVALID_ACCESS_ERR);
    expect(socket.bufferedAmount).toBe(1);
    expect(socket.readyState).toBe("open");
    socket.send("b");
    await inbox.until(2);
    expect(inbox.text()).toBe("ab");
  }

  test.each(badData)("%s throws InvalidAccessError and changes nothing (R-types)", async (_, data) => {
    await expectRefused(data);
  });

  test.each(detachedData)("%s throws InvalidAccessError and changes nothing (R-types)", async (_, make) => {
    await expectRefused(make());
  });

  test("a SharedArrayBuffer itself, without a view, is none of the draft's types (R-types)", async () => {
    await expectRefused(new SharedArrayBuffer(4));
  });

  test("a Proxy of a view is no view (R-types)", async () => {
    await expectRefused(new Proxy(new Uint8Array(4), {}));
  });

  test("an object that only calls itself a Blob is none (R-types)", async () => {
    await expectRefused({ [Symbol.toStringTag]: "Blob", size: 3, type: "", slice() {}, stream() {}, arrayBuffer() {} });
  });

  test("no code of the refused value is run (R-types)", async () => {
    const touched = [];
    const data = new Proxy(
      {},
      {
        get(_, key) {
          touched.push(key);
          return undefined;
        },
      },
    );
    await expectRefused(data);
    expect(touched.filter((key) => key === "toString" || key === "valueOf" || key === Symbol.toPrimitive)).toEqual([]);
  });
});

test.each(families)("$name: a view left out of bounds by a shrunken buffer does no harm (R-types)", async ({ pair }) => {
  const { socket, peer } = await pair();
  const inbox = collect(peer);
  const buffer = new ArrayBuffer(8, { maxByteLength: 8 });
  const view = new Uint8Array(buffer, 4, 4);
  buffer.resize(2);
  try {
    socket.send(view);
  } catch (error) {
    expect(error.name).toBe("InvalidAccessError");
  }
  expect(socket.bufferedAmount).toBe(0);
  socket.send("b");
  await inbox.until(1);
  expect(inbox.text()).toBe("b");
});

test("patched prototypes and own properties do not change what a view is sent as (§0)", async () => {
  const view = new Uint8Array([1, 2, 3]);
  Object.defineProperty(view, "byteLength", { value: 1_000_000 });
  Object.defineProperty(view, "byteOffset", { value: 1_000_000 });
  Object.defineProperty(view, "buffer", { value: new ArrayBuffer(1) });
  Object.defineProperty(view, "length", { value: 1 });
  expect(await received(view)).toEqual([1, 2, 3]);
});

test("data made by a vm context that is gone is still data (R-types)", async () => {
  let context = vm.createContext();
  const data = vm.runInContext("new Uint16Array([0x0201, 0x0403])", context);
  context = null;
  expect(await received(data)).toEqual([1, 2, 3, 4]);
});
