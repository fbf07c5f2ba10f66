"use strict";

// R-unknown: others' names for options of ours are ignored with one warning, and what nobody knows without a word. (Those of TLS:
// __test__/tls/unknown-options.test.js.)

const { TCPServerSocket, TCPSocket, UDPSocket, connect } = require("../..");
const { FOREIGN_NAMES, foreign } = require("../../lib/foreign-names");
const { checkUnknown } = require("../../lib/unknown-options");
const { expendable, run, runJSON } = require("../helpers");
const { UnixServerSocket, obstacle, socketPath, unix } = require("../helpers/unix");

/** Opens and closes a UnixServerSocket with a path of its own and the options of a Proxy. */
function unixServerWith(options) {
  const path = socketPath();
  new UnixServerSocket(new Proxy(options, { get: (target, name) => target[name] ?? (name === "path" ? path : undefined) })).close();
}

/** The warnings of a script, as `[name, message]`. */
function warningsOf(script) {
  return runJSON(`
    const warnings = [];
    process.on("warning", ({ name, message }) => warnings.push([name, message]));
    const sockets = [];
    ${script}
    setTimeout(() => {
      for (const socket of sockets) socket.close();
      report(warnings);
    }, 100);
  `);
}

const client = (options) => `
  const socket = new TCPSocket("127.0.0.1", 9, ${options});
  socket.onerror = () => {};
  sockets.push(socket);
`;
const server = (options) => `sockets.push(new TCPServerSocket(${options}));`;
const unixClient = (options) => `
  const socket = new UnixSocket("/nowhere/socket", ${options});
  socket.onerror = () => {};
  sockets.push(socket);
`;
const unixServer = (options) => `
  const path = require("node:path").join(require("node:os").tmpdir(), "tus-" + process.pid);
  sockets.push(new UnixServerSocket({ path, ...${options} }));
`;
const udp = (options) => `sockets.push(new UDPSocket(${options}));`;
const connecting = (options) => `connect("127.0.0.1", 9, ${options}).catch(() => {});`;

describe("R-unknown: another's name for an option of ours", () => {
  test.each([
    ["a server's port", server("{ port: 80 }"), "port", "localPort"],
    ["a server's host", server('{ host: "127.0.0.1" }'), "host", "localAddress"],
    ["a server's hostname", server('{ hostname: "127.0.0.1" }'), "hostname", "localAddress"],
    ["a server's keepAlive", server("{ keepAlive: true }"), "keepAlive", "keepAliveDelay"],
    ["a server's exclusive", server("{ exclusive: true }"), "exclusive", "reusePort"],
    ["a client's timeout", client("{ timeout: 1000 }"), "timeout", "connectTimeout"],
    ["a client's keepAliveInitialDelay", client("{ keepAliveInitialDelay: 1 }"), "keepAliveInitialDelay", "keepAliveDelay"],
    ["a client's nodelay", client("{ nodelay: true }"), "nodelay", "noDelay"],
    ["a client's port", client("{ port: 1 }"), "port", "second argument"],
    ["a client's host", client('{ host: "x" }'), "host", "first argument"],
    ["a client's localAddr", client('{ localAddr: "127.0.0.1" }'), "localAddr", "localAddress"],
    ["a client's lookup", client("{ lookup() {} }"), "lookup", "connect\\(\\)"],
    ["connect()'s family", connecting("{ family: 4 }"), "family", "dnsQueryType"],
    ["connect()'s autoSelectFamily", connecting("{ autoSelectFamily: false }"), "autoSelectFamily", "dnsQueryType"],
    ...(obstacle ? [] : [
      ["a Unix client's port", unixClient("{ port: 80 }"), "port", "a path"],
      ["a Unix client's host", unixClient('{ host: "x" }'), "host", "a path"],
      ["a Unix client's path", unixClient('{ path: "x" }'), "path", "first argument"],
      ["a Unix client's timeout", unixClient("{ timeout: 1000 }"), "timeout", "connectTimeout"],
      ["a Unix server's port", unixServer("{ port: 80 }"), "port", "a path"],
      ["a Unix server's socketPath", unixServer('{ socketPath: "x" }'), "socketPath", "path"],
      ["a Unix server's readableAll", unixServer("{ readableAll: true }"), "readableAll", "mode"],
      ["a Unix server's writableAll", unixServer("{ writableAll: true }"), "writableAll", "mode"],
    ]),
    ["a UDP socket's port", udp("{ port: 0 }"), "port", "localPort"],
    ["a UDP socket's address", udp('{ address: "127.0.0.1" }'), "address", "localAddress"],
    ["a UDP socket's reuseAddr", udp("{ reuseAddr: true }"), "reuseAddr", "addressReuse"],
    ["a UDP socket's recvBufferSize", udp("{ recvBufferSize: 1 }"), "recvBufferSize", "receiveBufferSize"],
    ["a UDP socket's ttl", udp("{ ttl: 1 }"), "ttl", "timeToLive"],
    ["a UDP socket's multicastTTL", udp("{ multicastTTL: 1 }"), "multicastTTL", "multicastTimeToLive"],
    ["a UDP socket's localport", udp("{ localport: 1 }"), "localport", "localPort"],
  ])("%s is ignored with a warning that names ours", async (_, script, name, ours) => {
    const warnings = await warningsOf(script);
    expect(warnings.map(([kind]) => kind)).toEqual(["UnknownOptionWarning"]);
    expect(warnings[0][1]).toMatch(new RegExp(`options\\.${name} is ignored.* use .*${ours}`));
  });

  test("is warned of once for each name, whoever is given it", async () => {
    const warnings = await warningsOf(`
      for (let i = 0; i < 3; i++) {
        ${server("{ port: 80, keepAlive: true }")}
        ${udp("{ port: 80 }")}
        ${server("{ keepAlive: true }")}
      }
    `);
    expect(warnings.map(([, message]) => /options\.(\w+)/.exec(message)[1]).sort()).toEqual(["keepAlive", "port"]);
  });

  test("is printed as node prints warnings", async () => {
    const { code, stderr } = await run("new TCPServerSocket({ port: 80 }).close();");
    expect(code).toBe(0);
    expect(stderr.match(/UnknownOptionWarning: TCPServerSocket constructor: options\.port is ignored/g)?.length).toBe(1);
  });

  test.each([
    ["undefined", server("{ port: undefined, host: undefined }")],
    ["known ones", server("{ localPort: 0, backlog: 5 }") + udp("{ timeToLive: 5 }") + client("{ connectTimeout: 1000 }")],
    ["known ones of connect()", connecting('{ attemptDelay: 10, dnsQueryType: "ipv4", lookup() {}, allowAddress: () => true, noDelay: true }')],
    ["names that nobody knows", server("{ foo: 1, certain: 2, keys: 3, keyboard: 4, catalog: 5, constructor: 6, __proto__: null }")],
    ["options of another kind", client("{ backlog: 1, timeToLive: 1 }")],
    ["no options", server("undefined") + udp("null") + client("{}")],
  ])("is none: %s", async (_, script) => {
    expect(await warningsOf(script)).toEqual([]);
  });
});

