"use strict";

// connector() as the `connect` option of undici, and with the built-in fetch (R-agent). The clients run in a child process, because jest's own
// realm is strange to them.

const { readFileSync } = require("node:fs");
const path = require("node:path");
const { connector } = require("../../agent");
const { expectIsDOMException, run: runBare, runJSON } = require("../helpers");
const { blackHole, blackHoleTest } = require("../helpers/black-hole");
const { clientTest, entry, folder } = require("./clients");
const { httpServer, httpsServer } = require("./servers");

/** Runs a script in which `undici` and the package's classes are at hand. */
function run(undici, script) {
  const source = `const undici = require(${JSON.stringify(path.join(folder, undici))});
    const { Agent, HttpsAgent, connector } = require("./agent");
    const text = async (url, options) => (await undici.request(url, options)).body.text();
    (async () => {${script}})().catch((error) => { console.error(error); process.exit(70); });`;
  return runJSON(source);
}

/** What connector() calls back with. */
function result(options, target) {
  return new Promise((resolve) => {
    connector(options)({ hostname: "127.0.0.1", protocol: "http:", port: "", ...target }, (error, socket) => resolve({ error, socket }));
  });
}

describe.each(["undici6", "undici", "undici8"])("%s", (undici) => {
  clientTest([undici], "request, keep-alive, a body of 300 kB, and the end of the process (R-agent)", async () => {
    const { port, sockets } = await httpServer();
    const got = await run(undici, `
      const dispatcher = new undici.Agent({ connect: connector() });
      const url = "http://127.0.0.1:${port}";
      report([await text(url + "/a", { dispatcher }), await text(url + "/b", { dispatcher, method: "POST", body: Buffer.alloc(300_000) })]);`);
    expect(got).toEqual(["GET /a 0", "POST /b 300000"]);
    expect(sockets.size).toBeLessThanOrEqual(1);
  });

  clientTest([undici], "pipelining (R-agent)", async () => {
    const { port } = await httpServer();
    const got = await run(undici, `
      const client = new undici.Client("http://127.0.0.1:${port}", { pipelining: 8, connect: connector() });
      const all = await Promise.all(Array.from({ length: 20 }, (_, n) => client.request({ path: "/" + n, method: "GET" }).then(({ body }) => body.text())));
      await client.close();
      report(all);`);
    expect(got).toEqual(Array.from({ length: 20 }, (_, n) => `GET /${n} 0`));
  });

  clientTest([undici], "the built-in fetch takes it as dispatcher, and redirects to a refused address fail (R-agent)", async () => {
    const { port } = await httpServer((request, response) => {
      if (request.url === "/leave") response.writeHead(302, { location: `http://127.0.0.2:${port}/secret` }).end();
      else response.end("fine");
    });
    const got = await run(undici, `
      const asked = [];
      const allowAddress = (address) => { asked.push(address); return address !== "127.0.0.2"; };
      const dispatcher = new undici.Agent({ connect: connector({ allowAddress }) });
      const results = [];
      for (const fetch of [globalThis.fetch, undici.fetch]) {
        results.push(await fetch("http://127.0.0.1:${port}/", { dispatcher }).then((response) => response.text(), String));
        results.push(await fetch("http://127.0.0.1:${port}/leave", { dispatcher }).catch(({ message, cause }) => [message, cause.code]));
      }
      report([results, [...new Set(asked)]]);`);
    const [results, asked] = got;
    // Whether the built-in fetch takes a dispatcher of another major version is undici's and Node's affair: see docs/agents.md.
    expect(results.slice(2)).toEqual(["fine", ["fetch failed", "ERR_ADDRESS_BLOCKED"]]);
    expect([results.slice(2), [expect.stringContaining("TypeError"), expect.anything()]]).toContainEqual(results.slice(0, 2));
    expect(asked).toEqual(["127.0.0.1", "127.0.0.2"]);
  });

  clientTest([undici], "TLS: names are verified, sessions resumed, HTTP/2 spoken where it is asked for (R-agent)", async () => {
    const { port, ca } = await httpsServer({}, ({ socket }, response) => response.end(String(socket.isSessionReused())));
    const got = await run(undici, `
      const options = { ca: ${JSON.stringify(ca)}, servername: "localhost" };
      const url = "https://127.0.0.1:${port}/";
      const connect = connector(options);
      const results = [];
      for (let count = 0; count < 2; count++) {
        const dispatcher = new undici.Agent({ connect });
        results.push(await text(url, { dispatcher }));
        await dispatcher.close();
      }
      const wrong = new undici.Agent({ connect: connector({ ...options, servername: "other.test" }) });
      results.push(await text(url, { dispatcher: wrong }).catch(({ code }) => code));
      const none = new undici.Agent({ connect: connector({ servername: "localhost" }) });
      results.push(typeof await text(url, { dispatcher: none }).catch(({ code }) => ({ code })));
      report(results);`);
    expect(got).toEqual(["false", "true", "ERR_TLS_CERT_ALTNAME_INVALID", "object"]);
  });

  clientTest([undici], "HTTP/2 (R-agent)", async () => {
    const { port, ca } = await secure2();
    const got = await run(undici, `
      const connect = connector({ ca: ${JSON.stringify(ca)}, servername: "localhost", allowH2: true });
      const dispatcher = new undici.Agent({ connect, allowH2: true });
      report(await text("https://127.0.0.1:${port}/", { dispatcher }));
      await dispatcher.destroy();`);
    expect(got).toBe("2.0");
  });

  clientTest([undici], "a body that is aborted half-way, a refused connection, a signal (R-agent)", async () => {
    const { port } = await httpServer((request, response) => response.write("half"));
    const got = await run(undici, `
      const dispatcher = new undici.Agent({ connect: connector() });
      const { body } = await undici.request("http://127.0.0.1:${port}/", { dispatcher });
      const results = [];
      body.on("error", ({ name }) => results.push(name));
      await new Promise((resolve) => body.once("data", resolve));
      body.destroy();
      await new Promise((resolve) => body.once("close", resolve));
      results.push(await text("http://127.0.0.1:1/", { dispatcher }).catch(({ code, cause }) => [code, cause.errors.length]));
      const controller = new AbortController();
      const waiting = undici.request("http://127.0.0.1:${port}/", { dispatcher, signal: controller.signal }).then(({ body }) => body.text());
      setTimeout(() => controller.abort(), 20);
      results.push(await waiting.catch(({ name }) => name));
      await dispatcher.destroy();
      report(results.slice(-2));`);
    expect(got).toEqual([["ECONNREFUSED", 1], "AbortError"]);
  });
});

