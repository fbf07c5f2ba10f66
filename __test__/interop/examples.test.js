"use strict";

// No example ends in silence: where the peer refuses, ends early, resets or says something else, and where a port is taken, each
// says so on stderr and ends with another code than 0. What they do when all is well: tls/examples, streams/example,
// connect/example, interop/load-balancer, lifecycle/cluster. Those of Unix sockets: interop/unix-examples. fetch-public: agent/connector.

const dgram = require("node:dgram");
const { readdirSync } = require("node:fs");
const path = require("node:path");
const { ROOT, collect, dial, dialLater, eventually, expendable, listen, once, refusedPort } = require("../helpers");
const { authority, selfSigned } = require("../helpers/certificates");
const { defer } = require("../helpers/cleanup");
const { launch } = require("../helpers/programs");
const { folder, secureServer } = require("../helpers/tls");

jest.setTimeout(30_000);

/** ms that an example may take, on a busy machine. */
const PATIENCE = 20_000;

const own = selfSigned();
const example = (name, ...words) => launch(process.execPath, [path.join(ROOT, "examples", name), ...words.map(String)]);

/** It has ended with a code of its own, and has said why in one or a few lines: no stack, no warning. */
async function expectComplaint(running, pattern) {
  const { code, signal, stderr } = await running.ended(PATIENCE);
  expect(stderr).toMatch(pattern);
  expect(stderr).not.toMatch(/\n {4}at |Warning/);
  expect({ code, signal }).toEqual({ code: 1, signal: null });
}

/** The clients: how each is pointed to a port of 127.0.0.1. */
const CLIENTS = {
  "connect.js": (port) => example("connect.js", "127.0.0.1", port),
  "tcp-echo-client.js": (port) => example("tcp-echo-client.js", "127.0.0.1", port),
  "tls-echo-client.js": (port) => example("tls-echo-client.js", folder({ "ca.pem": own.cert })("ca.pem"), "127.0.0.1", port),
  "tls-starttls.js": (port) => example("tls-starttls.js", "127.0.0.1", port, "localhost"),
};

/** The servers: how each is told its port. */
const SERVERS = {
  "cluster-echo.js": (port) => example("cluster-echo.js", port, 2),
  "graceful.js": (port) => example("graceful.js", port),
  "load-balancer.js": (port) => example("load-balancer.js", port, "127.0.0.1:1"),
  "tcp-echo-server.js": (port) => example("tcp-echo-server.js", port),
  "tcp-proxy.mjs": (port) => example("tcp-proxy.mjs", port, "127.0.0.1", 1),
  "tls-certificate-for.js": (port) => example("tls-certificate-for.js", path.join(ROOT, "examples"), port),
  "tls-certificate-rotation.js": (port) => example("tls-certificate-rotation.js", ...pair(), port),
  "tls-echo-server.js": (port) => example("tls-echo-server.js", ...pair(), port),
};

/** Those with tests of their own below. */
const OTHERS = ["demo.js", "echo-server.mjs", "http-connect-proxy.js", "ssdp-notify.js", "ssdp-search.js", "streams.js", "tls-mutual.js"];

/** Those of interop/unix-examples. */
const UNIX = ["unix-echo-client.js", "unix-echo-server.js", "unix-http-get.js"];

/** The one of agent/connector. */
const FETCH = ["fetch-public.js"];

/** Paths of a certificate and its key. */
function pair() {
  const file = folder({ "cert.pem": own.cert, "key.pem": own.key });
  return [file("cert.pem"), file("key.pem")];
}

test("every example is tested here", () => {
  expect([...Object.keys(CLIENTS), ...Object.keys(SERVERS), ...OTHERS, ...UNIX, ...FETCH].sort()).toEqual(readdirSync(path.join(ROOT, "examples")).sort());
});

describe.each(Object.entries(CLIENTS))("examples/%s", (name, run) => {
  test("where nobody listens", async () => {
    await expectComplaint(run(await refusedPort()), /ECONNREFUSED/);
  });

  test("where the server ends at once", async () => {
    const server = await listen();
    const running = run(server.port);
    (await server.next(PATIENCE)).end();
    await expectComplaint(running, /ended|has not sent back|ERR_TLS_/);
  });

  test("where the server resets, at once and after what it was sent", async () => {
    for (const later of [false, true]) {
      const server = await listen();
      const running = run(server.port);
      const peer = await server.next(PATIENCE);
      if (later && name !== "tls-starttls.js") await once(peer, "data", PATIENCE);
      peer.resetAndDestroy();
      // At once: it may come before the example has sent anything, and after.
      await expectComplaint(running, /ECONNRESET|EPIPE|connection/);
    }
  });

  test("where the server speaks another protocol", async () => {
    const server = await listen();
    const running = run(server.port);
    const peer = await server.next(PATIENCE);
    peer.write("SSH-2.0-OpenSSH_9.9\r\n\r\n");
    peer.resume();
    await expectComplaint(running, /does not speak HTTP|no echo server|no mail server|ERR_TLS_/);
  });
});

