"use strict";

// What Agent and HttpsAgent add to the runtime's agents (R-agent).

const { once } = require("node:events");
const http = require("node:http");
const https = require("node:https");
const net = require("node:net");
const { Agent, HttpsAgent, connector } = require("../../agent");
const { openSockets } = require("../../testing");
const { eventually, expectIsDOMException, runJSON } = require("../helpers");
const { blackHole, blackHoleTest } = require("../helpers/black-hole");
const { socketPath } = require("../helpers/unix");
const { fetchText, httpServer, httpsServer, listen, tracked } = require("./servers");

const make = (options) => tracked(new Agent(options));

/** The error of a request. */
const failure = (options) =>
  fetchText(options).then(
    ({ text }) => {
      throw new Error(`it succeeded: ${text}`);
    },
    (error) => error,
  );

describe("the filter (R-agent)", () => {
  test("none allowed is ERR_ADDRESS_BLOCKED, and the cause has every address", async () => {
    const asked = [];
    const agent = make({
      lookup: async () => ["127.0.0.1", "::1"],
      allowAddress(address) {
        asked.push(address);
        return false;
      },
    });
    const error = await failure({ agent, host: "any.test", port: 9 });
    expectIsDOMException(error, "NetworkError", "ERR_ADDRESS_BLOCKED");
    expect(asked).toEqual(["127.0.0.1", "::1"]);
    expect(error.cause.errors.map(({ code, address }) => [code, address])).toEqual([
      ["ERR_ADDRESS_BLOCKED", "127.0.0.1"],
      ["ERR_ADDRESS_BLOCKED", "::1"],
    ]);
  });

  test.each(["127.0.0.1", "127.1", "0x7f.1", "2130706433", "0.0.0.0", "[::1]", "::ffff:127.0.0.1", "localhost"])(
    "%s does not get round it", async (host) => {
      const agent = make({ allowAddress: (address) => !/^(127\.|::1$)/.test(address) });
      const error = await failure({ agent, host, port: 9 });
      expect([error.code, error.name].join(" ")).toMatch(/^(ERR_ADDRESS_BLOCKED|ENOTFOUND) |InvalidAccessError$/);
    },
  );

  test("a blockList refuses as well, with a zone, too", async () => {
    const blockList = new net.BlockList();
    blockList.addSubnet("127.0.0.0", 8);
    blockList.addSubnet("fe80::", 10, "ipv6");
    const agent = make({ blockList });
    for (const host of ["127.0.0.1", "fe80::1%lo"]) {
      expect((await failure({ agent, host, port: 9 })).code).toBe("ERR_ADDRESS_BLOCKED");
    }
    const { port } = await httpServer();
    const allowing = make({ blockList: new net.BlockList(), allowAddress: () => true });
    expect((await fetchText({ agent: allowing, port })).text).toBe("GET / 0");
    const both = make({ blockList: new net.BlockList(), allowAddress: () => false });
    expect((await failure({ agent: both, port })).code).toBe("ERR_ADDRESS_BLOCKED");
  });

  test("a function that throws, or returns a promise, fails the request", async () => {
    const reason = new Error("mine");
    const throwing = make({ allowAddress: () => { throw reason; } });
    expect(await failure({ agent: throwing, port: 9 })).toBe(reason);
    const late = make({ allowAddress: async () => true });
    expect(await failure({ agent: late, port: 9 })).toBeInstanceOf(Error);
    const odd = make({ allowAddress: () => { throw undefined; } }); // eslint-disable-line no-throw-literal
    expect((await failure({ agent: odd, port: 9 })).message).toContain("undefined was thrown");
  });

  test("requests to a proxy throw: it would judge only the proxy", () => {
    const agent = make({ allowAddress: () => true });
    for (const options of [{ path: "http://target.test/" }, { method: "CONNECT", path: "target.test:443" }]) {
      expect(() => http.request({ agent, host: "127.0.0.1", port: 9, ...options })).toThrow(/proxy/);
    }
    for (const Class of [Agent, HttpsAgent]) {
      expect(() => new Class({ allowAddress: () => true, proxyEnv: { HTTP_PROXY: "http://127.0.0.1:9" } })).toThrow(/proxyEnv/);
      expect(() => new Class({ connectTimeout: 1, proxyEnv: {} })).toThrow(/connectTimeout/);
    }
  });

  test("a path of a Unix socket has no address, so it is refused", async () => {
    const agent = make({ allowAddress: () => true });
    expect((await failure({ agent, socketPath: "/none" })).code).toBe("ERR_ADDRESS_BLOCKED");
  });

  test("NODE_USE_ENV_PROXY does not lead an agent of ours to a proxy", async () => {
    const asked = await runJSON(
      `const http = require("node:http");
      const { Agent } = require("./agent");
      const asked = [];
      const agent = new Agent({ lookup: async () => ["127.0.0.1"], allowAddress: (address) => { asked.push(address); return false; } });
      http.get("http://target.test:9/", { agent }).on("error", ({ code }) => report([asked, code]));`,
      { env: { NODE_USE_ENV_PROXY: "1", HTTP_PROXY: "http://192.0.2.1:3128", http_proxy: "http://192.0.2.1:3128" } },
    );
    expect(asked).toEqual([["127.0.0.1"], "ERR_ADDRESS_BLOCKED"]);
  });
});

