"use strict";

// util.inspect() and console.log() of a socket (R-diagnostics).

const { Console } = require("node:console");
const { PassThrough } = require("node:stream");
const util = require("node:util");
const { TCPServerSocket, TCPSocket, UDPSocket, expendable, once, settle, start, tcp, tcpServer, track, udp } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { UnixServerSocket, UnixSocket, socketPath, unix, unixServer, unixTest } = require("../helpers/unix");

const DENO = Symbol.for("Deno.customInspect");

/** A server, and both ends of a connection to it. */
async function connected(options = {}, serverOptions = {}) {
  const server = tcpServer(serverOptions);
  const accepting = once(server, "connect");
  const client = tcp("127.0.0.1", server.localPort, options);
  const [{ connectedSocket }] = await Promise.all([accepting, once(client, "open")]);
  return { server, client, accepted: track(connectedSocket) };
}

test("shows a TCPSocket in one line, in each state (R-diagnostics)", async () => {
  const server = tcpServer();
  const client = tcp("127.0.0.1", server.localPort);
  const ends = `local: '127.0.0.1:${client.localPort}', remote: '127.0.0.1:${server.localPort}', secureTransport: 'off'`;
  const line = (state, read, written) =>
    `TCPSocket { readyState: '${state}', ${ends}, bytesRead: ${read}, bytesWritten: ${written}, bufferedAmount: 0 }`;
  expect(util.inspect(client)).toBe(line("connecting", 0, 0));
  const accepting = once(server, "connect");
  await once(client, "open");
  expect(util.inspect(client)).toBe(line("open", 0, 0));
  const accepted = track((await accepting).connectedSocket);
  expect(util.inspect(accepted)).toBe(
    `TCPSocket { readyState: 'open', local: '127.0.0.1:${server.localPort}', remote: '127.0.0.1:${client.localPort}', ` +
      "secureTransport: 'off', bytesRead: 0, bytesWritten: 0, bufferedAmount: 0 }",
  );
  client.send("12345");
  await once(accepted, "message");
  accepted.send("123");
  await once(client, "message");
  const closed = once(client, "close");
  client.close();
  expect(util.inspect(client)).toBe(line("closing", 3, 5));
  await closed;
  expect(util.inspect(client)).toBe(line("closed", 3, 5));
});

test("shows what waits to be sent", async () => {
  const { client } = await connected();
  client.send("abc");
  expect(util.inspect(client)).toContain("bufferedAmount: 3 }");
});

test("shows a failed TCPSocket", async () => {
  const server = tcpServer();
  const { localPort } = server;
  server.close();
  const client = expendable(new TCPSocket("127.0.0.1", localPort));
  await once(client, "error");
  expect(util.inspect(client)).toMatch(/^TCPSocket \{ readyState: 'closed', local: '[\d.:]+', remote: '127\.0\.0\.1:\d+', .* \}$/);
});

test("shows the protocol and the application's of a TLS connection", async () => {
  const { ca, server: certificate } = authority();
  const secureTransport = { cert: certificate.cert, key: certificate.key, alpn: ["h2"] };
  const asked = { secureTransport: { ca: ca.cert, alpn: ["h2"] } };
  const { server, client, accepted } = await connected(asked, { secureTransport });
  expect(util.inspect(client)).toContain("secureTransport: 'TLSv1.3 h2'");
  expect(util.inspect(accepted)).toContain("secureTransport: 'TLSv1.3 h2'");
  expect(util.inspect(server)).toContain("secureTransport: 'on'");
  const without = await connected({ secureTransport: { ca: ca.cert } }, { secureTransport: { cert: certificate.cert, key: certificate.key } });
  expect(util.inspect(without.client)).toContain("secureTransport: 'TLSv1.3',");
  expect(util.inspect(tcp("127.0.0.1", server.localPort, asked))).toContain("secureTransport: 'on'");
  expect(util.inspect(tcp("127.0.0.1", server.localPort, { secureTransport: "starttls" }))).toContain("secureTransport: 'starttls'");
});