describe("examples that are clients, and an answer that is cut off", () => {
  test("connect.js: a head that is not whole", async () => {
    const server = await listen();
    const running = CLIENTS["connect.js"](server.port);
    (await server.next(PATIENCE)).end("HTTP/1.1 200 OK\r\nServer: te");
    await expectComplaint(running, /the answer has ended too early/);
  });

  test("tcp-echo-client.js: half an echo", async () => {
    const server = await listen();
    const running = CLIENTS["tcp-echo-client.js"](server.port);
    (await server.next(PATIENCE)).end("Hello");
    await expectComplaint(running, /has not sent back what it was sent/);
  });

  test("tcp-echo-client.js: an echo in two pieces is one", async () => {
    const server = await listen({ noDelay: true });
    const running = CLIENTS["tcp-echo-client.js"](server.port);
    const peer = await server.next(PATIENCE);
    peer.write("Hello");
    await running.says(/received from server: Hello\n/, PATIENCE);
    peer.end(" World");
    expect(await running.ended(PATIENCE)).toMatchObject({ code: 0, stderr: "" });
  });

  test("tls-echo-client.js: an end after the handshake, and another answer", async () => {
    const server = secureServer({ cert: own.cert, key: own.key });
    for (const [answer, complaint] of [["", /peer has ended/], ["Hello", /peer has ended/], ["Good day, in public", /no echo server/]]) {
      const running = CLIENTS["tls-echo-client.js"](server.localPort);
      const { connectedSocket: peer } = await once(server, "connect", PATIENCE);
      // The client ends with bytes of the handshake unread, which the system may report as a reset.
      expendable(peer).send(answer);
      peer.close();
      await expectComplaint(running, complaint);
    }
  });

  test.each([
    ["ends after the greeting", ["220 mail.test\r\n"], /no whole answer to EHLO client\.example: .*the peer has ended/],
    ["ends within the greeting", ["220-mail.test\r\n220"], /no whole answer to the greeting: .*it began with "220-mail\.test/],
    ["greets with 421", ["421 too busy\r\n"], /the server refuses the greeting: 421 too busy/],
    ["answers EHLO with 421", ["220 mail.test\r\n", "421 shutting down\r\n"], /the server refuses EHLO client\.example: 421 shutting down/],
    ["offers no STARTTLS", ["220 mail.test\r\n", "250-mail.test\r\n250 XSTARTTLSX\r\n"], /the server offers no STARTTLS/],
    ["refuses STARTTLS", ["220 mail.test\r\n", "250-mail.test\r\n250 STARTTLS\r\n", "454 not now\r\n"], /the server refuses STARTTLS: 454 not now/],
    ["ends instead of a handshake", ["220 mail.test\r\n", "250 STARTTLS\r\n", "220 go ahead\r\n"], /handshake|ERR_TLS_|ended|ECONNRESET/],
  ])("tls-starttls.js: the server %s", async (_, answers, complaint) => {
    const server = await listen();
    const running = CLIENTS["tls-starttls.js"](server.port);
    const peer = await server.next(PATIENCE);
    for (const [index, answer] of answers.entries()) {
      if (index > 0) await once(peer, "data", PATIENCE);
      peer.write(answer);
    }
    peer.end();
    peer.resume();
    await expectComplaint(running, complaint);
  });
});

describe.each(Object.entries(SERVERS))("examples/%s", (name, run) => {
  test("where the port is taken", async () => {
    const { port } = await listen({ host: "::" }).catch(() => listen({ host: "0.0.0.0" }));
    // The workers of a cluster share their port by reusePort, which only some systems have.
    const hasNoReusePort = name === "cluster-echo.js" && ["darwin", "win32"].includes(process.platform);
    await expectComplaint(run(port), hasNoReusePort ? /this system does not share a port's load/ : /EADDRINUSE/);
  });

  test("where the port is none", async () => {
    await expectComplaint(run("http"), /localPort must be an integer/);
  });
});

describe("examples that are servers", () => {
  test("echo-server.mjs: where the port is taken", async () => {
    // Whoever has it.
    await listen({ host: "::", port: 6789 }).catch(() => {});
    const { code, stderr } = await example("echo-server.mjs").ended(PATIENCE);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/6789.*EADDRINUSE/) });
  });

  test.each(["tcp-proxy.mjs", "load-balancer.js"])("%s: a target that refuses is told of, and its client reset", async (name) => {
    const target = await refusedPort();
    const running = name === "tcp-proxy.mjs" ? example(name, 0, "127.0.0.1", target) : example(name, 0, `127.0.0.1:${target}`);
    const [, port] = await running.says(/listens on port (\d+)/, PATIENCE);
    for (let count = 1; count <= 2; count++) {
      // It may be reset before it knows that it is connected.
      const client = dialLater(Number(port));
      client.resume();
      await once(client, "close", PATIENCE);
      await eventually(() => running.output.stderr.match(/ECONNREFUSED/g)?.length >= count, "a line for each", PATIENCE);
    }
    expect(running.child.exitCode).toBe(null);
  });

  test("tcp-proxy.mjs: a target that is no address, and one that answers", async () => {
    const bad = example("tcp-proxy.mjs", 0, "no-address", 80);
    const [, port] = await bad.says(/listens on port (\d+)/, PATIENCE);
    await once(dialLater(Number(port)), "close", PATIENCE);
    await bad.says(/"no-address" is no address/, PATIENCE);

    const target = await listen({ allowHalfOpen: true });
    const good = example("tcp-proxy.mjs", 0, "127.0.0.1", target.port);
    const [, front] = await good.says(/listens on port (\d+)/, PATIENCE);
    const client = await dial(Number(front), { allowHalfOpen: true });
    const peer = await target.next(PATIENCE);
    peer.pipe(peer);
    const inbox = collect(client);
    client.end("there and back");
    await inbox.end();
    expect(inbox.text()).toBe("there and back");
  });

  test.each(["tls-echo-server.js", "tls-certificate-rotation.js"])("%s: files that are none", async (name) => {
    const file = folder({ "empty.pem": "" });
    await expectComplaint(example(name, file("none.pem"), file("none.key"), 0), /ENOENT/);
    await expectComplaint(example(name, file("empty.pem"), file("empty.pem"), 0), /ERR_TLS_/);
  });

  test("tls-certificate-for.js: a folder that is none", async () => {
    await expectComplaint(example("tls-certificate-for.js", folder()("none"), 0), /ENOENT/);
  });

  test("a client that resets is told of, and does not end them", async () => {
    const running = SERVERS["tcp-echo-server.js"](0);
    const [, port] = await running.says(/port (\d+)/, PATIENCE);
    const client = await dial(Number(port));
    await running.says(/Connection from/, PATIENCE);
    client.resetAndDestroy();
    await running.says(/Error: .*ECONNRESET/, PATIENCE);
    const inbox = collect(await dial(Number(port)).then((next) => next.write("x") && next));
    await inbox.until(1);
  });

  test.each([
    "load-balancer.js", "tls-certificate-for.js", "tls-certificate-rotation.js", "tls-echo-server.js", "tls-echo-client.js", "tls-mutual.js",
    "tls-starttls.js",
  ])(
    "%s: without its arguments",
    async (name) => {
      await expectComplaint(example(name), new RegExp(`^usage: node ${name.replace(".", "\\.")} `));
    },
  );
});