/** An HTTP/2 server that answers with its version. */
async function secure2() {
  const http2 = require("node:http2");
  const { issued, ca } = await httpsServer();
  const { listen } = require("./servers");
  const server = http2.createSecureServer({ cert: issued.server.cert, key: issued.server.key }, (request, response) => response.end(request.httpVersion));
  return { ca, ...(await listen(server)) };
}

describe("connector()", () => {
  test("calls back once, with an open socket or with the error (R-agent)", async () => {
    const { port, server } = await httpServer();
    const { error, socket } = await result({}, { port: String(port) });
    expect([error, socket.connecting, socket.remotePort]).toEqual([null, false, port]);
    socket.destroy();
    server.close();
    await new Promise((resolve) => { server.once("close", resolve); });
    const refused = await result({}, { port: String(port) });
    expectIsDOMException(refused.error, "NetworkError", "ECONNREFUSED");
    expect(refused.socket).toBe(null);
  });

  test("a filter refuses TLS over a connection to a proxy: it would judge only the proxy (R-agent)", async () => {
    const { error } = await result({ allowAddress: () => true }, { protocol: "https:", httpSocket: {} });
    expectIsDOMException(error, "InvalidAccessError");
  });

  blackHoleTest("timeout and connectTimeout limit connecting (R-agent)", async () => {
    const { port } = await blackHole("127.0.0.1");
    for (const options of [{ timeout: 50 }, { connectTimeout: 50 }]) {
      expect((await result(options, { port: String(port) })).error.code).toBe("ETIMEDOUT");
    }
  });
});