test("shows a TCPServerSocket, open and closed", async () => {
  const { server } = await connected();
  const line = (state) => `TCPServerSocket { readyState: '${state}', local: '127.0.0.1:${server.localPort}', connections: 1, secureTransport: 'off' }`;
  expect(util.inspect(server)).toBe(line("open"));
  server.close();
  expect(util.inspect(server)).toBe(line("closed"));
});

test("shows a UDPSocket, with the destination that its options give", async () => {
  const figures = "bytesRead: 0, bytesWritten: 0, datagramsDropped: 0, bufferedAmount: 0 }";
  const bare = udp();
  expect(util.inspect(bare)).toBe(`UDPSocket { readyState: 'open', local: '127.0.0.1:${bare.localPort}', ${figures}`);
  const socket = udp({ remoteAddress: "127.0.0.1", remotePort: bare.localPort });
  expect(util.inspect(socket)).toContain(`remote: '127.0.0.1:${bare.localPort}', ${figures}`);
  expect(util.inspect(udp({ remotePort: 53 }))).toContain("remote: 'port 53'");
  expect(util.inspect(udp({ remoteAddress: "127.0.0.1" }))).toContain("remote: '127.0.0.1'");
  socket.send("four");
  await once(bare, "message");
  bare.close();
  expect(util.inspect(bare)).toMatch(/readyState: 'closed', .* bytesRead: 4, /);
});

unixTest("Unix sockets are shown with their paths", async () => {
  const path = socketPath();
  const server = unixServer({ path });
  const accepting = once(server, "connect");
  const client = unix(path);
  const figures = "secureTransport: 'off', bytesRead: 0, bytesWritten: 0, bufferedAmount: 0 }";
  expect(util.inspect(client)).toBe(`UnixSocket { readyState: 'connecting', local: '', remote: '${path}', ${figures}`);
  const accepted = track((await accepting).connectedSocket);
  expect(util.inspect(accepted)).toBe(`UnixSocket { readyState: 'open', local: '${path}', remote: '', ${figures}`);
  expect(util.inspect(server)).toBe(`UnixServerSocket { readyState: 'open', local: '${path}', connections: 1, secureTransport: 'off' }`);
});

