"use strict";

// Random operations on servers: clients come and go while the server accepts, waits, refuses, shuts down, closes and opens again on the same port.

const net = require("node:net");
const { thrown } = require("./actions");
const { runPlain } = require("./datagrams");
const { resetForeign } = require("./foreign");
const { unixPath } = require("./pairs");
const { suspending } = require("./suspending");
const { shown, turn } = require("./world");
const { TCPServerSocket, TCPSocket, UnixServerSocket, UnixSocket } = require("..");

/** One socket of a connection: whether its events come as they may. */
class Party {
  events = [];
  isOver = false;

  constructor(world, name, socket, hasOpened) {
    Object.assign(this, { world, name, socket, hasOpened, received: 0 });
    for (const type of ["open", "error", "close", "halfclose", "message"]) {
      socket.addEventListener(type, (event) => {
        world.event(`${name} ${type} ${event.error?.code ?? ""}`);
        if (this.isOver) world.fault("R-task", `${name}: ${type} fired after the last event (${this.events})`);
        this.events.push(type);
        if (type === "open") this.hasOpened = true;
        if (type === "message") this.message(new Uint8Array(event.data));
        if (type === "close" || (type === "error" && !this.hasOpened)) this.isOver = true;
        if (type === "halfclose") socket.close();
        world.eventDone();
      });
    }
    world.keep(`${name}.closed`, socket.closed);
  }

  message(bytes) {
    this.received += bytes.length;
    if (this.isServer && this.socket.readyState === "open") this.socket.send(bytes);
    if (!this.isServer && this.received > this.sent) this.world.fault("R-tcp-order", `${this.name} got ${this.received} bytes back of ${this.sent}`);
  }
}

/** A server, the clients that have dialled it, and what the model knows. */
class ServerEnd {
  state = "open";
  isOver = false;
  isSuspended = false;
  queued = [];
  clients = [];
  accepted = [];
  listeners = [];
  isListening = false;
  maxConnections = Infinity;
  refused = 0;

  constructor(world, number, kind, localPort) {
    this.world = world;
    this.kind = kind;
    this.name = `server ${number}`;
    this.controller = new AbortController();
    const place = kind === "server-unix" ? { path: unixPath(number % 2 === 0) } : { localAddress: "127.0.0.1", ...(localPort !== undefined && { localPort }) };
    const secure = kind === "server-tls" ? { secureTransport: world.own } : {};
    const Server = kind === "server-unix" ? UnixServerSocket : TCPServerSocket;
    this.socket = world.inside(() => new Server({ ...place, ...secure, signal: this.controller.signal, handshakeTimeout: 3000 }));
    this.port = this.socket.localPort;
    this.path = this.socket.localPath;
    this.socket.addEventListener("error", ({ error }) => {
      world.event(`${this.name} error ${error.code}`);
      if (error.code === "ECONNREFUSED") this.refused += 1;
      else if (!(kind === "server-tls" && /ERR_TLS|ECONNRESET|EPIPE/.test(error.code))) world.fault("R-srv-error", `${this.name}: ${error.message}`);
      if (error.code === "ECONNREFUSED" && this.maxConnections === Infinity) world.fault("R-srv-error", `${this.name} refused a client without a limit`);
      world.eventDone();
    });
    world.keep(`${this.name}.closed`, this.socket.closed, () => { this.isOver = true; }, (error) => {
      this.isOver = true;
      world.fault("R-promises", `${this.name}.closed rejected: ${error}`);
    });
    world.ends.push(this);
  }

  checkState() {
    const now = this.socket.readyState;
    if (now !== this.state) this.world.fault("R-task", `${this.name}.readyState became "${now}" by itself`);
    this.state = now;
  }

  took(socket) {
    const party = new Party(this.world, `${this.name} accepted ${this.accepted.length}`, socket, true);
    party.isServer = true;
    if (socket.readyState !== "open") this.world.fault("R-srv-connect", `${party.name} is "${socket.readyState}"`);
    this.accepted.push(party);
    if (this.isSuspended) this.world.fault("R-srv-suspend", `${this.name}: connect fired while suspended`);
    const open = this.accepted.filter((one) => one.socket.readyState !== "closed").length;
    if (this.kind !== "server-tls" && this.socket.connections !== open) this.world.fault("R-srv-error", `connections is ${this.socket.connections}, and ${open} are open`);
  }

  check() {
    if (this.socket.readyState !== "closed") this.world.fault("R-srv-close", `${this.name} is not closed`);
    for (const party of [...this.clients, ...this.accepted]) {
      const closes = party.events.filter((type) => type === "close").length;
      if (!party.isNode && closes !== (party.hasOpened ? 1 : 0)) this.world.fault("R-tcp-lost", `${party.name}: ${party.events}`);
    }
    // A client of a server that has closed may reach the next one on the port.
    const clients = this.world.ends.filter(({ port, path }) => port === this.port && path === this.path).flatMap((end) => end.clients);
    if (this.accepted.length > clients.length) this.world.fault("R-srv-connect", `${this.accepted.length} connections of ${clients.length} clients`);
  }

  describe() {
    return `${this.name}: ${shown(this.socket)} ${[...this.clients, ...this.accepted].filter(({ isOver }) => !isOver).map(({ name, events }) => `${name} ${events}`)}`;
  }
}