describe("libraries that take an agent (R-agent)", () => {
  const clients = {
    axios: `const { default: axios } = await load("axios");
      const client = (url, agent, body) => axios({ url, httpAgent: agent, method: body ? "post" : "get", data: body, proxy: false }).then(({ data }) => data);`,
    got: `const { got } = await load("got");
      const client = (url, agent, body) => got(url, { agent: { http: agent }, method: body ? "POST" : "GET", body, retry: { limit: 0 } }).text();`,
    "node-fetch": `const { default: fetch } = await load("node-fetch");
      const client = (url, agent, body) => fetch(url, { agent, method: body ? "POST" : "GET", body }).then((response) => response.text());`,
  };

  for (const [name, code] of Object.entries(clients)) {
    clientTest([name], `${name}: get, a 300 kB post on the same socket, refused addresses also after a redirect (R-agent)`, async () => {
      const { port } = await httpServer((request, response) => {
        if (request.url === "/leave") response.writeHead(302, { location: `http://127.0.0.2:${port}/secret` }).end();
        else {
          let size = 0;
          request.on("data", (data) => { size += data.length; });
          request.on("end", () => response.end(`${request.method} ${size}`));
        }
      });
      const got = await runJSON(`
        const { pathToFileURL } = require("node:url");
        const { Agent } = require("./agent");
        const load = (name) => import(pathToFileURL(${JSON.stringify(entry(name))}).href);
        (async () => {
          ${code}
          const agent = new Agent({ keepAlive: true, allowAddress: (address) => address !== "127.0.0.2" });
          const url = "http://127.0.0.1:${port}/";
          const results = [await client(url, agent), await client(url, agent, Buffer.alloc(300_000))];
          results.push(await client(url + "leave", agent).catch((error) => error.code ?? error.cause?.code));
          const refused = await client("http://127.0.0.1:1/", agent).catch((error) => error.code ?? error.cause?.code);
          report([...results, refused]);
        })().catch((error) => { console.error(error); process.exit(70); });`);
      expect(got).toEqual(["GET 0", "POST 300000", "ERR_ADDRESS_BLOCKED", "ECONNREFUSED"]);
    });
  }

  clientTest(["ws"], "ws: a WebSocket over an agent (R-agent)", async () => {
    const got = await runJSON(`
      const { WebSocket, WebSocketServer } = require(${JSON.stringify(path.join(folder, "ws"))});
      const { Agent } = require("./agent");
      const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
      server.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
      server.on("listening", () => {
        const socket = new WebSocket("ws://127.0.0.1:" + server.address().port, { agent: new Agent({ keepAlive: true }) });
        socket.on("open", () => socket.send(Buffer.alloc(300_000)));
        socket.on("message", (data) => {
          socket.on("close", (code) => { report([data.length, code]); server.close(); });
          socket.close(1000);
        });
      });`);
    expect(got).toEqual([300_000, 1000]);
  });
});

describe("the documentation (R-agent)", () => {
  const pages = ["README.md", "docs/agents.md"];

  clientTest(["undici"], "the blocks with undici print what the pages show", async () => {
    for (const page of pages) {
      const markdown = readFileSync(path.join(__dirname, "..", "..", page), "utf8");
      const [block] = [...markdown.matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code).filter((code) => code.includes('from "undici"'));
      const required = block
        .replaceAll(/^import (.*) from "undici";$/gm, `const $1 = require(${JSON.stringify(path.join(folder, "undici"))});`)
        .replaceAll(/^import (.*) from "(.*)";$/gm, 'const $1 = require("$2");');
      const shown = [...block.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
      const { stdout, code } = await runBare(`(async () => {${required}})();`, { bare: true });
      expect([page, stdout.trim().split("\n"), code]).toEqual([page, shown, 0]);
    }
  });

  clientTest(["undici"], "examples/fetch-public.js fetches a public address, and refuses one of its own network", async () => {
    const example = path.join(__dirname, "..", "..", "examples", "fetch-public.js");
    const { port } = await httpServer();
    const source = `process.argv[2] = "http://127.0.0.1:${port}/"; require(${JSON.stringify(example)});`;
    const { stderr, code } = await runBare(source, { bare: true, env: { NODE_PATH: folder } });
    expect([stderr.trim(), code]).toEqual(["127.0.0.1 is no public address (ERR_ADDRESS_BLOCKED)", 1]);
  });
});