unixTest("a path with a line break stays on one line", () => {
  const server = unixServer({ path: `${socketPath()}\nend` });
  expect(util.inspect(server, { breakLength: 1, compact: false })).toMatch(/^UnixServerSocket \{ .*\\nend', connections: 0, .* \}$/);
});

test.each([
  ["by default", {}],
  ["with a small breakLength", { breakLength: 1 }],
  ["with compact: false", { compact: false }],
  ["with showHidden and getters", { showHidden: true, getters: true, depth: null }],
])("stays on one line %s, also in another object", async (_, options) => {
  const { client } = await connected();
  const text = util.inspect(client, options);
  expect(text).toMatch(/^TCPSocket \{ readyState: 'open', .*, bufferedAmount: 0 \}$/);
  expect(util.inspect([[client]], { ...options, depth: null })).toContain(text);
});

test("a socket below `depth` is its name alone, and colours are the runtime's", () => {
  const socket = udp();
  expect(util.inspect({ socket }, { depth: 0 })).toBe("{ socket: [UDPSocket] }");
  expect(util.inspect({ socket }, { depth: 0, colors: true })).toBe("{ socket: \x1b[36m[UDPSocket]\x1b[39m }");
  expect(util.inspect(socket, { colors: true })).toContain("readyState: \x1b[32m'open'\x1b[39m");
  expect(util.inspect(socket, { depth: 0 })).toContain("readyState: 'open'");
});

test("a subclass shows its name and the interface's", () => {
  class Beacon extends UDPSocket {}
  const beacon = track(new Beacon());
  expect(util.inspect(beacon)).toMatch(/^Beacon \[UDPSocket\] \{ readyState: 'open', /);
  expect(util.inspect({ beacon }, { depth: 0 })).toBe("{ beacon: [Beacon [UDPSocket]] }");
  expect(util.inspect(track(new (class extends UDPSocket {})()))).toMatch(/^UDPSocket \{ /);
  expect(util.inspect(track(new (class extends UDPSocket { static name = "a\nb"; })()))).toMatch(/^a\\nb \[UDPSocket\] \{ /);
  expect(util.inspect(track(new (class extends UDPSocket { static get name() { throw new Error("read"); } })()))).toMatch(/^UDPSocket \{ /);
});

describe.each([TCPSocket, TCPServerSocket, UDPSocket, UnixSocket, UnixServerSocket])("%o", (Interface) => {
  test("an object that is no socket is shown as the runtime does", () => {
    class Sub extends Interface {}
    expect(util.inspect(Object.create(Interface.prototype))).toBe(`${Interface.name} {}`);
    expect(util.inspect(Object.create(Sub.prototype), { depth: 0 })).toBe(`Sub [${Interface.name}] {}`);
    for (const each of [Interface.prototype, Sub.prototype, new Proxy(Object.create(Interface.prototype), {})]) {
      expect(util.inspect(each)).toContain(Interface.name);
    }
    const inspector = Interface.prototype[util.inspect.custom];
    for (const value of [undefined, null, 1, "text", {}, Object.create(null)]) {
      expect(inspector.call(value, 2, { customInspect: true }, util.inspect)).toBe(util.inspect(value, { customInspect: false }));
    }
  });

  test("its inspectors are not enumerable", () => {
    for (const symbol of [util.inspect.custom, DENO]) {
      expect(Object.getOwnPropertyDescriptor(Interface.prototype, symbol)).toMatchObject({ enumerable: false, writable: true, configurable: true });
    }
  });
});

test("Deno's way gives the same", () => {
  const socket = udp();
  const asked = (options) => socket[DENO](util.inspect, options);
  expect(asked({})).toBe(util.inspect(socket));
  expect(asked({ currentDepth: 1, depth: 2 })).toBe(util.inspect(socket));
  expect(asked({ currentDepth: 3, depth: 2 })).toBe("[UDPSocket]");
});

test("inspection takes no stream and makes no promise: bytes still go to listeners (R-diagnostics)", async () => {
  const { client, accepted } = await connected();
  const output = new PassThrough();
  for (const socket of [client, accepted]) {
    util.inspect(socket, { showHidden: true, getters: true, depth: null });
    new Console(output).log(socket);
    new Console(output).dir(socket, { showHidden: true });
  }
  const messages = once(client, "message");
  accepted.send("still an event");
  expect(Buffer.from((await messages).data).toString()).toBe("still an event");
});

test("inspection starts no reading: what came before a listener is all there (R-listen)", async () => {
  const { client, accepted } = await connected();
  util.inspect(client);
  accepted.send("one");
  await settle();
  expect(util.inspect(client)).toContain("bytesRead: 0");
  expect(Buffer.from((await once(client, "message")).data).toString()).toBe("one");
  expect(util.inspect(client)).toContain("bytesRead: 3");
});

test("a getter that the program has put before the package's is not called", () => {
  const socket = udp();
  for (const name of ["readyState", "localAddress", "localPort", "bytesRead", "bufferedAmount"]) {
    Object.defineProperty(socket, name, { get: () => { throw new Error(`${name} was read`); } });
  }
  expect(util.inspect(socket)).toMatch(/^UDPSocket \{ readyState: 'open', /);
});

test("console.log() of a lost connection changes nothing: the process ends by itself", async () => {
  const { code, stdout, stderr } = await start(`
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const client = new TCPSocket("127.0.0.1", server.localPort);
    server.onconnect = ({ connectedSocket }) => { console.log(connectedSocket); connectedSocket.reset(); server.close(); };
    client.onerror = () => console.log(client);
    client.onclose = () => console.log({ server, client });`).done;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^TCPSocket \{ readyState: 'open'.*\nTCPSocket \{ readyState: 'closed'.*\n\{\n {2}server: TCPServerSocket \{.*\},\n {2}client: TCPSocket \{.*\}\n\}\n$/);
});
