"use strict";

// Agent does for node:http what http.Agent does (R-agent): each test here runs with both.

const { AsyncLocalStorage } = require("node:async_hooks");
const http = require("node:http");
const net = require("node:net");
const { Agent } = require("../../agent");
const { eventually, sleep } = require("../helpers");
const { once } = require("node:events");
const { fetchText, httpServer, listen, tracked } = require("./servers");

/** The sockets of an agent that are idle. */
const idle = (agent) => Object.values(agent.freeSockets).flat();

/** Resolves when the agent has an idle socket. */
const becomesIdle = (agent) => eventually(() => idle(agent).length > 0);

describe.each([["http.Agent", http.Agent], ["Agent", Agent]])("%s", (name, Class) => {
  const make = (options) => tracked(new Class(options));

  test("keep-alive: one socket serves requests one after the other (R-agent)", async () => {
    const { port, sockets } = await httpServer();
    const agent = make({ keepAlive: true });
    const first = await fetchText({ agent, port, path: "/1" });
    await becomesIdle(agent);
    const second = await fetchText({ agent, port, path: "/2", method: "POST", body: Buffer.alloc(300_000) });
    await becomesIdle(agent);
    expect([first.text, second.text]).toEqual(["GET /1 0", "POST /2 300000"]);
    expect([first.reused, second.reused]).toEqual([false, true]);
    expect(sockets.size).toBe(1);
    expect(idle(agent)).toEqual([second.socket]);
    expect(second.socket.remoteAddress).toBe("127.0.0.1");
    expect(second.socket.remotePort).toBe(port);
    expect(second.socket.remoteFamily).toBe("IPv4");
    expect(second.socket.localPort).toBeGreaterThan(0);
    expect(second.socket.address()).toEqual({ address: "127.0.0.1", family: "IPv4", port: second.socket.localPort });
    expect(second.socket.bytesWritten).toBeGreaterThan(300_000);
    expect(second.socket.bytesRead).toBeGreaterThan(100);
  });

  test("without keep-alive each request has a connection, and it ends (R-agent)", async () => {
    const { port, sockets } = await httpServer();
    const agent = make({ keepAlive: false });
    const { socket } = await fetchText({ agent, port });
    if (!socket.destroyed) await once(socket, "close");
    expect(idle(agent)).toEqual([]);
    expect(agent.sockets).toEqual({});
    await eventually(() => sockets.size === 0);
  });

  test("maxSockets queues, and the queued request has its own async context (R-agent, R-context)", async () => {
    const { port } = await httpServer();
    const agent = make({ keepAlive: true, maxSockets: 1 });
    const storage = new AsyncLocalStorage();
    const seen = await Promise.all(
      [1, 2, 3].map((number) =>
        storage.run(number, async () => {
          const { text } = await fetchText({ agent, port, path: `/${number}` });
          return [text, storage.getStore()];
        }),
      ),
    );
    expect(seen).toEqual([["GET /1 0", 1], ["GET /2 0", 2], ["GET /3 0", 3]]);
  });

  test("an error of a reused socket has the context of the request that uses it (R-context)", async () => {
    const { port, sockets } = await httpServer((request, response) => {
      if (request.url === "/lost") request.socket.resetAndDestroy();
      else response.end("ok");
    });
    const agent = make({ keepAlive: true });
    const storage = new AsyncLocalStorage();
    await storage.run("first", () => fetchText({ agent, port, path: "/ok" }));
    await becomesIdle(agent);
    const seen = await storage.run("second", () => {
      const request = http.get({ agent, host: "127.0.0.1", port, path: "/lost" });
      return new Promise((resolve) => {
        request.on("error", ({ code }) => resolve([code, storage.getStore(), request.reusedSocket]));
      });
    });
    expect(seen).toEqual(["ECONNRESET", "second", true]);
    await eventually(() => sockets.size === 0);
  });

  test("maxFreeSockets and scheduling (R-agent)", async () => {
    const { port } = await httpServer();
    const agent = make({ keepAlive: true, maxFreeSockets: 1, scheduling: "fifo" });
    await Promise.all([fetchText({ agent, port }), fetchText({ agent, port }), fetchText({ agent, port })]);
    await eventually(() => Object.keys(agent.sockets).length === 0);
    expect(idle(agent).length).toBe(1);
  });

  test("a server that closes an idle connection takes it from the pool (R-agent)", async () => {
    const { port, sockets } = await httpServer();
    const agent = make({ keepAlive: true });
    await fetchText({ agent, port });
    await becomesIdle(agent);
    const [socket] = idle(agent);
    const closed = once(socket, "close");
    for (const each of sockets) each.end();
    await closed;
    expect(idle(agent)).toEqual([]);
    const { reused } = await fetchText({ agent, port });
    expect(reused).toBe(false);
  });

  test("destroy() ends idle connections with FIN, not with RST (R-agent)", async () => {
    const { port, sockets } = await httpServer();
    const agent = make({ keepAlive: true });
    await fetchText({ agent, port });
    await becomesIdle(agent);
    const [accepted] = sockets;
    const ended = once(accepted, "end");
    agent.destroy();
    await ended;
    expect(accepted.errored).toBe(null);
  });

  test("the timeout of a request is reported while nothing answers, and ends nothing (R-agent)", async () => {
    const { port } = await httpServer(() => {});
    const request = http.get({ agent: make({}), host: "127.0.0.1", port, timeout: 50 });
    await once(request, "timeout");
    expect(request.destroyed).toBe(false);
    const error = new Promise((resolve) => { request.once("error", resolve); });
    request.destroy();
    expect((await error).code).toBe("ECONNRESET");
  });

  test("the agent's timeout destroys an idle socket (R-agent)", async () => {
    const { port } = await httpServer();
    const agent = make({ keepAlive: true, timeout: 200 });
    const { socket } = await fetchText({ agent, port });
    await becomesIdle(agent);
    expect(socket.timeout).toBe(200);
    await once(socket, "close");
    expect(idle(agent)).toEqual([]);
  });

  test("a signal aborts a request half-way, and the server sees the end (R-agent)", async () => {
    const { port, sockets } = await httpServer((request, response) => response.write("half"));
    const controller = new AbortController();
    const request = http.get({ agent: make({ keepAlive: true }), host: "127.0.0.1", port, signal: controller.signal });
    const [response] = await once(request, "response");
    await once(response, "data");
    const failed = once(response, "error");
    const aborted = once(request, "error");
    controller.abort();
    const [[error], [reason]] = [await failed, await aborted];
    expect([error.code, reason.name]).toEqual(["ECONNRESET", "AbortError"]);
    await eventually(() => sockets.size === 0);
  });

  test("a signal aborts a request whose response came before its body was sent: the request has the error (R-agent)", async () => {
    const server = net.createServer((socket) => {
      // Replies, and leaves the body unread.
      socket.pause();
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfull");
    });
    const { port } = await listen(server);
    const controller = new AbortController();
    const request = http.request({ agent: make({ keepAlive: true }), host: "127.0.0.1", port, method: "POST", signal: controller.signal });
    request.end(Buffer.alloc(16 * 1024 * 1024));
    const [response] = await once(request, "response");
    response.resume();
    await once(response, "end");
    const failed = once(request, "error");
    const closed = new Promise((resolve) => { request.socket.on("close", resolve); });
    controller.abort();
    expect((await failed)[0].name).toBe("AbortError");
    expect(await closed).toBe(true);
  });

  test("a signal that is aborted later does not touch the pooled socket (R-agent)", async () => {
    const { port } = await httpServer();
    const agent = make({ keepAlive: true });
    const controller = new AbortController();
    await fetchText({ agent, port, signal: controller.signal });
    await becomesIdle(agent);
    controller.abort();
    expect((await fetchText({ agent, port })).reused).toBe(true);
  });

  test("a body that is given up half-way resets a server that goes on sending (R-agent)", async () => {
    let lose;
    const lost = new Promise((resolve) => {
      lose = resolve;
    });
    const { port } = await httpServer((request, response) => {
      const chunk = Buffer.alloc(65_536);
      const more = () => { while (response.write(chunk)); };
      response.on("drain", more);
      response.on("close", lose);
      more();
    });
    const request = http.get({ agent: make({ keepAlive: true }), host: "127.0.0.1", port });
    const [response] = await once(request, "response");
    await once(response, "data");
    response.destroy();
    await lost;
  });

  test("a slow reader holds the server back (R-agent)", async () => {
    const total = 32 << 20;
    let written = 0;
    const { port } = await httpServer((request, response) => {
      const chunk = Buffer.alloc(65_536);
      const more = () => {
        while (written < total) {
          written += chunk.length;
          if (!response.write(chunk)) return;
        }
        response.end();
      };
      response.on("drain", more);
      more();
    });
    const request = http.get({ agent: make({}), host: "127.0.0.1", port });
    const [response] = await once(request, "response");
    response.pause();
    let before = -1;
    await eventually(async () => {
      const same = written === before;
      before = written;
      await sleep(100);
      return same;
    });
    expect(written).toBeLessThan(total);
    let received = 0;
    for await (const data of response) received += data.length;
    expect(received).toBe(total);
  });

  test("upgrade hands the raw connection over, both ways (R-agent)", async () => {
    const { server, port } = await httpServer();
    server.on("upgrade", (request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhead");
      socket.pipe(socket);
    });
    const headers = { Connection: "Upgrade", Upgrade: "echo" };
    const request = http.get({ agent: make({ keepAlive: true }), host: "127.0.0.1", port, headers });
    const [, socket, head] = await once(request, "upgrade");
    let text = head.toString();
    socket.on("data", (data) => { text += data; });
    socket.write("one ");
    socket.write("two");
    await eventually(() => text.endsWith("two"));
    expect(text).toBe("headone two");
    const ended = once(socket, "end");
    socket.end();
    await ended;
  });

  test("CONNECT through a proxy, and a request over its tunnel (R-agent)", async () => {
    const target = await httpServer();
    const { server, port } = await httpServer();
    server.on("connect", (request, socket) => {
      const [host, to] = request.url.split(":");
      const onwards = net.connect(Number(to), host, () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        socket.pipe(onwards).pipe(socket);
      });
    });
    const request = http.request({ agent: make({}), host: "127.0.0.1", port, method: "CONNECT", path: `127.0.0.1:${target.port}` }).end();
    const [response, socket] = await once(request, "connect");
    expect(response.statusCode).toBe(200);
    const { text } = await fetchText({ createConnection: () => socket, path: "/through" });
    expect(text).toBe("GET /through 0");
  });

  test("a refused connection is an error with a code, and no crash (R-agent)", async () => {
    const { server, port } = await httpServer();
    server.close();
    await expect(fetchText({ agent: make({}), port })).rejects.toMatchObject({ code: "ECONNREFUSED", syscall: "connect", address: "127.0.0.1", port });
  });

  test("the response may end with the connection, whatever its last bytes are (R-agent)", async () => {
    const server = net.createServer((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\n\r\nto the end"));
    });
    const { port } = await listen(server);
    const { text } = await fetchText({ agent: make({ keepAlive: true }), port });
    expect(text).toBe("to the end");
  });

  test("a reset half-way is an error of the response (R-agent)", async () => {
    const server = net.createServer((socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", () => socket.resetAndDestroy()));
    });
    const { port } = await listen(server);
    await expect(fetchText({ agent: make({ keepAlive: true }), port })).rejects.toMatchObject({ code: "ECONNRESET" });
  });
});
