"use strict";

// The exchanges that the sweep breaks: plain, TLS 1.2 and 1.3 with the package at both ends or node:tls at one, startTls(), and relay().

const tls = require("node:tls");
const path = require("node:path");
const { certificate, authority } = require("../helpers/certificates");
const { SPOKEN, all, playClient, playServer, watch } = require("./endpoint");

const { TCPSocket, TCPServerSocket, relay } = require(path.join(__dirname, "..", ".."));

const { ca } = authority();
const identity = certificate({ name: "localhost", issuer: ca, dns: ["localhost", "*.fresh.test"], ip: ["127.0.0.1"], usage: ["serverAuth"] });
const SERVER = { cert: identity.cert, key: identity.key };

/** What startTls()'s exchange says before TLS. */
const ASK = "go\n";
const GRANT = "ok\n";

/** ms of each limit that a case sets where it must not end by itself. */
const SHORT = 400;
const LONG = 25_000;

let names = 0;
/** Options of a TLS client. A name that no other connection has makes a full handshake. @param {boolean} [resumes] */
const clientTLS = (resumes = false) => ({ ca: ca.cert, sni: resumes ? "localhost" : `n${(names += 1)}.fresh.test` });

/**
 * Brings what a server accepts, or the failure of a handshake, to the case whose connection it is. The peer's address recognises it: each
 * connection has one of its own in 127.0.0.0/8. (Ports are used again soon after a reset.) Each connection gives one value.
 */
function switchboard() {
  /** @type {Map<string, (value: any) => void>} */
  const wanted = new Map();
  return {
    deliver(address, value) {
      const take = wanted.get(address);
      wanted.delete(address);
      take?.(value);
    },
    watch(address, take) {
      wanted.set(address, take);
    },
  };
}

let connections = 0;
/** An address of 127.0.0.0/8 that no other connection has. */
function ownAddress() {
  connections += 1;
  return `127.${1 + (connections >> 16)}.${(connections >> 8) & 255}.${connections & 255}`;
}

/** The package's server. What it accepts and what fails goes to the case whose connection it is. @param {object} options */
function ours(options) {
  const board = switchboard();
  const make = (limits) => {
    const server = new TCPServerSocket({ localAddress: "127.0.0.1", ...options, ...limits });
    server.onconnect = ({ connectedSocket }) => {
      // Until its case is known.
      connectedSocket.suspend();
      board.deliver(connectedSocket.remoteAddress, { record: watch(connectedSocket, "server") });
    };
    server.onerror = ({ error }) => board.deliver(error.address, { error });
    return server;
  };
  const servers = { short: make(serverLimits(true)), long: make(serverLimits(false)) };
  return {
    port: (isShort) => (isShort ? servers.short : servers.long).localPort,
    board,
    close() {
      servers.short.close();
      servers.long.close();
    },
  };
}

/** The time limits of a client. @param {boolean} isShort */
function clientLimits(isShort) {
  const ms = isShort ? SHORT : LONG;
  return { idleTimeout: ms, closeTimeout: ms, connectTimeout: ms };
}

/** Those of a server. @param {boolean} isShort */
function serverLimits(isShort) {
  const ms = isShort ? SHORT : LONG;
  return { idleTimeout: ms, closeTimeout: ms, handshakeTimeout: ms };
}

/** Lets a node:tls socket play a role. Returns what it receives. @param {tls.TLSSocket} socket @param {"client" | "server"} role @param {boolean} isShort */
function playTheirs(socket, role, isShort) {
  const received = [];
  const peer = {
    received,
    /** Whether it ended its part because the other end had ended before it had said all. */
    endedEarly: false,
    isDone: false,
  };
  let replied = false;
  const other = role === "client" ? "server" : "client";
  socket.on("error", () => {});
  socket.setTimeout(isShort ? SHORT : LONG, () => socket.destroy());
  if (role === "client") socket.once("secureConnect", () => socket.write(SPOKEN.client[0]));
  socket.on("data", (chunk) => {
    received.push(chunk);
    if (!replied && Buffer.concat(received).length >= SPOKEN[other][0].length) {
      replied = true;
      if (role === "client") socket.end(SPOKEN.client[1]);
      else socket.write(SPOKEN.server[0]);
    }
  });
  socket.on("end", () => {
    peer.endedEarly = !replied;
    if (role === "client") socket.end();
    else socket.end(replied ? SPOKEN.server[1] : all("server"));
  });
  socket.once("close", () => {
    peer.isDone = true;
  });
  return peer;
}