describe("the tables of names (R-unknown)", () => {
  afterEach(() => jest.restoreAllMocks());
  const kinds = ["client", "connect", "server", "udp", "unix", "unixServer"];
  /** What is read of options is what is known: a Proxy tells. */
  const known = (make) => {
    const names = [];
    make(new Proxy({}, { get: (_, name) => void names.push(name) }));
    return names;
  };
  const members = new Set([
    ...known((options) => new TCPServerSocket(options).close()),
    ...known((options) => new UDPSocket(options).close()),
    ...known((options) => {
      const socket = new TCPSocket("127.0.0.1", 9, options);
      socket.onerror = () => {};
      socket.close();
    }),
    ...known((options) => connect("127.0.0.1", 9, options).catch(() => {})),
    ...(obstacle ? [] : known((options) => expendable(unix(socketPath(), options)).reset())),
    ...(obstacle ? [] : known(unixServerWith)),
  ]);

  test("no name of another's option, and no option of ours, is taken for one of TLS", () => {
    expect(members.size).toBeGreaterThan(25);
    const others = kinds.flatMap((kind) => [...foreign(kind).keys()]);
    jest.spyOn(process, "emitWarning").mockImplementation(() => {});
    for (const name of [...members, ...others].filter((each) => !/^(useS|s)ecureTransport$|^allowAddress$/.test(each))) {
      for (const kind of kinds) {
        checkUnknown({ [name]: 1 }, new Set(), kind, name);
      }
    }
  });

  test("what a warning advises is an option of ours, or an argument", () => {
    const here = kinds.filter((kind) => obstacle === undefined || !kind.startsWith("unix"));
    for (const ours of here.flatMap((kind) => [...foreign(kind).values()])) {
      expect(/argument|connect\(\)|a path/.test(ours) || members.has(/^\w+/.exec(ours)[0])).toBe(true);
    }
  });
});

/** The members that a call reads of its options. */
function membersRead(call) {
  const names = [];
  call(new Proxy({}, { get: (_, name) => void names.push(name) }));
  return names;
}

test.each([
  ["client", (options) => expendable(new TCPSocket("127.0.0.1", 9, options)).reset()],
  ["connect", (options) => connect("127.0.0.1", 9, options).catch(() => {})],
  ["server", (options) => new TCPServerSocket(options).close()],
  ["udp", (options) => new UDPSocket(options).close()],
  ...(obstacle ? [] : [["unix", (options) => expendable(unix(socketPath(), options)).reset()], ["unixServer", unixServerWith]]),
])("%s: what is advised is an option there (R-unknown)", (kind, call) => {
  const advised = Object.keys(FOREIGN_NAMES[kind]).filter((name) => /^\w+$/.test(name));
  expect(membersRead(call)).toEqual(expect.arrayContaining(advised));
});
