"use strict";

// setOptions() of connections and of servers (R-live), and the options of constructors that came with it (R-keepalive).

const {
  TCPServerSocket, TCPSocket, acceptedPair, both, collect, expectDOMException, families, listen, once, pattern, record, settle, tcp,
  tcpPair, tcpServer, track,
} = require("../helpers");
const { authority } = require("../helpers/certificates");
const { kernelOptions, kernelTest } = require("../helpers/kernel-options");
const { secureBoth } = require("../helpers/tls");
const { connect } = require("../..");

const PROBES = ["SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"];
const ALL = [...PROBES, "TCP_NODELAY", "TCP_USER_TIMEOUT", "IP_TOS"];
const MIB = 1024 * 1024;

const { ca, server: identity } = authority();

/** For each kind of connection: a function that makes a client and its server's socket. */
const KINDS = {
  plain: () => both(families[0]),
  TLS: () => secureBoth({ server: { cert: identity.cert, key: identity.key }, client: { ca: ca.cert } }),
};

describe.each(Object.entries(KINDS))("setOptions() on a live connection, %s (R-live)", (_, pair) => {
  kernelTest("sets each option in the kernel, at both ends", async () => {
    const { client, accepted } = await pair();
    for (const socket of [client, accepted]) {
      socket.setOptions({
        keepAliveCount: 5, keepAliveDelay: 8000, keepAliveInterval: 3000, noDelay: false, typeOfService: 184, userTimeout: 9000,
        receiveBufferSize: 30_000, sendBufferSize: 20_000,
      });
      expect(kernelOptions(socket, [...ALL, "SO_SNDBUF", "SO_RCVBUF"])).toEqual({
        SO_KEEPALIVE: 1, TCP_KEEPIDLE: 8, TCP_KEEPINTVL: 3, TCP_KEEPCNT: 5, TCP_NODELAY: 0, TCP_USER_TIMEOUT: 9000, IP_TOS: 184,
        // Linux doubles both.
        SO_SNDBUF: 40_000, SO_RCVBUF: 60_000,
      });
      socket.setOptions({ keepAliveDelay: 0, noDelay: true, typeOfService: 0, userTimeout: 0 });
      expect(kernelOptions(socket, [...ALL])).toMatchObject({ SO_KEEPALIVE: 0, TCP_NODELAY: 1, TCP_USER_TIMEOUT: 0, IP_TOS: 0 });
    }
    const inbox = collect(accepted);
    client.send("still there");
    await inbox.until(11);
  });

  kernelTest("keepAliveDelay alone sets interval and count too, the first time; later each changes alone (R-keepalive)", async () => {
    const { client } = await pair();
    expect(kernelOptions(client, PROBES)).toMatchObject({ SO_KEEPALIVE: 0 });
    client.setOptions({ keepAliveDelay: 2001 });
    expect(kernelOptions(client, PROBES)).toEqual({ SO_KEEPALIVE: 1, TCP_KEEPIDLE: 3, TCP_KEEPINTVL: 1, TCP_KEEPCNT: 10 });
    client.setOptions({ keepAliveInterval: 7000 });
    client.setOptions({ keepAliveCount: 2 });
    client.setOptions({ keepAliveDelay: 5000 });
    expect(kernelOptions(client, PROBES)).toEqual({ SO_KEEPALIVE: 1, TCP_KEEPIDLE: 5, TCP_KEEPINTVL: 7, TCP_KEEPCNT: 2 });
  });

  kernelTest("keepAliveInterval and keepAliveCount do not turn probes on", async () => {
    const { client } = await pair();
    client.setOptions({ keepAliveInterval: 7000, keepAliveCount: 3 });
    expect(kernelOptions(client, PROBES)).toMatchObject({ SO_KEEPALIVE: 0, TCP_KEEPINTVL: 7, TCP_KEEPCNT: 3 });
    client.setOptions({ keepAliveDelay: 1000 });
    expect(kernelOptions(client, PROBES)).toEqual({ SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1, TCP_KEEPINTVL: 7, TCP_KEEPCNT: 3 });
  });
});