/** A node:tls server; each connection goes to its case. @param {tls.TlsOptions} options */
async function theirs(options) {
  const board = switchboard();
  const make = (isShort) => {
    const server = tls.createServer({ ...SERVER, allowHalfOpen: true, handshakeTimeout: isShort ? SHORT : LONG, ...options });
    server.on("secureConnection", (socket) => board.deliver(socket.remoteAddress, { theirs: playTheirs(socket, "server", isShort) }));
    server.on("tlsClientError", (_, socket) => socket.destroy());
    return server;
  };
  const servers = { short: make(true), long: make(false) };
  for (const server of Object.values(servers)) await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (isShort) => (isShort ? servers.short : servers.long).address().port,
    board,
    close() {
      servers.short.close();
      servers.long.close();
    },
  };
}

/** A client of the package through the proxy. */
function ourClient(make) {
  return ({ port, isShort }) => {
    const record = watch(new TCPSocket("127.0.0.1", port, { ...clientLimits(isShort), ...make() }), "client");
    playClient(record);
    return { ours: [record], theirs: [] };
  };
}

/** Serves what the board delivers for one case as the ordinary server role. */
function ourServer(end, { record, error }) {
  if (error !== undefined) {
    end.failures.push(error);
    return;
  }
  end.ours.push(record);
  playServer(record);
  record.socket.resume();
}

/**
 * An exchange. `dial` connects to the proxy. `serve` handles what the proxy's connection becomes at the server.
 *
 * @typedef {object} Exchange
 * @property {boolean} secure whether all bytes, but for a prologue, are TLS records
 * @property {boolean} [isWithNode] whether one end is node:tls
 * @property {boolean} [isToNode] whether that is the server
 * @property {boolean} [relayed] whether a relay is between the ends
 * @property {{ up: number, down: number }} [prologue] how many plain bytes come before TLS
 * @property {() => Promise<any> | any} open starts the servers
 * @property {(how: { port: number, isShort: boolean, servers: any, end: any }) => { ours: any[], theirs: any[] }} dial
 * @property {(end: any, value: any) => unknown} serve
 */

/** @type {Record<string, Exchange>} */
const EXCHANGES = {
  plain: { secure: false, open: () => ours({}), dial: ourClient(() => ({})), serve: ourServer },
  "TLS 1.3": {
    secure: true,
    open: () => ours({ secureTransport: SERVER }),
    dial: ourClient(() => ({ secureTransport: clientTLS() })),
    serve: ourServer,
  },
  "TLS 1.3, resumed": {
    secure: true,
    open: () => ours({ secureTransport: SERVER }),
    dial: ourClient(() => ({ secureTransport: clientTLS(true) })),
    serve: ourServer,
  },
};

for (const version of ["TLSv1.2", "TLSv1.3"]) {
  const only = { minVersion: version, maxVersion: version };
  EXCHANGES[`${version.replace("v", " ")} from node:tls`] = {
    secure: true,
    isWithNode: true,
    open: () => ours({ secureTransport: SERVER }),
    dial: ({ port, isShort }) => {
      const socket = tls.connect({ host: "127.0.0.1", port, ca: ca.cert, servername: "localhost", allowHalfOpen: true, ...only });
      return { ours: [], theirs: [playTheirs(socket, "client", isShort)] };
    },
    serve: ourServer,
  };
  EXCHANGES[`${version.replace("v", " ")} to node:tls`] = {
    secure: true,
    isWithNode: true,
    isToNode: true,
    open: () => theirs(only),
    dial: ourClient(() => ({ secureTransport: clientTLS() })),
    serve: (end, { theirs: peer }) => end.theirs.push(peer),
  };
}

