"use strict";

// Makes the connections of a play: for each kind the two ends, and the models of both.

const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const process = require("node:process");
const tls = require("node:tls");
const { End } = require("./end");
const { Flow } = require("./flow");
const { ForeignEnd } = require("./foreign");
const { TCPServerSocket, TCPSocket, UnixServerSocket, UnixSocket, connect } = require("..");

/** Milliseconds until an end must have been accepted, or its attempt be over. */
const PATIENCE = 8000;
/** Milliseconds that the other end of a failed attempt may need to come. */
const FAILING = 300;
/** Paths of Unix servers that were used. */
let paths = 0;

/** The options for TLS of each side of a kind. @param {string} kind @param {any} keys */
function secure(kind, keys) {
  const isOurs = ["tls"].includes(kind);
  return {
    server: isOurs || kind === "node-tls-server" ? { secureTransport: keys.own } : {},
    client: isOurs || kind === "node-tls" ? { secureTransport: keys.trust } : {},
  };
}

/** The dialled socket, which a planted fault may wrap. @param {import("./world").World & { plant?: any }} world @param {any} raw */
const wrapped = (world, raw) => (world.plant === undefined ? raw : world.plant(raw));

/**
 * @param {any} world
 * @param {string} kind
 * @param {number} number of the pair
 * @param {{ options: any, style: string }[]} both what was drawn for the dialled and the accepted end
 * @param {(end: any) => void} [early] called with the dialled end at once after `new`
 */
async function makePair(world, kind, number, both, early = () => {}) {
  const there = new Flow(`client ${number} to accepted ${number}`);
  const back = new Flow(`accepted ${number} to client ${number}`);
  const keys = secure(kind, world.keys);
  const framing = kind === "framing" ? { framing: world.plan.framing } : {};
  const [dialledOptions, acceptedOptions] = both.map(({ options }) => ({ ...options, ...framing }));
  const names = [`client ${number}`, `accepted ${number}`];
  const dialled = { out: there, into: back, hasOpened: false, options: dialledOptions };
  const accepted = { out: back, into: there, hasOpened: true, options: acceptedOptions };
  const makeOurs = (/** @type {any} */ make, /** @type {any} */ how = dialled) => {
    const controller = new AbortController();
    return world.inside(() => {
      const raw = make({ ...how.options, ...keys.client, signal: controller.signal });
      const end = new End(world, names[0], wrapped(world, raw), { ...how, controller, raw });
      early(end);
      world.checkStates();
      return end;
    });
  };
  let ends;
  if (kind === "net" || kind === "node-tls") {
    ends = await toForeign(world, kind, names, makeOurs, accepted);
  } else {
    const isUnix = kind === "unix";
    const place = isUnix ? { path: unixPath(world.plan.abstract) } : { localAddress: "127.0.0.1" };
    const server = new (isUnix ? UnixServerSocket : TCPServerSocket)({ ...place, ...serverOptions(acceptedOptions), ...keys.server });
    try {
      ends = await overServer(world, kind, server, names, makeOurs, dialled, accepted);
    } finally {
      server.close();
    }
  }
  const [one, other] = ends;
  if (one !== undefined && other !== undefined) join(one, other);
  return ends;
}

/** The two are the ends of one connection. @param {any} one @param {any} other */
function join(one, other) {
  one.peer = other;
  other.peer = one;
  if (one.isRough || other.isRough) [one, other].forEach((end) => { end.isRough = true; });
}

