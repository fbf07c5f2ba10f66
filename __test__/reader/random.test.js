"use strict";

// Random reads of random pieces against a model: the text that was sent, and how far it was read (R-reader). Plain TCP, Unix sockets and TLS.

const { authority } = require("../helpers/certificates");
const { generator, sendInPieces } = require("../helpers/random");
const { bothOfEach } = require("../helpers/tls");
const { once, text } = require("../helpers");

jest.setTimeout(60_000);

const { server: identity } = authority();

/** The lengths of the pieces that are sent. */
const SIZES = [1, 1, 2, 7, 100, 3000, 100_000];

/** Text with lines, delimiters, characters of several bytes and long runs without any of them. */
function makeText(random, length) {
  const parts = ["\n", "\r\n", ";", ";;", "a", "bc", "€", "😀", "word ", "\r", "x".repeat(200)];
  let result = "";
  while (result.length < length) {
    result += parts[random(parts.length)];
  }
  return Buffer.from(result);
}

/** Does random reads until everything was read. Returns how many. */
async function readAll(socket, bytes, random) {
  let { reader } = socket;
  let at = 0;
  let reads = 0;
  const delimiters = ["\n", ";", ";;", "\r\n", "€", "\0\0"];
  const outcome = (promise) => promise.then((value) => value, ({ code }) => code);
  while (at < bytes.length) {
    const rest = bytes.subarray(at);
    const limit = [1, 5, 50, 1000, 65536, 200_000][random(6)];
    reads += 1;
    switch (random(7)) {
      case 0: {
        const chunk = await reader.read();
        expect(chunk.length).toBeGreaterThan(0);
        expect(Buffer.compare(rest.subarray(0, chunk.length), chunk)).toBe(0);
        at += chunk.length;
        break;
      }
      case 1: {
        const length = random([3, 300, 100_000][random(3)]);
        const result = await outcome(reader.readExactly(length));
        if (length > rest.length) {
          expect(result).toBe("ERR_UNEXPECTED_END");
        } else {
          expect(Buffer.compare(rest.subarray(0, length), result)).toBe(0);
          at += length;
        }
        break;
      }
      case 2: {
        const wanted = delimiters[random(delimiters.length)];
        const result = await outcome(reader.readUntil(wanted, { limit }));
        const index = rest.indexOf(wanted);
        const fits = index >= 0 && index + Buffer.byteLength(wanted) <= limit;
        if (fits) {
          const size = index + Buffer.byteLength(wanted);
          expect(Buffer.compare(rest.subarray(0, size), result)).toBe(0);
          at += size;
        } else {
          expect(result).toBe(rest.length >= limit ? "ERR_LIMIT_EXCEEDED" : "ERR_UNEXPECTED_END");
        }
        break;
      }
      case 3:
      case 4: {
        const index = rest.indexOf("\n");
        const result = await outcome(reader.readLine({ limit }));
        if (index >= 0 && index < limit) {
          expect(result).toBe(text(rest.subarray(0, index)).replace(/\r$/, ""));
          at += index + 1;
        } else if (rest.length >= limit) {
          expect(result).toBe("ERR_LIMIT_EXCEEDED");
        } else {
          expect(result).toBe(text(rest));
          at = bytes.length;
        }
        break;
      }
      case 5: {
        const back = random(Math.min(at, 70_000) + 1);
        reader.unread(bytes.subarray(at - back, at));
        at -= back;
        break;
      }
      default: {
        reader.release();
        if (random(2) === 0) {
          const { data } = await once(socket, "message");
          expect(Buffer.compare(rest.subarray(0, data.byteLength), new Uint8Array(data))).toBe(0);
          at += data.byteLength;
        }
        ({ reader } = socket);
      }
    }
  }
  expect(await reader.read()).toBe(null);
  expect(socket.bytesRead).toBe(bytes.length);
  return reads;
}

describe.each(bothOfEach(identity))("%s: random reads (R-reader)", (_name, connectBoth) => {
  test.each(Array.from({ length: 20 }, (_, i) => i + 1))("seed %i", async (seed) => {
    const random = generator(seed * 7919);
    const bytes = makeText(random, 30_000 + random(400_000));
    const { client, accepted } = await connectBoth();
    const sent = sendInPieces(client, bytes, generator(seed), SIZES);
    expect(await readAll(accepted, bytes, random)).toBeGreaterThan(0);
    await sent;
    accepted.close();
  });
});
