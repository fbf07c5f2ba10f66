"use strict";

// HTTP over Unix sockets, as Docker's API is used: node:http's server with our client, and node:http's client and curl with our server.

const { createHash } = require("node:crypto");
const http = require("node:http");
const { collect, deadline, once, pattern, sha256 } = require("../helpers");
const { defer } = require("../helpers/cleanup");
const { httpClient, serveHTTP, whole } = require("../helpers/http");
const { launch, testWith } = require("../helpers/programs");
const { obstacle, socketPath, unix, unixServer, unixTest } = require("../helpers/unix");

const VERSION = { Version: "27.5.1", ApiVersion: "1.47", Os: "linux" };

/** The digest of a body, read piece by piece. */
async function digestOf(body) {
  const hash = createHash("sha256");
  for await (const piece of body) hash.update(piece);
  return hash.digest("hex");
}

/**
 * A server of node:http at a path. Its requests are the events of `server`.
 *
 * @param {http.RequestListener} listener
 */
async function nodeServer(listener) {
  const server = http.createServer(listener);
  const where = socketPath();
  server.listen(where);
  await once(server, "listening");
  defer(() => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  }));
  return { server, path: where };
}

/** An open client of ours at this path. */
async function clientAt(where) {
  const socket = unix(where);
  await once(socket, "open");
  return { socket, ...httpClient(socket) };
}

const json = (response, value, status = 200) => {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(value));
};

describe("our client at a node:http server", () => {
  unixTest("GET /version: JSON; further requests on the same connection, the last with Connection: close", async () => {
    let connections = 0;
    const { server, path } = await nodeServer(({ url, headers }, response) => {
      if (url === "/version") json(response, VERSION);
      else json(response, { message: `no ${url}`, host: headers.host }, 404);
    });
    server.on("connection", () => connections++);
    const { socket, request } = await clientAt(path);
    for (let count = 0; count < 3; count++) {
      const { status, headers, body } = await request("GET", "/version");
      expect({ status, type: headers["content-type"] }).toEqual({ status: 200, type: "application/json" });
      expect(JSON.parse(await whole(body))).toEqual(VERSION);
    }
    const { status, body } = await request("GET", "/nowhere", { headers: { Connection: "close" } });
    expect(status).toBe(404);
    expect(JSON.parse(await whole(body))).toEqual({ message: "no /nowhere", host: "localhost" });
    socket.halfclose();
    await once(socket, "close");
    expect(connections).toBe(1);
  });

  unixTest("GET /events: each event arrives when it happens, and the last chunk ends the answer", async () => {
    let events;
    const { path } = await nodeServer((request, response) => {
      if (request.url === "/events") {
        response.writeHead(200, { "Content-Type": "application/json" });
        response.flushHeaders();
        events = response;
        return;
      }
      const last = request.url === "/stop";
      events.write(`${JSON.stringify({ Action: request.url.slice(1) })}\n`);
      if (last) events.end();
      json(response, {});
    });
    const { request } = await clientAt(path);
    const other = await clientAt(path);
    const { headers, body } = await request("GET", "/events");
    expect(headers["transfer-encoding"]).toBe("chunked");
    for (const action of ["create", "start", "stop"]) {
      // The next event happens only now, so the one before was not held back.
      const { status, body: empty } = await other.request("POST", `/${action}`, { body: "" });
      await whole(empty);
      expect(status).toBe(200);
      const { value } = await deadline(body.next(), `the event ${action}`);
      expect(JSON.parse(value)).toEqual({ Action: action });
    }
    expect(await deadline(body.next(), "the last chunk")).toEqual({ value: undefined, done: true });
    const { status } = await request("POST", "/create", { body: "" });
    expect(status).toBe(200);
  });

  unixTest("leaving GET /events: the server sees the end of the connection", async () => {
    const { server, path } = await nodeServer((_, response) => response.write("first\n"));
    const requested = once(server, "request");
    const { socket, request } = await clientAt(path);
    const { body } = await request("GET", "/events");
    expect(String((await body.next()).value)).toBe("first\n");
    const gone = once((await requested).socket, "close");
    socket.reset();
    await gone;
  });

  unixTest("POST with a body of 4 MiB, whole and in chunks, and an answer of 4 MiB", async () => {
    const sent = pattern(4 << 20, 3);
    const back = Buffer.from(pattern(4 << 20, 4));
    const { path } = await nodeServer(async (request, response) => {
      response.setHeader("Digest", await digestOf(request));
      response.setHeader("Framing", request.headers["transfer-encoding"] ?? "length");
      // With a length the answer is whole, without one it is chunked.
      if (request.url === "/whole") response.setHeader("Content-Length", back.length);
      response.end(back);
    });
    async function* inPieces() {
      for (let at = 0; at < sent.length; at += 100_003) yield sent.subarray(at, at + 100_003);
    }
    const { request } = await clientAt(path);
    for (const [target, framing, body] of [["/whole", "length", sent], ["/chunked", "chunked", inPieces()]]) {
      const answer = await request("POST", target, { body });
      expect(answer.headers).toMatchObject({ digest: sha256(sent), framing });
      expect(await digestOf(answer.body)).toBe(sha256(back));
    }
  });

  unixTest("Upgrade, as docker attach: after 101 the bytes are the program's, and each direction ends by itself", async () => {
    const { server, path } = await nodeServer();
    server.on("upgrade", (request, socket) => {
      defer(() => socket.destroy());
      socket.allowHalfOpen = true;
      socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n$ ");
      const input = collect(socket);
      socket.on("end", () => socket.end(input.text().toUpperCase()));
    });
    const { socket, request } = await clientAt(path);
    const { status, body } = await request("POST", "/containers/1/attach", { headers: { Connection: "Upgrade", Upgrade: "tcp" } });
    expect(status).toBe(101);
    expect(String((await body.next()).value)).toBe("$ ");
    const closed = once(socket, "close");
    socket.send("echo ");
    socket.send("hello");
    socket.halfclose();
    expect(String(await whole(body))).toBe("ECHO HELLO");
    await closed;
  });
});

