"use strict";

// One end of a connection that is Node's own (node:net, node:tls). It does the part of the operations that such a socket has.

const { Buffer } = require("node:buffer");
const { piece } = require("./flow");

/** Resets a net.Socket. One that is reset after its end() keeps its descriptor in two of three cases, and emits no "close". @param {any} socket */
function resetForeign(socket) {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

class ForeignEnd {
  isForeign = true;
  isOver = false;
  isRough = false;
  isEnding = false;
  /** The calls that were made and count. @type {Record<string, number>} */
  called = {};
  /** @type {any} */
  peer = undefined;
  hasEnded = false;

  /** @param {any} world @param {string} name @param {any} socket @param {{ out: any, into: any }} how */
  constructor(world, name, socket, { out, into }) {
    this.world = world;
    this.name = name;
    this.socket = socket;
    this.out = out;
    this.into = into;
    this.hasOpened = !socket.connecting;
    socket.on(socket.encrypted ? "secureConnect" : "connect", () => { this.hasOpened = true; });
    socket.on("data", (/** @type {Buffer} */ data) => {
      const wrong = into.received(data);
      if (wrong !== undefined) world.fault("R-tcp-order", wrong);
    });
    socket.on("end", () => {
      this.hasEnded = true;
      this.halfclose();
    });
    socket.on("error", (/** @type {any} */ error) => {
      this.error = error;
      const { close } = this.peer?.called ?? {};
      if (!this.isRough && close === undefined && !world.plan.panics) world.fault("R-tcp-close", `${name} was lost without a cause: ${error.message}`);
    });
    world.keep(`the end of ${name}`, new Promise((resolve) => { socket.on("close", () => { this.isOver = true; resolve(undefined); }); }));
    world.ends.push(this);
  }

  checkState() {}

  roughen() {
    if (this.isRough) return;
    this.isRough = true;
    this.peer?.roughen();
  }

  send({ size, from }) {
    if (this.isEnding || this.isOver) return;
    const bytes = piece(from, size);
    this.out.sent(bytes);
    this.socket.write(Buffer.from(bytes));
  }

  burst({ size, from, count }) {
    for (let i = 0; i < count; i++) this.send({ size, from: from + i * 7919 });
  }

  suspend() { this.socket.pause(); }

  resume() { this.socket.resume(); }

  halfclose() {
    if (this.isEnding) return;
    this.isEnding = true;
    this.socket.end();
  }

  reset() {
    this.roughen();
    if (this.socket.encrypted || this.socket.connecting) this.socket.destroy();
    else resetForeign(this.socket);
  }

  check() {
    const isWhole = this.into.position === this.into.total || this.into.isUnsure;
    if (!this.isRough && this.hasEnded && !isWhole) {
      this.world.fault("R-tcp-close", `${this.into.name}: ${this.into.position} of ${this.into.total} bytes came, and an end`);
    }
    if (!this.isRough && this.error === undefined && !this.hasEnded) this.world.fault("R-tcp-close", `${this.name} has seen no end`);
  }

  describe() {
    const { bytesRead, bytesWritten, destroyed, readableFlowing, writableEnded } = this.socket;
    return `${this.name}: ${JSON.stringify({ bytesRead, bytesWritten, destroyed, readableFlowing, writableEnded, hasEnded: this.hasEnded, into: [this.into.position, this.into.total] })}`;
  }
}

module.exports = { ForeignEnd, resetForeign };
