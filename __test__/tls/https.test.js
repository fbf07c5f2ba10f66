"use strict";

// A small HTTPS responder on TCPServerSocket, fetched by curl and by node:https: the peers that most people have.

const https = require("node:https");
const { pattern, sha256, track } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { launch, testWith } = require("../helpers/programs");
const { folder, secureServer } = require("../helpers/tls");
const { readFileSync } = require("node:fs");

const all = authority();
const { ca, server: identity, client: clientIdentity } = all;
const withCurl = testWith("curl");
const BODY = pattern(1_000_000);

/** Answers each request with its method and path, what it posted, or a megabyte for /large. */
function responder(secureTransport = {}) {
  const server = secureServer({ cert: identity.cert, key: identity.key, alpn: ["http/1.1"], ...secureTransport });
  server.onconnect = ({ connectedSocket: socket }) => {
    track(socket);
    let received = Buffer.alloc(0);
    socket.onmessage = ({ data }) => {
      received = Buffer.concat([received, Buffer.from(data)]);
      for (let end; (end = received.indexOf("\r\n\r\n")) >= 0; ) {
        const head = received.subarray(0, end).toString();
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (received.length < end + 4 + length) {
          return;
        }
        const posted = received.subarray(end + 4, end + 4 + length);
        received = received.subarray(end + 4 + length);
        const [request] = head.split("\r\n");
        const body = request.includes(" /large ") ? BODY : posted.length > 0 ? Buffer.from(sha256(posted)) : Buffer.from(request);
        const ends = /connection: close/i.test(head);
        socket.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: ${ends ? "close" : "keep-alive"}\r\n\r\n`);
        socket.send(body);
        if (ends) {
          socket.close();
        }
      }
    };
  };
  return server;
}

/** curl, verifying by our authority; what it printed. */
async function curl(port, args, path = "/") {
  const where = folder({ "ca.pem": ca.cert, "client.pem": clientIdentity.cert, "client.key": clientIdentity.key });
  const words = args.map((arg) => (/^(client|ca)\./.test(arg) ? where(arg) : arg));
  const program = launch("curl", ["--silent", "--show-error", "--max-time", "20", "--cacert", where("ca.pem"), ...words, `https://localhost:${port}${path}`]);
  const { code, stdout, stderr } = await program.ended(25_000);
  return { code, stdout, stderr, where };
}

describe("R-srv-secure: curl", () => {
  for (const flag of ["--tlsv1.2 --tls-max 1.2", "--tlsv1.3"]) {
    withCurl(`fetches with ${flag}`, async () => {
      const server = responder();
      const { code, stdout, stderr } = await curl(server.localPort, [...flag.split(" "), "--ipv4"], "/hello");
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "GET /hello HTTP/1.1", stderr: "" });
    });
  }

  withCurl("fetches a megabyte, posts one, several times over one connection", async () => {
    const server = responder();
    const where = folder({ body: BODY });
    const large = await curl(server.localPort, ["--ipv4", "--output", where("got")], "/large");
    expect([large.code, sha256(readFileSync(where("got")))]).toEqual([0, sha256(BODY)]);
    const posted = await curl(server.localPort, ["--ipv4", "-H", "Expect:", "--data-binary", `@${where("body")}`]);
    expect([posted.code, posted.stdout]).toEqual([0, sha256(BODY)]);
    const twice = await curl(server.localPort, ["--ipv4", `https://localhost:${server.localPort}/one`], "/two");
    expect(twice.stdout).toBe("GET /one HTTP/1.1GET /two HTTP/1.1");
  });

  withCurl("presents its certificate to a server that asks", async () => {
    const server = responder({ requestCert: true, ca: ca.cert });
    const { code } = await curl(server.localPort, ["--ipv4", "--cert", "client.pem", "--key", "client.key"]);
    expect(code).toBe(0);
    server.onerror = () => {};
    expect((await curl(server.localPort, ["--ipv4"])).code).not.toBe(0);
  });

  withCurl("refuses a server whose certificate it does not trust", async () => {
    const server = responder({ cert: all.stranger.cert, key: all.stranger.key });
    server.onerror = () => {};
    expect((await curl(server.localPort, ["--ipv4"])).code).toBe(60);
  });
});

describe("R-srv-secure: node:https", () => {
  test("an agent that keeps its connections, 50 requests", async () => {
    const server = responder();
    const agent = new https.Agent({ keepAlive: true, maxSockets: 4, ca: ca.cert });
    const get = (path) => new Promise((resolve, reject) => {
      const request = https.get({ host: "127.0.0.1", port: server.localPort, path, agent }, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => resolve(Buffer.concat(chunks).toString()));
      });
      request.on("error", reject);
    });
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => get(`/${i}`)));
    agent.destroy();
    expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => `GET /${i} HTTP/1.1`));
  });
});