describe("options of constructors", () => {
  const options = { keepAliveDelay: 4000, keepAliveInterval: 2000, keepAliveCount: 6, userTimeout: 5000, typeOfService: 8, noDelay: false };
  const inKernel = {
    SO_KEEPALIVE: 1, TCP_KEEPIDLE: 4, TCP_KEEPINTVL: 2, TCP_KEEPCNT: 6, TCP_USER_TIMEOUT: 5000, IP_TOS: 8, TCP_NODELAY: 0,
  };

  kernelTest("a client's, connect()'s and a server's are set (R-keepalive)", async () => {
    const server = tcpServer(options);
    const connected = once(server, "connect");
    const client = tcp("127.0.0.1", server.localPort, options);
    await once(client, "open");
    const accepted = track((await connected).connectedSocket);
    server.onconnect = ({ connectedSocket }) => track(connectedSocket);
    const found = track(await connect("127.0.0.1", server.localPort, options));
    for (const socket of [client, accepted, found]) expect(kernelOptions(socket, ALL)).toEqual(inKernel);
  });

  kernelTest("typeOfService is that of an IPv6 connection, and of an IPv4 one on a dual-stack server", async () => {
    const server = track(new TCPServerSocket({ typeOfService: 16 }));
    for (const [host, names] of [["127.0.0.1", { IP_TOS: 16 }], ["::1", { IPV6_TCLASS: 16 }]]) {
      const connected = once(server, "connect");
      const client = tcp(host, server.localPort, { typeOfService: 32 });
      await once(client, "open");
      const { connectedSocket } = await connected;
      expect(kernelOptions(track(connectedSocket), Object.keys(names))).toEqual(names);
      expect(kernelOptions(client, Object.keys(names))).toEqual(Object.fromEntries(Object.keys(names).map((name) => [name, 32])));
    }
  });
});

describe("setOptions() of a server: the sockets that it accepts from then on (R-live)", () => {
  kernelTest("have what it sets, also those that waited in the backlog; those before keep theirs", async () => {
    const server = track(new TCPServerSocket({ localAddress: "127.0.0.1", typeOfService: 8 }));
    const accept = async () => {
      const connected = once(server, "connect");
      const client = tcp("127.0.0.1", server.localPort);
      await once(client, "open");
      return track((await connected).connectedSocket);
    };
    const before = await accept();
    server.suspend();
    const waiting = tcp("127.0.0.1", server.localPort);
    await once(waiting, "open");
    const connected = once(server, "connect");
    server.setOptions({ typeOfService: 16, noDelay: false, keepAliveDelay: 3000, userTimeout: 4000 });
    server.resume();
    const changed = { IP_TOS: 16, TCP_NODELAY: 0, SO_KEEPALIVE: 1, TCP_KEEPIDLE: 3, TCP_KEEPINTVL: 1, TCP_KEEPCNT: 10, TCP_USER_TIMEOUT: 4000 };
    for (const socket of [track((await connected).connectedSocket), await accept()]) {
      expect(kernelOptions(socket, ALL)).toEqual(changed);
    }
    expect(kernelOptions(before, ALL)).toMatchObject({ IP_TOS: 8, TCP_NODELAY: 1, SO_KEEPALIVE: 0 });
  });

  test.each(families)("$name: highWaterMark and maxConnections", async ({ serve, connectTo }) => {
    const server = serve({ highWaterMark: 1000 });
    const accept = async () => {
      const connected = once(server, "connect");
      const client = connectTo(server);
      await once(client, "open");
      return { client: track(client), accepted: track((await connected).connectedSocket) };
    };
    const before = await accept();
    server.setOptions({ highWaterMark: 1, maxConnections: 2 });
    const after = await accept();
    expect(before.accepted.send("xx")).toBe(true);
    expect(after.accepted.send("xx")).toBe(false);
    server.onconnect = () => {};
    const refused = once(server, "error");
    const third = connectTo(server);
    third.onerror = () => {};
    expect((await refused).error.message).toMatch(/maxConnections/);
    server.setOptions({ maxConnections: 3 });
    expect((await accept()).accepted.readyState).toBe("open");
  });
});