const operations = {
  dial(end, { value, size }, world) {
    if (end.state === "closed") return;
    if (value % 4 === 0 && end.kind === "server") {
      const socket = net.connect(end.port, "127.0.0.1");
      const drop = () => resetForeign(socket);
      const client = { name: "node client", events: [], isNode: true, isOver: false, socket, end: () => socket.end(), drop };
      socket.on("error", () => {}).on("data", () => {}).on("close", () => { client.isOver = true; });
      world.keep("the end of a node client", new Promise((resolve) => { socket.on("close", resolve); }));
      end.clients.push(client);
      return;
    }
    const options = end.kind === "server-tls" ? { secureTransport: world.trust } : {};
    const socket = end.kind === "server-unix" ? new UnixSocket(end.path) : new TCPSocket("127.0.0.1", end.port, options);
    const client = new Party(world, `${end.name} client ${end.clients.length}`, socket, false);
    Object.assign(client, { sent: 0, end: () => socket.close(), drop: () => socket.reset() });
    socket.addEventListener("open", () => {
      socket.send(new Uint8Array(size));
      client.sent += size;
    });
    end.clients.push(client);
  },
  speak(end, { value, size }) {
    const client = end.clients[value % end.clients.length];
    if (client !== undefined && !client.isNode && client.socket.readyState === "open") {
      client.socket.send(new Uint8Array(size));
      client.sent += size;
    }
  },
  end: (end, { value }) => { end.clients[value % end.clients.length]?.end(); },
  drop(end, { value }) {
    const all = [...end.clients, ...end.accepted];
    const one = all[value % all.length];
    if (one === undefined) return;
    if (one.isNode) one.drop();
    else one.socket.reset();
  },
  ...suspending,
  listen(end, { value }, world) {
    if (end.isIterated) return;
    const handler = (event) => {
      if (value % 3 === 0) end.listeners = end.listeners.filter((one) => one !== handler);
      if (end.seen.has(event)) return;
      end.seen.add(event);
      world.event(`${end.name} connect`);
      end.took(event.connectedSocket);
      for (const operation of end.queued.splice(0)) world.perform(operation);
      world.eventDone();
    };
    end.seen ??= new WeakSet();
    end.listeners.push(handler);
    end.socket.addEventListener("connect", handler, { once: value % 3 === 0 });
  },
  unlisten(end) {
    for (const handler of end.listeners.splice(0)) end.socket.removeEventListener("connect", handler);
  },
  iterate(end, { value }, world) {
    if (end.listeners.length > 0 || end.isIterated) return;
    end.isIterated = true;
    const loop = async () => {
      let left = 1 + (value % 4);
      for await (const socket of end.socket) {
        end.took(socket);
        if (--left === 0) break;
      }
    };
    world.keep(`the loop over ${end.name}`, loop(), () => { end.isIterated = false; });
  },
  limit(end, { value }, world) {
    const error = thrown(() => end.socket.setOptions({ maxConnections: 1 + (value % 5) }));
    if ((error?.name ?? "") !== (end.state === "closed" ? "InvalidStateError" : "")) world.fault("R-live", `setOptions() threw ${error}`);
    else if (error === undefined) end.maxConnections = 1 + (value % 5);
  },
  inspect: (end) => { shown(end.socket); },
  collect: () => { globalThis.gc?.(); },
  close(end) {
    end.socket.close();
    end.state = "closed";
    if (end.socket.readyState !== "closed") end.world.fault("R-srv-close", `close() left it "${end.socket.readyState}"`);
  },
  abort(end) {
    end.controller.abort(new Error("the play's"));
    end.state = "closed";
    if (end.socket.readyState !== "closed") end.world.fault("R-abort", `abort() left it "${end.socket.readyState}"`);
  },
  shutdown(end, { value }, world) {
    world.keep(`${end.name}.shutdown()`, end.socket.shutdown({ grace: value % 20, timeout: 20 + (value % 50) }));
    end.state = "closed";
    if (end.socket.readyState !== "closed") world.fault("R-shutdown", `shutdown() left it "${end.socket.readyState}"`);
  },
  /** The port of a closed server is free at once (R-srv-close, R-srv-bind). */
  reopen(end, _operation, world) {
    if (end.state !== "closed" || end.hasReopened || end.kind === "server-unix") return;
    end.hasReopened = true;
    const error = thrown(() => new ServerEnd(world, world.ends.length, end.kind, end.port));
    if (error !== undefined) world.fault("R-srv-close", `a new server on the port of a closed one: ${error}`);
  },
};

/** @param {any} world */
async function playServers(world) {
  for (let number = 0; number < 2; number++) {
    const end = new ServerEnd(world, number, world.plan.kind, undefined);
    if (number === 0) operations.listen(end, { value: 1 }, world);
  }
  await runPlain(world, operations);
  world.inside(() => {
    for (const end of world.ends) {
      end.queued = [];
      operations.resume(end);
      operations.listen(end, { value: 1 }, world);
    }
  });
  // Clients whose attempts are under way come to their end.
  await world.until(() => world.ends.every(({ clients }) => clients.every((client) => client.isNode || client.socket.readyState !== "connecting")), 2000);
  for (let i = 0; i < 3; i++) await turn();
  world.inside(() => {
    for (const end of world.ends) {
      end.clients.forEach((client) => client.end());
    }
  });
  await turn();
  world.inside(() => {
    for (const end of world.ends) {
      if (end.state === "open") operations.close(end);
    }
  });
}

module.exports = { playServers };