describe("examples that are both ends", () => {
  test("demo.js: all of it works, and ends with 0", async () => {
    const { code, stdout, stderr } = await example("demo.js").ended(PATIENCE);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("That was all, and it worked.");
  });

  test("tls-mutual.js: a certificate of another authority", async () => {
    const [{ ca, server }, { client: stranger }] = [authority(), authority()];
    const files = { "ca.pem": ca.cert, "server.pem": server.cert, "server.key": server.key, "client.pem": stranger.cert, "client.key": stranger.key };
    const file = folder(files);
    await expectComplaint(example("tls-mutual.js", ...Object.keys(files).map(file)), /ERR_TLS_/);
  });

  test("ssdp-search.js: says who answers, or that nobody does", async () => {
    const { code, stdout, stderr } = await example("ssdp-search.js", "urn:tcp-udp-sockets:nobody:1", 1).ended(PATIENCE);
    expect(code).toBe(stdout.includes("Received data") && stderr === "" ? 0 : 1);
    expect(code === 0 || stderr !== "").toBe(true);
  });

  test("ssdp-notify.js: where the port is taken by who does not share it", async () => {
    const holder = dgram.createSocket("udp4");
    defer(() => holder.close());
    const bound = await new Promise((resolve) => {
      holder.once("error", () => resolve(false));
      holder.bind(1900, () => resolve(true));
    });
    if (!bound) return; // Somebody else has it, who may share it.
    await expectComplaint(example("ssdp-notify.js"), /^Could not listen: .*EADDRINUSE/);
  });
});