EXCHANGES.startTls = {
  secure: true,
  prologue: { up: ASK.length, down: GRANT.length },
  open: () => ours({}),
  dial: ({ port, isShort }) => {
    const record = watch(new TCPSocket("127.0.0.1", port, clientLimits(isShort)), "client");
    record.prologue = true;
    const { socket } = record;
    socket.addEventListener("open", () => socket.send(ASK));
    let asked = false;
    let plain = 0;
    socket.addEventListener("message", function granted({ data }) {
      plain += data.byteLength;
      if (asked || plain < GRANT.length) return;
      asked = true;
      socket.removeEventListener("message", granted);
      record.prologue = false;
      record.received.length = 0;
      record.follow("startTls", socket.startTls(clientTLS())).then(
        () => {
          playClient(record, true);
        },
        () => {},
      );
    });
    socket.addEventListener("halfclose", () => socket.close());
    return { ours: [record], theirs: [] };
  },
  serve: (end, { record, error }) => {
    if (error !== undefined) {
      end.failures.push(error);
      return;
    }
    end.ours.push(record);
    record.prologue = true;
    const { socket } = record;
    let plain = 0;
    let asked = false;
    socket.addEventListener("message", function ask({ data }) {
      plain += data.byteLength;
      if (asked || plain < ASK.length) return;
      asked = true;
      socket.removeEventListener("message", ask);
      record.prologue = false;
      record.received.length = 0;
      socket.send(GRANT);
      record.follow("startTls", socket.startTls(SERVER)).then(
        () => playServer(record),
        () => {},
      );
    });
    socket.addEventListener("halfclose", () => {
      if (!asked) socket.close();
    });
    socket.resume();
  },
};

/** relay(): the proxy is in front of the relaying server, or behind it. The other link is direct. */
function relayExchange({ behind, front, back }) {
  return {
    secure: behind ? back : front,
    relayed: true,
    async open() {
      const ends = ours(back ? { secureTransport: SERVER } : {});
      const middle = ours(front ? { secureTransport: SERVER } : {});
      return {
        port: (isShort) => (behind ? ends : middle).port(isShort),
        board: behind ? ends.board : middle.board,
        ends,
        middle,
        close() {
          ends.close();
          middle.close();
        },
      };
    },
    dial({ port, isShort, servers, end }) {
      const firstPort = behind ? servers.middle.port(isShort) : port;
      // In front, the proxy's own address recognises the connection at the relaying server; behind it, the client's does.
      const localAddress = ownAddress();
      const record = watch(new TCPSocket("127.0.0.1", firstPort, { localAddress, ...clientLimits(isShort), ...(front && { secureTransport: clientTLS() }) }), "client");
      playClient(record);
      end.relay = ({ record: accepted, error }) => {
        if (error !== undefined) {
          end.failures.push(error);
          return;
        }
        end.relays.push(accepted);
        const toPort = behind ? port : servers.ends.port(isShort);
        const fromAddress = ownAddress();
        if (!behind) servers.ends.board.watch(fromAddress, (value) => ourServer(end, value));
        const options = { localAddress: fromAddress, ...clientLimits(isShort), ...(back && { secureTransport: clientTLS() }) };
        const onward = watch(new TCPSocket("127.0.0.1", toPort, options), "client");
        end.relays.push(onward);
        onward.socket.opened.then(
          () => {
            end.relayPromise = relay(accepted.socket, onward.socket);
            accepted.follow("relay", end.relayPromise).catch(({ name }) => {
              // One had ended before relay() was called: nothing joins the two.
              if (name === "InvalidStateError") for (const { socket } of end.relays) socket.reset();
            });
          },
          () => accepted.socket.reset(),
        );
      };
      if (behind) servers.middle.board.watch(localAddress, end.relay);
      return { ours: [record], theirs: [] };
    },
    serve: (end, value) => (behind ? ourServer(end, value) : end.relay(value)),
  };
}

EXCHANGES["relay, in front"] = relayExchange({ behind: false, front: false, back: false });
EXCHANGES["relay, behind"] = relayExchange({ behind: true, front: false, back: false });
EXCHANGES["relay from TLS, in front"] = relayExchange({ behind: false, front: true, back: false });
EXCHANGES["relay to TLS, behind"] = relayExchange({ behind: true, front: false, back: true });
EXCHANGES["relay of TLS to TLS, in front"] = relayExchange({ behind: false, front: true, back: true });

module.exports = { EXCHANGES, ownAddress };