describe("options (R-agent)", () => {
  test.each(["allowAddress", "blockList", "lookup", "connectTimeout", "attemptDelay", "dnsQueryType", "userTimeout"])(
    "%s of a request throws InvalidAccessError, on an idle socket too", async (name) => {
      const { port } = await httpServer();
      const agent = make({ keepAlive: true });
      await fetchText({ agent, port });
      await eventually(() => Object.keys(agent.freeSockets).length > 0);
      for (const module of [http, https]) {
        const used = module === http ? agent : tracked(new HttpsAgent());
        let thrown;
        try {
          module.request({ agent: used, host: "127.0.0.1", port, [name]: () => true });
        } catch (error) {
          thrown = error;
        }
        expectIsDOMException(thrown, "InvalidAccessError");
        expect(thrown.message).toContain(name);
      }
      expect(() => agent.createConnection({ port, [name]: 1 })).toThrow(name);
    },
  );

  test("bad values throw at once, and name the option", () => {
    for (const make of [(options) => new Agent(options), (options) => new HttpsAgent(options), (options) => connector(options)]) {
      expect(() => make({ allowAddress: true })).toThrow(TypeError);
      expect(() => make({ lookup: "dns" })).toThrow(/lookup/);
      expect(() => make({ blockList: [] })).toThrow(/net\.BlockList/);
      expect(() => make({ connectTimeout: -1 })).toThrow(TypeError);
      expect(() => make({ dnsQueryType: "ipv5" })).toThrow(TypeError);
      expect(() => make({ keepAliveInterval: 1 })).toThrow(/whole seconds/);
      expect(() => make({ sendBufferSize: 0 })).toThrow(/sendBufferSize/);
      expect(() => make(3)).toThrow(TypeError);
      for (const name of ["allowaddress", "allowAdress", "alowAddress", "allowAddresss"]) {
        expect(() => make({ [name]: () => false })).toThrow(/did you mean allowAddress/);
      }
    }
  });

  test("family, localAddress and hints of a request are translated", async () => {
    const { port } = await httpServer();
    const lookup = async () => ["127.0.0.1", "::1"];
    const agent = make({ lookup });
    const { socket } = await fetchText({ agent, host: "any.test", port, family: 4, localAddress: "127.0.0.1" });
    expect(socket.localAddress).toBe("127.0.0.1");
    const six = await failure({ agent: make({ lookup: async () => ["127.0.0.1"] }), host: "any.test", port, family: 6 });
    expect(six.code).toBe("ENOTFOUND");
    const { V4MAPPED } = require("node:dns");
    const mapped = await fetchText({ agent: make({ lookup: async () => ["127.0.0.1"] }), host: "any.test", port, family: 6, hints: V4MAPPED });
    expect(mapped.text).toBe("GET / 0");
    expect((await failure({ agent, port, localAddress: "nonsense" })).name).toBe("InvalidAccessError");
    expect((await failure({ agent, port, localAddress: "::1" })).code).toBe("ENOTFOUND");
  });

  test("socketPath leads to a Unix socket, with keep-alive", async () => {
    if (process.platform === "win32") return;
    const path = socketPath();
    const server = http.createServer((request, response) => response.end("unix"));
    server.listen(path);
    await once(server, "listening");
    const agent = make({ keepAlive: true });
    expect((await fetchText({ agent, socketPath: path })).text).toBe("unix");
    await eventually(() => Object.keys(agent.freeSockets).length > 0);
    expect((await fetchText({ agent, socketPath: path })).reused).toBe(true);
    agent.destroy();
    await new Promise((resolve) => { server.close(resolve); });
    expect((await failure({ agent, socketPath: path })).code).toBe("ENOENT");
  });

  test("createConnection() calls back with the stream, or with the error", async () => {
    const { server, port } = await httpServer();
    const agent = make({});
    const stream = await new Promise((resolve, reject) => {
      agent.createConnection({ host: "127.0.0.1", port }, (error, made) => (error ? reject(error) : resolve(made)));
    });
    expect([stream.connecting, stream.readyState, stream.pending]).toEqual([false, "open", false]);
    stream.destroy();
    server.close();
    await once(server, "close");
    const error = await new Promise((resolve) => { agent.createConnection({ host: "127.0.0.1", port }, resolve); });
    expect(error.code).toBe("ECONNREFUSED");
  });
});