/** A request by node:http to a path; its status, headers and body. */
async function nodeRequest(where, target, { body, ...options } = {}) {
  const request = http.request({ socketPath: where, path: target, ...options });
  const answered = once(request, "response", 20_000);
  if (body === undefined || ArrayBuffer.isView(body)) {
    request.end(body);
  } else {
    for await (const piece of body) {
      if (!request.write(piece)) await once(request, "drain", 20_000);
    }
    request.end();
  }
  const response = await answered;
  return { status: response.statusCode, headers: response.headers, digest: await digestOf(response), response };
}

/** Answers /version, and everything else with the digest of the body and 4 MiB. */
const BACK = pattern(4 << 20, 5);
async function* backInPieces() {
  for (let at = 0; at < BACK.length; at += 100_003) yield BACK.subarray(at, at + 100_003);
}
async function answer({ method, target, headers, body }) {
  const digest = await digestOf(body);
  if (target === "/version") return { headers: { "Content-Type": "application/json" }, body: JSON.stringify(VERSION) };
  const framing = headers["transfer-encoding"] ?? "length";
  return { status: method === "PUT" ? 201 : 200, headers: { Digest: digest, Framing: framing }, body: target === "/whole" ? BACK : backInPieces() };
}

describe("node:http's client (socketPath) at our server", () => {
  unixTest("GET, twice on one connection with keep-alive", async () => {
    const server = unixServer();
    const { sockets, errors } = serveHTTP(server, answer);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    defer(() => agent.destroy());
    for (let count = 0; count < 2; count++) {
      const { status, headers, digest } = await nodeRequest(server.localPath, "/version", { agent });
      expect({ status, type: headers["content-type"] }).toEqual({ status: 200, type: "application/json" });
      expect(digest).toBe(sha256(Buffer.from(JSON.stringify(VERSION))));
    }
    expect(sockets).toHaveLength(1);
    expect(errors).toEqual([]);
  });

  unixTest("POST of 4 MiB, whole and in chunks, and an answer of 4 MiB", async () => {
    const server = unixServer();
    const { errors } = serveHTTP(server, answer);
    const sent = pattern(4 << 20, 6);
    async function* inPieces() {
      for (let at = 0; at < sent.length; at += 65_521) yield sent.subarray(at, at + 65_521);
    }
    for (const [target, framing, body] of [["/whole", "length", sent], ["/chunked", "chunked", inPieces()]]) {
      const headers = framing === "length" ? { "Content-Length": sent.length } : {};
      const got = await nodeRequest(server.localPath, target, { method: "POST", body, headers });
      expect(got.headers).toMatchObject({ digest: sha256(sent), framing });
      expect(got.headers["transfer-encoding"]).toBe(target === "/whole" ? undefined : "chunked");
      expect(got.digest).toBe(sha256(BACK));
    }
    expect(errors).toEqual([]);
  });

  unixTest("50 requests at once, each on a connection of its own", async () => {
    const server = unixServer();
    const { sockets, errors } = serveHTTP(server, async ({ target }) => ({ body: `you asked for ${target}` }));
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => nodeRequest(server.localPath, `/${i}`, { agent: false, headers: { Connection: "close" } })),
    );
    expect(answers.map(({ digest }) => digest)).toEqual(answers.map((_, i) => sha256(Buffer.from(`you asked for /${i}`))));
    expect(sockets).toHaveLength(50);
    expect(errors).toEqual([]);
  });
});

const withCurl = obstacle ? unixTest : testWith("curl");

/** curl on a path. */
async function curl(...args) {
  const { code, stdout, stderr } = await launch("curl", ["--silent", "--show-error", "--max-time", "10", ...args]).ended(12_000);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

describe("curl at our server", () => {
  withCurl("--unix-socket: two GETs on one connection, and an upload of 4 MiB", async () => {
    const server = unixServer();
    const { sockets, errors } = serveHTTP(server, answer);
    const url = "http://localhost/version";
    const text = await curl("--unix-socket", server.localPath, url, url);
    expect(text).toBe(JSON.stringify(VERSION).repeat(2));
    expect(sockets).toHaveLength(1);

    const sent = pattern(4 << 20, 7);
    const upload = launch("curl", ["--silent", "--include", "--max-time", "10", "--unix-socket", server.localPath, "--upload-file", "-", "http://localhost/whole"]);
    upload.child.stdin.end(sent);
    const { code, stdout } = await upload.ended(12_000);
    expect(code).toBe(0);
    // An answer "100 Continue" may come first.
    const head = stdout.slice(0, stdout.search(/\r\n\r\n(?!HTTP)/));
    expect(head).toMatch(/^HTTP\/1\.1 201 /m);
    expect(head).toContain(`Digest: ${sha256(sent)}`);
    expect(head).toContain("Framing: chunked");
    expect(sha256(Buffer.from(stdout.slice(head.length + 4), "latin1"))).toBe(sha256(BACK));
    expect(errors).toEqual([]);
  });

  const onLinux = process.platform === "linux" ? withCurl : (name, body) => test.skip(`${name} (needs Linux)`, body);

  onLinux("--abstract-unix-socket: an abstract name", async () => {
    const word = `tus-curl-${process.pid}`;
    const server = unixServer({ path: `\0${word}` });
    const { errors } = serveHTTP(server, answer);
    expect(await curl("--abstract-unix-socket", word, "http://localhost/version")).toBe(JSON.stringify(VERSION));
    expect(errors).toEqual([]);
  });
});
