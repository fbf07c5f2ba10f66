"use strict";

// HttpsAgent does for node:https what https.Agent does (R-agent): each test of the first part runs with both.

const { once } = require("node:events");
const https = require("node:https");
const net = require("node:net");
const { HttpsAgent } = require("../../agent");
const { eventually } = require("../helpers");
const { defer } = require("../helpers/cleanup");
const { blackHole, blackHoleTest } = require("../helpers/black-hole");
const { fetchText, httpServer, httpsServer, tracked } = require("./servers");

const get = (options) => fetchText({ module: https, ...options });
const idle = (agent) => Object.values(agent.freeSockets).flat();

describe.each([["https.Agent", https.Agent], ["HttpsAgent", HttpsAgent]])("%s", (name, Class) => {
  const make = (options) => tracked(new Class(options));

  test("keep-alive, addresses, and a body of 300 kB (R-agent)", async () => {
    const { port, ca } = await httpsServer();
    const agent = make({ keepAlive: true });
    const first = await get({ agent, port, ca });
    await eventually(() => idle(agent).length > 0);
    const second = await get({ agent, port, ca, method: "POST", body: Buffer.alloc(300_000) });
    expect([first.text, second.text, second.reused]).toEqual(["GET / 0", "POST / 300000", true]);
    const { socket } = second;
    expect(socket.encrypted).toBe(true);
    expect(socket.authorized).toBe(true);
    expect([socket.remoteAddress, socket.remotePort, socket.remoteFamily]).toEqual(["127.0.0.1", port, "IPv4"]);
    expect(socket.getPeerCertificate().subject.CN).toBe("localhost");
  });

  test("the chain and the name are verified, by checkServerIdentity of the options, too (R-agent)", async () => {
    const { port, ca } = await httpsServer();
    await expect(get({ agent: make({}), port })).rejects.toMatchObject({ code: expect.stringMatching(/^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/) });
    await expect(get({ agent: make({}), port, ca, servername: "other.test" })).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    const reason = new Error("mine");
    await expect(get({ agent: make({ ca, checkServerIdentity: () => reason }), port })).rejects.toBe(reason);
    expect((await get({ agent: make({ rejectUnauthorized: false }), port })).text).toBe("GET / 0");
  });

  test.each(["when the end is told", "a little later"])("a write after the peer's FIN without close_notify is no error: %s (R-agent)", async (when) => {
    const { port, ca } = await httpsServer();
    // It passes everything on, but ends the client's side by itself.
    const passed = [];
    const proxy = net.createServer({ allowHalfOpen: true }, (client) => {
      const onward = net.connect(port, "127.0.0.1");
      client.on("error", () => {}).pipe(onward.on("error", () => {}));
      onward.on("data", (data) => client.write(data));
      passed.push(client, onward);
    });
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    defer(() => {
      proxy.close();
      for (const socket of passed) socket.destroy();
    });
    const socket = make({}).createConnection({ host: "127.0.0.1", port: proxy.address().port, ca, servername: "localhost" });
    defer(() => socket.destroy());
    await once(socket, "secureConnect");
    const errors = [];
    socket.on("error", ({ code }) => errors.push(code)).resume();
    const closed = once(socket, "close");
    if (when === "when the end is told") socket.on("end", () => socket.write("late"));
    passed[0].end();
    if (when === "a little later") setTimeout(() => socket.destroyed || socket.write("late"), 2);
    await closed;
    expect(errors).toEqual([]);
  });

  test("servername, ALPN, and a certificate of the client (R-agent)", async () => {
    const seen = [];
    const { issued } = await httpsServer();
    const { port } = await httpsServer(
      { cert: issued.server.cert, key: issued.server.key, ca: issued.ca.cert, requestCert: true, ALPNProtocols: ["http/1.1"] },
      ({ socket }, response) => {
        seen.push([socket.servername, socket.alpnProtocol, socket.authorized, socket.getPeerCertificate().subject.CN]);
        response.end();
      },
    );
    const { cert, key } = issued.client;
    await get({ agent: make({ cert, key, ca: issued.ca.cert }), port, servername: "localhost", ALPNProtocols: ["http/1.1"] });
    expect(seen).toEqual([["localhost", "http/1.1", true, "client"]]);
  });

  test("a session is resumed (R-agent)", async () => {
    const { port, ca } = await httpsServer();
    const agent = make({ keepAlive: false, maxCachedSessions: 10 });
    let made;
    const session = new Promise((resolve) => {
      const request = https.get({ agent, host: "127.0.0.1", port, ca }, (response) => response.resume());
      request.once("socket", (socket) => {
        made = socket;
        socket.once("session", resolve);
      });
    });
    await session;
    const { socket } = await get({ agent, port, ca });
    expect([Boolean(made.isSessionReused()), socket.isSessionReused()]).toEqual([false, true]);
  });

  test("a server that has closed already makes no error of the end of TLS (R-agent)", async () => {
    // Its system answers our close_notify with RST.
    const { port, ca } = await httpsServer();
    const agent = make({ keepAlive: false });
    const errors = [];
    for (let round = 0; round < 10; round++) {
      const results = await Promise.all(Array.from({ length: 10 }, () => get({ agent, port, ca })));
      for (const { request } of results) request.on("error", (error) => errors.push(error));
      await Promise.all(results.map(({ socket }) => (socket.destroyed ? undefined : once(socket, "close"))));
    }
    expect(errors).toEqual([]);
  });

  test("keylog lines are emitted (R-agent)", async () => {
    const { port, ca } = await httpsServer();
    const agent = make({});
    const lines = [];
    agent.on("keylog", (line) => lines.push(line.toString()));
    await get({ agent, port, ca });
    expect(lines.some((line) => /^(CLIENT_|SERVER_)/.test(line))).toBe(true);
  });

  test("connect comes before secureConnect, and connecting is true until then (R-agent)", async () => {
    const { port, ca } = await httpsServer();
    const request = https.get({ agent: make({}), host: "127.0.0.1", port, ca });
    const [socket] = await once(request, "socket");
    const seen = [socket.connecting];
    socket.on("connect", () => seen.push("connect", socket.connecting));
    socket.on("secureConnect", () => seen.push("secureConnect"));
    const [response] = await once(request, "response");
    response.resume();
    expect(seen).toEqual([true, "connect", false, "secureConnect"]);
  });

  test("a refused connection, and a server without TLS, are errors with a code (R-agent)", async () => {
    const { port, server } = await httpServer();
    await expect(get({ agent: make({}), port })).rejects.toMatchObject({ code: expect.stringMatching(/^(EPROTO|ERR_SSL_|ECONNRESET)/) });
    server.close();
    await once(server, "close");
    await expect(get({ agent: make({}), port })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("the timeout of a request is reported (R-agent)", async () => {
    const { port, ca } = await httpsServer({}, () => {});
    const request = https.get({ agent: make({}), host: "127.0.0.1", port, ca, timeout: 100 });
    await once(request, "timeout");
    request.on("error", () => {});
    request.destroy();
  });

  test("destroy() ends idle connections, and the server notices (R-agent)", async () => {
    const { port, ca, sockets } = await httpsServer();
    const agent = make({ keepAlive: true });
    await get({ agent, port, ca });
    await eventually(() => idle(agent).length > 0);
    agent.destroy();
    await eventually(() => sockets.size === 0);
  });
});

test("a filter refuses before TLS (R-agent)", async () => {
  const agent = tracked(new HttpsAgent({ allowAddress: () => false }));
  await expect(get({ agent, host: "localhost", port: 9 })).rejects.toMatchObject({ code: "ERR_ADDRESS_BLOCKED" });
});

blackHoleTest("connectTimeout covers connecting and TLS (R-agent)", async () => {
  const { port } = await blackHole("127.0.0.1");
  const agent = tracked(new HttpsAgent({ connectTimeout: 100 }));
  await expect(get({ agent, port })).rejects.toMatchObject({ code: "ETIMEDOUT" });
  const mute = await httpServer();
  mute.server.removeAllListeners("connection");
  await expect(get({ agent, port: mute.port })).rejects.toMatchObject({ code: "ETIMEDOUT", message: expect.stringContaining("connectTimeout") });
});