/** What a server passes on to the sockets that it accepts. @param {any} options */
function serverOptions({ highWaterMark, maxBufferedAmount, allowHalfOpen, framing }) {
  const options = { highWaterMark, maxBufferedAmount, allowHalfOpen, framing };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** A path of at most 100 bytes that nobody has. @param {boolean} isAbstract Linux */
function unixPath(isAbstract) {
  const name = `tus-torture-${process.pid}-${++paths}`;
  return isAbstract && process.platform === "linux" ? `\0${name}` : path.join(os.tmpdir(), name);
}

/** Both ends are ours, or the dialled one is Node's. */
async function overServer(world, kind, server, names, makeOurs, dialled, accepted) {
  /** @type {any} */
  let taken;
  server.addEventListener("connect", (/** @type {any} */ { connectedSocket }) => {
    world.event("server connect");
    taken = new End(world, names[1], wrapped(world, connectedSocket), { ...accepted, raw: connectedSocket });
    if (ends !== undefined) join(ends, taken);
    world.eventDone();
  });
  server.addEventListener("error", (/** @type {any} */ { error }) => {
    world.note(`server error ${error.code}`);
    if (/internal error/.test(error.message)) world.hasServerPanicked = true;
    if (!(ends?.isRough || world.plan.panics)) world.fault("R-srv-error", `the server's error: ${error.message}`);
  });
  let ends;
  if (kind === "connect") {
    const raw = await connect("localhost", server.localPort, { ...dialled.options, dnsQueryType: "ipv4" }).catch((error) => {
      if (!world.plan.panics) world.fault("R-connect", `connect() rejected: ${error}`);
    });
    if (raw === undefined) return [];
    ends = new End(world, names[0], wrapped(world, raw), { ...dialled, hasOpened: true, raw });
  } else if (kind === "net-server" || kind === "node-tls-server") {
    const options = { host: "127.0.0.1", port: server.localPort };
    const socket = kind === "net-server" ? net.connect({ ...options, allowHalfOpen: true }) : tls.connect({ ...options, ca: world.keys.trust.ca, allowHalfOpen: true });
    ends = new ForeignEnd(world, names[0], socket, dialled);
  } else if (kind === "unix") {
    ends = makeOurs((/** @type {any} */ options) => new UnixSocket(server.localPath, without(options, ["noDelay", "keepAliveDelay"])));
  } else {
    ends = makeOurs((/** @type {any} */ options) => new TCPSocket("127.0.0.1", server.localPort, options));
  }
  await world.until(() => ends.hasOpened || ends.isOver, ends.isRough ? FAILING : PATIENCE);
  const isThere = await world.until(() => taken !== undefined, ends.hasOpened && !ends.isRough ? PATIENCE : FAILING) && ends.hasOpened;
  if (!isThere && !ends.isRough && !ends.isOver && !world.plan.panics) world.fault("hang", `no connection came to be: ${world.states()}`);
  return [ends, taken];
}

/** @param {any} options @param {string[]} names */
const without = (options, names) => Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)));

/** The accepting end is Node's. */
async function toForeign(world, kind, names, makeOurs, accepted) {
  const event = kind === "net" ? "connection" : "secureConnection";
  const listening = kind === "net" ? net.createServer({ allowHalfOpen: true }) : tls.createServer({ cert: world.keys.own.cert, key: world.keys.own.key, allowHalfOpen: true });
  /** @type {any} */
  let taken;
  listening.on("tlsClientError", () => {});
  // One whose handshake never ends is Node's to keep.
  listening.on("connection", (socket) => world.defer(() => socket.destroy()));
  listening.on(event, (socket) => {
    taken = new ForeignEnd(world, names[1], socket, accepted);
    join(end, taken);
  });
  await new Promise((resolve) => { listening.listen(0, "127.0.0.1", () => resolve(undefined)); });
  const { port } = /** @type {net.AddressInfo} */ (listening.address());
  const end = makeOurs((/** @type {any} */ options) => new TCPSocket("127.0.0.1", port, options));
  await world.until(() => end.hasOpened || end.isOver, end.isRough ? FAILING : PATIENCE);
  await world.until(() => taken !== undefined, end.hasOpened && !end.isRough ? PATIENCE : FAILING);
  listening.close();
  return [end, taken];
}

module.exports = { makePair, unixPath };
