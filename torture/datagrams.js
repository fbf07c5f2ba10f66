"use strict";

// Random operations on UDP sockets, connected and not. Each datagram says who has sent it and which one it is: it must arrive whole, at the
// socket that it was sent to, at most once, and in order (R-udp-bounds). A datagram may be lost.

const { Buffer } = require("node:buffer");
const { thrown } = require("./actions");
const { piece } = require("./flow");
const { suspending } = require("./suspending");
const { shown } = require("./world");
const { UDPSocket, once } = require("..");

/** Bytes that say who has sent a datagram (1) and which one it is (4). */
const HEADER = 5;
/** How many sockets there are. */
const COUNT = 3;
/** Milliseconds for the datagrams under way at the end. */
const SETTLE = 60;

class DatagramEnd {
  state = "open";
  isOver = false;
  isSuspended = false;
  /** The exception of R-udp-toolong, or of the signal. */
  mayFail = false;
  errors = 0;
  /** Datagrams by sender and number. @type {Map<string, Buffer>} */
  inbox = new Map();
  /** The last number received from each sender. @type {Map<number, number>} */
  last = new Map();
  sent = 0;
  sentBytes = 0;
  delivered = 0;
  empties = 0;
  queued = [];
  listeners = [];
  isStream = false;
  /** Loops and promises that take messages. */
  takers = 0;
  isDrainDue = false;

  constructor(world, number, options, controller) {
    this.world = world;
    this.number = number;
    this.name = `udp ${number}`;
    this.options = options;
    this.controller = controller;
    this.highWaterMark = options.highWaterMark ?? 65536;
    this.raw = world.inside(() => new UDPSocket({ ...options, signal: controller.signal }));
    this.socket = world.plant === undefined ? this.raw : world.plant(this.raw);
    this.socket.addEventListener("error", (event) => this.observe("error", event));
    this.socket.addEventListener("drain", (event) => this.observe("drain", event));
    world.keep(`${this.name}.closed`, this.socket.closed, () => { this.isOver = true; }, () => {
      this.isOver = true;
      if (!this.mayFail) this.fault("R-promises", "closed rejected");
    });
    world.ends.push(this);
  }

  fault(rule, text) {
    this.world.fault(rule, `${this.name} (${this.state}): ${text}`);
  }

  observe(type, event) {
    const { world } = this;
    world.event(`${this.name} ${type} ${event.error?.code ?? ""}`);
    world.checkStates(this);
    if (type === "error") {
      this.errors += 1;
      const isFinal = this.socket.readyState === "closed";
      if (isFinal && !this.mayFail) this.fault("R-udp-close", `error fired after close(): ${event.message}`);
      if (!isFinal && event.error.code !== "ECONNREFUSED") this.fault("R-udp-neterr", event.message);
    } else {
      if (this.state === "closed") this.fault("R-udp-close", `${type} fired after close()`);
      if (type === "drain") {
        if (!this.isDrainDue) this.fault("R-tcp-drain", "drain fired without a send() that returned false");
        if (this.socket.bufferedAmount !== 0) this.fault("R-tcp-drain", `bufferedAmount is ${this.socket.bufferedAmount} in drain`);
        this.isDrainDue = false;
      } else {
        if (this.isSuspended) this.fault("R-udp-suspend", "message fired while suspended");
        if (this.isStream) this.fault("R-streams", "message fired though readable was taken");
        this.take(new Uint8Array(event.data), event.remotePort);
      }
    }
    for (const operation of this.queued.splice(0)) world.perform(operation);
    world.eventDone();
  }

  take(bytes, port) {
    this.delivered += bytes.length;
    if (bytes.length === 0) {
      this.empties -= 1;
      if (this.empties < 0) this.fault("R-udp-empty", "an empty datagram that nobody has sent");
      return;
    }
    const buffer = Buffer.from(bytes);
    const key = `${buffer[0]} ${buffer.readUInt32BE(1)}`;
    const wanted = this.inbox.get(key);
    if (wanted === undefined || !wanted.equals(buffer)) {
      this.fault("R-udp-bounds", `datagram ${key} from port ${port} is ${wanted === undefined ? "none that was sent, or came twice" : "another one than was sent"}`);
    }
    this.inbox.delete(key);
    if ((this.last.get(buffer[0]) ?? -1) >= buffer.readUInt32BE(1)) this.fault("R-udp-bounds", `datagram ${key} came after ${this.last.get(buffer[0])}`);
    this.last.set(buffer[0], buffer.readUInt32BE(1));
  }

  checkState() {
    const now = this.socket.readyState;
    if (now !== this.state) this.fault("R-task", `readyState became "${now}" by itself`);
    this.state = now;
  }

  check() {
    if (this.socket.readyState !== "closed") this.fault("R-udp-close", "it is not closed");
    const { bytesRead, bytesWritten } = this.socket;
    if (bytesRead < this.delivered) this.fault("R-stats", `bytesRead is ${bytesRead}, and ${this.delivered} were delivered`);
    if (bytesWritten > this.sentBytes) this.fault("R-stats", `bytesWritten is ${bytesWritten}, and ${this.sentBytes} were sent`);
  }

