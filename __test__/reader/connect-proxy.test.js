"use strict";

// examples/http-connect-proxy.js: `reader`, release() and relay() in one program (R-reader, R-relay).

const https = require("node:https");
const path = require("node:path");
const tls = require("node:tls");
const { ROOT, collect, dial, listen, once, refusedPort } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { launch } = require("../helpers/programs");

const { ca, server: identity } = authority();

/** The running example, and its port. */
async function proxy() {
  const running = launch(process.execPath, [path.join(ROOT, "examples", "http-connect-proxy.js"), "0"]);
  const [, port] = await running.says(/Listening on port (\d+)/, 10_000);
  return { running, port: Number(port) };
}

/** A client of the proxy that has sent this text. */
async function ask(port, data) {
  const client = await dial(port, { allowHalfOpen: true });
  const inbox = collect(client);
  client.write(data);
  return { client, inbox };
}

describe("examples/http-connect-proxy.js", () => {
  test("it passes on what follows the request, also what comes with it, and both ends", async () => {
    const { running, port } = await proxy();
    const target = await listen({ allowHalfOpen: true });
    const { client, inbox } = await ask(port, `CONNECT 127.0.0.1:${target.port} HTTP/1.1\r\nHost: x\r\n\r\nearly `);
    const host = await target.next();
    const received = collect(host);
    client.end("late");
    await once(host, "end");
    expect(received.text()).toBe("early late");
    host.end("answer");
    await once(client, "end");
    expect(inbox.text()).toBe("HTTP/1.1 200 Connection established\r\n\r\nanswer");
    await running.says(/10 bytes there, 45 back|10 bytes there, 6 back/, 10_000);
  });

  test("a client that ends with its request: the host gets the early bytes, then the end", async () => {
    const { port } = await proxy();
    const target = await listen({ allowHalfOpen: true });
    const { client } = await ask(port, "");
    client.end(`CONNECT 127.0.0.1:${target.port} HTTP/1.1\r\n\r\neverything`);
    const host = await target.next();
    const received = collect(host);
    await once(host, "end");
    expect(received.text()).toBe("everything");
    host.end();
    await once(client, "close");
  });

  test("https through it", async () => {
    const { port } = await proxy();
    const server = https.createServer({ cert: identity.cert, key: identity.key }, (request, response) => response.end(`you asked for ${request.url}`));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const target = server.address().port;
    const { client, inbox } = await ask(port, `CONNECT 127.0.0.1:${target} HTTP/1.1\r\n\r\n`);
    await inbox.until(39);
    client.removeAllListeners("data");
    const socket = tls.connect({ socket: client, ca: ca.cert, servername: "localhost", rejectUnauthorized: false });
    const answer = collect(socket);
    socket.write("GET /path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    await once(socket, "end");
    expect(answer.text()).toMatch(/you asked for \/path/);
    server.close();
    server.closeAllConnections();
  });

  test("another method is refused, an unreachable host is a bad gateway, and a line without an end is cut off", async () => {
    const { running, port } = await proxy();
    const other = await ask(port, "GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n");
    await once(other.client, "end");
    expect(other.inbox.text()).toMatch(/^HTTP\/1\.1 405 /);
    const nowhere = await ask(port, `CONNECT 127.0.0.1:${await refusedPort()} HTTP/1.1\r\n\r\n`);
    await once(nowhere.client, "end");
    expect(nowhere.inbox.text()).toMatch(/^HTTP\/1\.1 502 [^]*ECONNREFUSED/);
    const endless = await ask(port, "x".repeat(20_000));
    await once(endless.client, "close");
    await running.says(/limit/, 10_000);
  });
});