describe.each(families)("setOptions() of a $name (R-live)", (family) => {
  const { pair } = family;

  test("highWaterMark and maxBufferedAmount count from the next send() on", async () => {
    const { socket, peer } = await pair();
    peer.pause();
    socket.setOptions({ highWaterMark: 10 });
    expect(socket.send("0123456789")).toBe(true);
    expect(socket.send("x")).toBe(false);
    socket.setOptions({ highWaterMark: 100 });
    expect(socket.send("x")).toBe(true);
    socket.setOptions({ maxBufferedAmount: 20 });
    const log = record(socket, ["error", "close"]);
    socket.send("more than twenty bytes");
    expect((await log.until("error")).event.error.code).toBe("ENOBUFS");
  });

  test("closeTimeout, while the flush is under way: a shorter one, and none", async () => {
    const { socket, peer } = await pair({ options: { closeTimeout: 600_000 } });
    peer.pause();
    socket.send(pattern(16 * MIB));
    const log = record(socket, ["error", "close"]);
    socket.close();
    await settle();
    socket.setOptions({ closeTimeout: 200 });
    const { event } = await log.until("error");
    expect(event.error.code).toBe("ETIMEDOUT");
    expect(event.error.message).toMatch(/closeTimeout \(200 ms\)/);
    await log.until("close");
  });

  test.each([
    ["keepAlive… without TCP", family.name === "UnixSocket" ? { keepAliveDelay: 1 } : { path: "x" }],
    ["an option of the constructor alone", { allowHalfOpen: true }],
    ["an unknown one", { nonsense: 1 }],
    ["a good one before a bad one", { highWaterMark: 5, signal: AbortSignal.timeout(1000) }],
  ])("refuses %s, and changes nothing", async (_, options) => {
    const { socket } = await pair();
    const error = expectDOMException(() => socket.setOptions(options), "InvalidAccessError");
    expect(error.message).toMatch(/^\w+Socket\.setOptions\(\): options\.\w+ cannot be changed; it takes closeTimeout, highWaterMark, /);
    expect(socket.send("0123456789")).toBe(true);
  });

  test("undefined changes nothing, nor do null and {} ; no argument is a TypeError", async () => {
    const { socket } = await pair();
    for (const options of [undefined, null, {}, { highWaterMark: undefined, nonsense: undefined }]) {
      expect(socket.setOptions(options)).toBeUndefined();
    }
    expect(socket.setOptions.length).toBe(1);
    expect(() => socket.setOptions()).toThrow(TypeError);
    expect(() => socket.setOptions(5)).toThrow(TypeError);
    expect(() => socket.setOptions({ highWaterMark: -1 })).toThrow(TypeError);
    expect(() => family.Socket.prototype.setOptions.call({}, {})).toThrow(TypeError);
  });

  test("throws InvalidStateError on a closed socket, after the checks of its argument", async () => {
    const { socket } = await pair();
    socket.reset();
    expectDOMException(() => socket.setOptions({ highWaterMark: 1 }), "InvalidStateError");
    expectDOMException(() => socket.setOptions({ nonsense: 1 }), "InvalidAccessError");
    expect(() => socket.setOptions({ highWaterMark: -1 })).toThrow(TypeError);
  });

  test("works before `open`, and while the socket is closing", async () => {
    const server = await family.listen({ allowHalfOpen: true });
    const socket = family.connectTo(server);
    socket.setOptions({ highWaterMark: 3, closeTimeout: 1000 });
    await once(socket, "open");
    expect(socket.send("four")).toBe(false);
    socket.halfclose();
    socket.setOptions({ closeTimeout: 500, idleTimeout: 10_000 });
    const peer = await server.next();
    peer.end();
    await once(socket, "close");
  });
});

describe("bad values, in constructors and in setOptions() (R-keepalive, R-range)", () => {
  const REFUSED = {
    keepAliveInterval: [0, 1, 999, 1500, 32_768_000],
    keepAliveCount: [0, 128, 4_294_967_295],
    typeOfService: [1, 2, 3, 255],
    sendBufferSize: [0],
    receiveBufferSize: [0],
  };
  const cases = Object.entries(REFUSED).flatMap(([name, values]) => values.map((value) => [name, value]));

  test.each(cases)("%s: %s throws InvalidAccessError", async (name, value) => {
    const { socket } = await acceptedPair();
    const makers = [() => socket.setOptions({ [name]: value }), () => new TCPSocket("127.0.0.1", 9, { [name]: value })];
    if (!name.endsWith("BufferSize")) makers.push(() => new TCPServerSocket({ [name]: value }));
    for (const make of makers) {
      expect(expectDOMException(make, "InvalidAccessError").message).toContain(`options.${name}`);
    }
  });

  test.each(["keepAliveInterval", "keepAliveCount", "userTimeout", "idleTimeout", "typeOfService"])("%s out of range is a TypeError", (name) => {
    for (const value of [-1, NaN, "x", name === "typeOfService" ? 256 : 4_294_967_296]) {
      expect(() => new TCPSocket("127.0.0.1", 9, { [name]: value })).toThrow(TypeError);
      expect(() => new TCPServerSocket({ [name]: value })).toThrow(TypeError);
    }
  });

  kernelTest("what the system refuses is NetworkError that names the option, and those before it stay; in a constructor InvalidAccessError", async () => {
    const { socket } = await tcpPair();
    // The kernel takes a signed number.
    const options = { noDelay: false, userTimeout: 4_294_967_295, highWaterMark: 1 };
    const error = expectDOMException(() => socket.setOptions(options), "NetworkError", "EINVAL");
    expect(error.message).toMatch(/^TCPSocket\.setOptions\(\): the system refuses userTimeout/);
    expect(kernelOptions(socket, ["TCP_NODELAY"])).toEqual({ TCP_NODELAY: 0 });
    expect(socket.send("xx")).toBe(true);
    const { port } = await listen();
    expectDOMException(() => new TCPSocket("127.0.0.1", port, { userTimeout: 4_294_967_295 }), "InvalidAccessError", "EINVAL");
  });
});