  describe() {
    return `${this.name}: ${shown(this.raw)} ${JSON.stringify({ sent: this.sent, waiting: this.inbox.size, isStream: this.isStream })}`;
  }
}

const operations = {
  send(end, { size, value }, world) {
    const to = target(end, world, value);
    if (to === undefined) return;
    sendTo(end, to, size, value);
  },
  burst(end, { size, value }, world) {
    const to = target(end, world, value);
    if (to === undefined) return;
    for (let i = 0; i < 2 + (value % 90) && end.state === "open"; i++) sendTo(end, to, Math.min(size, 1400), value + i);
  },
  empty(end, { value }, world) {
    const to = target(end, world, value);
    if (to === undefined || end.state !== "open") return;
    to.empties += 1;
    end.socket.send(new Uint8Array(0), "127.0.0.1", to.port);
  },
  toolong(end, { value }, world) {
    const to = target(end, world, value);
    if (end.state !== "open" || to === undefined) return;
    end.mayFail = true;
    const result = end.socket.send(new Uint8Array(70_000), "127.0.0.1", to.port);
    if (result !== false || end.socket.readyState !== "closed") end.fault("R-udp-toolong", `send() returned ${result} and left it "${end.socket.readyState}"`);
    end.state = "closed";
    end.isTooLong = true;
  },
  listen(end, { value }) {
    if (end.isStream) return;
    const isOnce = value % 3 === 0;
    const handler = (event) => {
      if (isOnce) end.listeners = end.listeners.filter((one) => one !== handler);
      if (!end.seen.has(event)) {
        end.seen.add(event);
        end.observe("message", event);
      }
    };
    end.seen ??= new WeakSet();
    end.listeners.push(handler);
    end.socket.addEventListener("message", handler, { once: isOnce });
  },
  unlisten(end) {
    for (const handler of end.listeners.splice(0)) end.socket.removeEventListener("message", handler);
  },
  once(end, { value }, world) {
    if (end.isStream || end.takers > 0) return;
    const controller = new AbortController();
    end.takers += 1;
    end.seen ??= new WeakSet();
    world.keep(`once(${end.name}, message)`, once(end.raw, "message", { signal: controller.signal }), (event) => {
      end.takers -= 1;
      if (!end.seen.has(event)) {
        end.seen.add(event);
        end.take(new Uint8Array(event.data), event.remotePort);
      }
    }, () => { end.takers -= 1; });
    if (value % 4 === 0) controller.abort();
  },
  iterate(end, { value }, world) {
    if (end.isStream || end.takers > 0 || end.listeners.length > 0) return;
    end.takers += 1;
    const loop = async () => {
      let left = 1 + (value % 5);
      for await (const { data, remotePort } of end.socket) {
        end.take(new Uint8Array(data), remotePort);
        if (--left === 0) break;
      }
    };
    const done = () => { end.takers -= 1; };
    world.keep(`the loop over ${end.name}`, loop(), done, (error) => {
      done();
      if (!end.mayFail) end.fault("R-iterate", `the loop has thrown ${error}`);
    });
  },
  streams(end, { value }, world) {
    if (end.isStream || end.takers > 0 || end.state !== "open") return;
    operations.unlisten(end);
    end.isStream = true;
    const read = async () => {
      for await (const { data, remotePort } of end.socket.readable) {
        end.take(new Uint8Array(data), remotePort);
        if (value % 7 === 0 && end.delivered > 5000) break;
      }
    };
    world.keep(`reading ${end.name}`, read(), () => {}, (error) => { if (!end.mayFail) end.fault("R-streams", `readable has thrown ${error}`); });
  },
  group(end, { value }) {
    const isClosed = end.state === "closed";
    const group = `239.7.${end.number}.${value & 255}`;
    const error = thrown(() => {
      end.socket.joinMulticastGroup(group, { interfaceAddress: "127.0.0.1" });
      end.socket.leaveMulticastGroup(group, { interfaceAddress: "127.0.0.1" });
    });
    if (isClosed && error?.name !== "InvalidStateError") end.fault("R-udp-group", `joinMulticastGroup() of a closed socket threw ${error}`);
  },
  ...suspending,
  setOptions(end, { value }) {
    const highWaterMark = [0, 100, 65536][value % 3];
    const error = thrown(() => end.socket.setOptions({ highWaterMark, timeToLive: 1 + (value & 63) }));
    if ((error?.name ?? "") !== (end.state === "closed" ? "InvalidStateError" : "")) end.fault("R-live", `setOptions() threw ${error}`);
    if (error === undefined) end.highWaterMark = highWaterMark;
  },
  inspect: (end) => { shown(end.raw); },
  collect: () => { globalThis.gc?.(); },
  close(end) {
    end.socket.close();
    end.state = "closed";
    if (end.socket.readyState !== "closed") end.fault("R-udp-close", `close() left it "${end.socket.readyState}"`);
  },
  abort(end) {
    end.mayFail = true;
    end.controller.abort(new Error("the play's"));
    end.state = "closed";
    if (end.socket.readyState !== "closed") end.fault("R-abort", `abort() left it "${end.socket.readyState}"`);
  },
};

