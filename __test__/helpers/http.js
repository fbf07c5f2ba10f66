"use strict";

// HTTP/1.1 over a socket of the package, as far as tests need it: a client, and a server. Bodies may be chunked, both ways.

const { once } = require("./events");
const { track } = require("./sockets");

const CRLF = "\r\n";

/** The bytes of a `readable`, piece by piece as a protocol needs them. */
class Input {
  #pieces;
  #held = Buffer.alloc(0);

  /** @param {{ readable: ReadableStream<Uint8Array> }} socket */
  constructor(socket) {
    this.#pieces = socket.readable.getReader();
  }

  /** One more piece is held. False: the peer has ended. */
  async #more() {
    const { done, value } = await this.#pieces.read();
    if (!done) this.#held = Buffer.concat([this.#held, value]);
    return !done;
  }

  #take(length) {
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }

  /** The text before `end`, which is read too. Null: the peer has ended, and nothing was left. */
  async until(end) {
    for (;;) {
      const at = this.#held.indexOf(end);
      if (at !== -1) return this.#take(at + end.length).subarray(0, at).toString("latin1");
      if (await this.#more()) continue;
      if (this.#held.length === 0) return null;
      throw new Error(`the peer ended within ${JSON.stringify(this.#held.toString("latin1"))}`);
    }
  }

  /** What there is, at most `most` bytes. Null: the peer has ended. */
  async some(most = Infinity) {
    while (this.#held.length === 0) {
      if (!(await this.#more())) return null;
    }
    return this.#take(Math.min(most, this.#held.length));
  }

  /** `length` bytes, in the pieces in which they come. */
  async *exactly(length) {
    for (let left = length; left > 0; ) {
      const piece = await this.some(left);
      if (piece === null) throw new Error(`the peer ended ${left} bytes too early`);
      left -= piece.length;
      yield piece;
    }
  }

  /** Everything until the peer's end. */
  async *rest() {
    for (let piece; (piece = await this.some()) !== null; ) yield piece;
  }

  /** A body of `Transfer-Encoding: chunked`, in the pieces in which it comes. */
  async *chunked() {
    for (;;) {
      const size = parseInt(await this.until(CRLF), 16);
      if (Number.isNaN(size)) throw new Error("a chunk without a size");
      if (size > 0) yield* this.exactly(size);
      if ((await this.until(CRLF)) !== "") throw new Error("a chunk without an end, or trailers");
      if (size === 0) return;
    }
  }
}

/** The first line and the headers of a message, by lower-case name. Null: the peer has ended before it. */
async function readHead(input) {
  const head = await input.until(CRLF + CRLF);
  if (head === null) return null;
  const [first, ...lines] = head.split(CRLF);
  const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
  return { first, headers };
}

/** Reads an asynchronous iterable of bytes to its end. */
async function whole(body) {
  const pieces = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Sends, and waits for drain where send() returns false. */
async function write(socket, data) {
  if (!socket.send(data)) await once(socket, "drain", 20_000);
}

/** Sends a head and a body: as it is, or in chunks if it is an asynchronous iterable. */
async function writeMessage(socket, first, headers, body) {
  const chunks = typeof body?.[Symbol.asyncIterator] === "function";
  const bytes = chunks || body === undefined ? undefined : Buffer.from(body);
  const all = { ...headers, ...(chunks ? { "Transfer-Encoding": "chunked" } : bytes && { "Content-Length": bytes.length }) };
  await write(socket, [first, ...Object.entries(all).map(([name, value]) => `${name}: ${value}`), "", ""].join(CRLF));
  if (!chunks) {
    if (bytes?.length > 0) await write(socket, bytes);
    return;
  }
  for await (const chunk of body) {
    const piece = Buffer.from(chunk);
    await write(socket, Buffer.concat([Buffer.from(piece.length.toString(16) + CRLF), piece, Buffer.from(CRLF)]));
  }
  await write(socket, `0${CRLF}${CRLF}`);
}

/**
 * A client on an open socket of the package. It takes the socket's `readable`.
 *
 *   const { request } = httpClient(socket);
 *   const { status, headers, body } = await request("GET", "/version");
 *
 * `body` yields the pieces as they come; `whole(body)` waits for all. A request waits for the body of the one before.
 * After a 101 `body` is everything that the peer still sends.
 *
 * @param {EventTarget} socket
 */
function httpClient(socket) {
  const input = new Input(socket);
  return {
    async request(method, target, { headers = {}, body } = {}) {
      await writeMessage(socket, `${method} ${target} HTTP/1.1`, { Host: "localhost", ...headers }, body);
      const head = await readHead(input);
      if (head === null) throw new Error("the server ended without an answer");
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head.first)[1]);
      const length = head.headers["content-length"];
      const answer = { status, headers: head.headers };
      if (head.headers["transfer-encoding"] === "chunked") return { ...answer, body: input.chunked() };
      if (length !== undefined) return { ...answer, body: input.exactly(Number(length)) };
      return { ...answer, body: input.rest() };
    },
  };
}

/**
 * Answers the requests on each connection of a server of the package.
 *
 * @param {EventTarget} server
 * @param {(request: { method: string, target: string, headers: Record<string, string>, body: AsyncGenerator<Buffer>, socket: EventTarget }) =>
 *   Promise<{ status?: number, headers?: object, body?: string | Uint8Array | AsyncIterable<string | Uint8Array> }>} answer
 * @returns {{ sockets: EventTarget[], errors: Error[] }} the connections so far, and what went wrong on them
 */
function serveHTTP(server, answer) {
  const sockets = [];
  const errors = [];
  async function serve(socket) {
    const input = new Input(socket);
    for (let head; (head = await readHead(input)) !== null; ) {
      const { first, headers } = head;
      const [method, target] = first.split(" ");
      if (headers.expect === "100-continue") await write(socket, `HTTP/1.1 100 Continue${CRLF}${CRLF}`);
      const body = headers["transfer-encoding"] === "chunked" ? input.chunked() : input.exactly(Number(headers["content-length"] ?? 0));
      const { status = 200, headers: added, body: back = "" } = await answer({ method, target, headers, body, socket });
      await writeMessage(socket, `HTTP/1.1 ${status} ${status < 400 ? "OK" : "Error"}`, added, back);
      if (headers.connection === "close" || first.endsWith("HTTP/1.0")) break;
    }
    socket.close();
  }
  server.onconnect = ({ connectedSocket }) => {
    track(connectedSocket);
    sockets.push(connectedSocket);
    connectedSocket.onerror = ({ error }) => errors.push(error);
    serve(connectedSocket).catch((error) => {
      errors.push(error);
      connectedSocket.reset();
    });
  };
  return { sockets, errors };
}

module.exports = { httpClient, serveHTTP, whole };