describe("connecting (R-agent, R-connect)", () => {
  test("a name without an address is ENOTFOUND, and a lookup's own error is the cause", async () => {
    expect((await failure({ agent: make({ lookup: async () => [] }), host: "any.test", port: 9 })).code).toBe("ENOTFOUND");
    const reason = Object.assign(new Error("mine"), { code: "EMINE" });
    const error = await failure({ agent: make({ lookup: () => Promise.reject(reason) }), host: "any.test", port: 9 });
    expect([error.code, error.cause]).toEqual(["EMINE", reason]);
  });

  test("the socket reports lookup, connectionAttempt, connect and ready, as a net.Socket does", async () => {
    const { port } = await httpServer();
    const request = http.get({ agent: make({ lookup: async () => ["127.0.0.1"] }), host: "any.test", port });
    const seen = [];
    let socket;
    request.once("socket", (given) => {
      socket = given;
      seen.push([socket.connecting, socket.readyState]);
      for (const name of ["lookup", "connectionAttempt", "connect", "ready"]) socket.on(name, (...values) => seen.push([name, ...values]));
    });
    const [response] = await once(request, "response");
    response.resume();
    expect(seen).toEqual([
      [true, "opening"],
      ["lookup", null, "127.0.0.1", 4, "any.test"],
      ["connectionAttempt", "127.0.0.1", port, 4],
      ["connect"],
      ["ready"],
    ]);
    expect(socket.autoSelectFamilyAttemptedAddresses).toEqual([`127.0.0.1:${port}`]);
  });

  blackHoleTest("connectTimeout and timeout work while nothing answers; an abort ends the attempt", async () => {
    const { port } = await blackHole("127.0.0.1");
    expect((await failure({ agent: make({ connectTimeout: 100 }), port })).code).toBe("ETIMEDOUT");
    const request = http.get({ agent: make({}), host: "127.0.0.1", port, timeout: 100 });
    await once(request, "timeout");
    request.destroy(new Error("enough"));
    expect((await once(request, "error"))[0].message).toBe("enough");
    const controller = new AbortController();
    const aborted = failure({ agent: make({}), port, signal: controller.signal });
    controller.abort();
    expect((await aborted).name).toBe("AbortError");
  });

  blackHoleTest("an address that does not answer costs attemptDelay, not the request (R-connect)", async () => {
    const { port } = await blackHole("127.0.0.2");
    const { server } = await listen(http.createServer((request, response) => response.end("answer")));
    server.close();
    const second = http.createServer((request, response) => response.end("answer"));
    second.listen(port, "127.0.0.1");
    await once(second, "listening");
    const agent = make({ lookup: async () => ["127.0.0.2", "127.0.0.1"], attemptDelay: 20 });
    expect((await fetchText({ agent, host: "any.test", port })).text).toBe("answer");
    second.close();
  });
});

test("bytes that come while a socket is idle destroy it: they are no response to the next request (R-agent)", async () => {
  const { port, sockets } = await httpServer();
  const agent = make({ keepAlive: true });
  const { socket } = await fetchText({ agent, port });
  await eventually(() => Object.keys(agent.freeSockets).length > 0);
  const closed = once(socket, "close");
  for (const each of sockets) each.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong");
  await closed;
  expect((await fetchText({ agent, port, path: "/right" })).text).toBe("GET /right 0");
});