/** Whom a datagram goes to. A connected socket has one peer. */
function target(end, world, value) {
  if (end.hasWritable) return undefined;
  if (end.options.connected) return world.ends[1 - end.number];
  return world.ends[value % world.ends.length];
}

function sendTo(end, to, size, value) {
  const bytes = Buffer.alloc(HEADER + size);
  bytes[0] = end.number;
  bytes.writeUInt32BE(end.sent, 1);
  piece(value, size).copy(bytes, HEADER);
  const before = end.socket.bufferedAmount;
  let result;
  const error = thrown(() => { result = end.socket.send(bytes, "127.0.0.1", to.port); });
  if ((error?.name ?? "") !== (end.state === "closed" ? "InvalidStateError" : "")) end.fault("R-tcp-send", `send() threw ${error}`);
  if (error !== undefined) return;
  end.sent += 1;
  end.sentBytes += bytes.length;
  // What a connected socket gets from others is dropped (R-udp-connected).
  if (!to.options.connected || end.number === 1 - to.number) to.inbox.set(`${end.number} ${end.sent - 1}`, bytes);
  const after = end.socket.bufferedAmount;
  if (after !== before + bytes.length) end.fault("R-tcp-send", `bufferedAmount rose by ${after - before} at a send() of ${bytes.length} bytes`);
  if (result !== after <= end.highWaterMark) end.fault("R-tcp-send", `send() returned ${result} with ${after} bytes buffered and a mark of ${end.highWaterMark}`);
  if (!result) end.isDrainDue = true;
}

/** @param {any} world */
async function playDatagrams(world) {
  const { plan } = world;
  const isConnected = plan.kind === "udp-connected";
  const first = new UDPSocket({ localAddress: "127.0.0.1" });
  const second = new UDPSocket({ localAddress: "127.0.0.1" });
  const ports = [first.localPort, second.localPort];
  first.close();
  second.close();
  await Promise.all([first.closed, second.closed]);
  for (let number = 0; number < COUNT; number++) {
    const options = { localAddress: "127.0.0.1", ...(number < 2 && { localPort: ports[number] }) };
    if (isConnected && number < 2) Object.assign(options, { connected: true, remoteAddress: "127.0.0.1", remotePort: ports[1 - number] });
    const end = new DatagramEnd(world, number, options, new AbortController());
    end.port = end.socket.localPort;
  }
  await runPlain(world, operations);
  world.inside(() => {
    for (const end of world.ends) {
      end.queued = [];
      if (end.state === "open") operations.resume(end);
      if (!end.isStream) operations.listen(end, { value: 1 });
    }
  });
  await new Promise((resolve) => { setTimeout(resolve, SETTLE); });
  world.inside(() => world.ends.forEach((end) => operations.close(end)));
}

/** Runs a plan of datagrams, servers or agents. @param {any} world @param {Record<string, (end: any, operation: any, world: any) => unknown>} table */
async function runPlain(world, table) {
  const { turn, sleep } = require("./world");
  const later = { microtask: queueMicrotask, immediate: setImmediate, timeout: (act) => setTimeout(act, 2) };
  world.perform = (operation) => {
    const end = world.ends[operation.to % world.ends.length];
    if (world.isOver || end === undefined) return;
    if (operation.do === "panic") {
      world.panicAt?.(operation.point, operation.passes);
      return;
    }
    world.note(`${end.name}.${operation.do}(${operation.size})`);
    const failed = (error) => world.fault("bench", `${operation.do}: ${error.stack}`);
    world.inside(() => {
      world.checkStates();
      try {
        const result = table[operation.do](end, operation, world);
        if (result instanceof Promise) world.running.push(result.catch(failed));
      } catch (error) {
        failed(error);
      }
      world.checkStates();
    });
  };
  for (const operation of world.plan.operations) {
    const { when, then } = operation;
    if (when in later) {
      world.running.push(new Promise((resolve) => {
        later[when](() => {
          world.perform(operation);
          resolve(undefined);
        });
      }));
    } else if (when === "event" && world.ends.length > 0 && world.ends[operation.to % world.ends.length].queued !== undefined) {
      world.ends[operation.to % world.ends.length].queued.push(operation);
    } else {
      world.perform(operation);
    }
    if (then === "microtask") await undefined;
    else if (then === "ms") await sleep(1);
    else if (then === "turn" || then === "turns") await turn();
  }
  for (let at = 0; at < world.running.length; at++) await world.running[at];
}

module.exports = { playDatagrams, runPlain };