test("bytes that wait in the system when an idle socket is reused are no response either (R-agent)", async () => {
  const { port, sockets } = await httpServer();
  const agent = make({ keepAlive: true });
  await fetchText({ agent, port });
  await eventually(() => Object.keys(agent.freeSockets).length > 0);
  for (const each of sockets) each.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong");
  // In the same task, so that nothing was read in between.
  const request = fetchText({ agent, port, path: "/right" });
  const { code, text } = await request.catch((error) => error);
  // Since Node 22 http.Agent asks before it chooses a socket. Elsewhere the request fails as if the server had just closed the connection.
  expect([text, code]).toEqual(text === undefined ? [undefined, "ECONNRESET"] : ["GET /right 0", undefined]);
  expect((await fetchText({ agent, port, path: "/next" })).text).toBe("GET /next 0");
});

describe("unref() of a stream that is connecting (R-agent, R-keep)", () => {
  test("lets the process end during the look-up", async () => {
    const ended = await runJSON(
      `const { Agent } = require("./agent");
      const agent = new Agent({ lookup: () => new Promise(() => {}) });
      agent.createConnection({ host: "any.test", port: 9 }).unref();
      report("unreferenced");`,
    );
    expect(ended).toBe("unreferenced");
  });

  blackHoleTest("lets the process end during the attempts, also with a connectTimeout", async () => {
    const { port } = await blackHole("127.0.0.1");
    const ended = await runJSON(
      `const { Agent } = require("./agent");
      new Agent({ connectTimeout: 60_000 }).createConnection({ host: "127.0.0.1", port: ${port} }).unref();
      report("unreferenced");`,
    );
    expect(ended).toBe("unreferenced");
  });

  test("is undone by ref()", async () => {
    const { port } = await httpServer();
    const connected = await runJSON(
      `const { Agent } = require("./agent");
      const stream = new Agent().createConnection({ host: "127.0.0.1", port: ${port} }).unref().ref();
      stream.once("connect", () => {
        report("connected");
        stream.destroy();
      });`,
    );
    expect(connected).toBe("connected");
  });
});

test("setNoDelay(), setKeepAlive(), ref(), unref() and setTimeout() return the stream, and check their arguments (R-agent)", async () => {
  const { port } = await httpServer();
  const stream = make({}).createConnection({ host: "127.0.0.1", port });
  expect(stream.setNoDelay(false).setKeepAlive(true, 1500).ref().unref().setTimeout(0)).toBe(stream);
  await once(stream, "connect");
  expect(stream.setNoDelay().setKeepAlive().setKeepAlive(true)).toBe(stream);
  expect(() => stream.setTimeout("5")).toThrow(TypeError);
  expect(() => stream.setTimeout(-1)).toThrow(TypeError);
  let closed = 0;
  stream.on("close", (hadError) => { closed += hadError ? 100 : 1; });
  stream.resetAndDestroy();
  await once(stream, "close");
  stream.destroy();
  expect([closed, stream.destroyed, stream.readyState]).toEqual([1, true, "closed"]);
});

test("a closed connection leaves no socket behind (R-agent)", async () => {
  const { port } = await httpServer();
  const agent = make({ keepAlive: true });
  await Promise.all(Array.from({ length: 5 }, () => fetchText({ agent, port })));
  agent.destroy();
  await eventually(() => openSockets().length === 0);
});

test.each([["Agent", "http", "{ keepAlive: true }"], ["HttpsAgent", "https", "{ keepAlive: true, rejectUnauthorized: false }"]])(
  "an idle socket of %s does not keep the process alive (R-agent)", async (Class, module, options) => {
    const { port, issued } = module === "http" ? await httpServer() : await httpsServer();
    expect(issued === undefined).toBe(module === "http");
    const text = await runJSON(
      `const { ${Class} } = require("./agent");
      require("node:${module}").get({ agent: new ${Class}(${options}), host: "127.0.0.1", port: ${port} }, (response) => {
        response.setEncoding("utf8").once("data", report);
      });`,
    );
    expect(text).toBe("GET / 0");
  },
);
