"use strict";

// A TCP proxy that breaks one connection at one byte. It is node:net on both sides, so that no code of the package is part of it.

const net = require("node:net");

/** Single bytes that a dribble forwards before it forwards the rest at once. */
const DRIBBLED = 48;
/** ms that a pause lasts. */
const PAUSE = 15;

/**
 * What happens before byte `at` of a direction is forwarded ("up": from the client; "down": to the client). `at` may be the number of
 * bytes: then it happens before the end is forwarded.
 *
 * @typedef {object} Fault
 * @property {keyof typeof FAULTS} kind
 * @property {"up" | "down"} direction
 * @property {number} at
 * @property {number} [value] for `flip`: which bit; for `insert`: the byte
 */

/**
 * Each kind: what it does to the two sides and to the rest of the bytes. A `changing` kind changes bytes. After a `whole` kind all bytes
 * still arrive, in order.
 */
const FAULTS = {
  none: { whole: true },
  "reset both": {},
  "reset receiver, end sender": {},
  "reset sender, end receiver": {},
  "end both": {},
  "end receiver": {},
  "end sender": {},
  "end, then reset": {},
  flip: { changing: true },
  insert: { changing: true },
  drop: { changing: true },
  stall: {},
  pause: { whole: true },
  dribble: { whole: true },
};

/**
 * Resets a connection. While the end is being sent libuv resets nothing, and Node then never closes the handle.
 *
 * @param {net.Socket} socket
 */
function reset(socket) {
  if (socket.writableEnded && !socket.writableFinished) socket.once("finish", () => socket.resetAndDestroy());
  else socket.resetAndDestroy();
}

/** One direction of a proxied connection. */
class Direction {
  /** All bytes that came from the sender, and all that went to the receiver. @type {Buffer[]} */
  came = [];
  went = [];
  /** How many bytes came. */
  count = 0;
  /** What happens to what comes now: it is forwarded, dropped, or it waits. @type {"forward" | "drop" | "wait"} */
  mode = "forward";
  /** Chunks that wait; null: the end. @type {(Buffer | null)[]} */
  waiting = [];
  /** The number of bytes that had come when the fault happened; undefined: it has not. */
  firedAt;
  #from;
  #to;
  #fault;
  #act;

  /** @param {net.Socket} from @param {net.Socket} to @param {Fault | undefined} fault @param {(direction: Direction) => void} act */
  constructor(from, to, fault, act) {
    this.#from = from;
    this.#to = to;
    this.#fault = fault;
    this.#act = act;
    from.on("data", (chunk) => {
      this.came.push(chunk);
      this.#take(chunk);
    });
    from.on("end", () => this.#take(null));
  }

  get from() {
    return this.#from;
  }

  get to() {
    return this.#to;
  }

  /** @param {Buffer | null} chunk */
  #take(chunk) {
    const fault = this.#fault;
    if (fault === undefined || this.firedAt !== undefined) {
      this.count += chunk?.length ?? 0;
      this.forward(chunk);
      return;
    }
    const before = fault.at - this.count;
    if (chunk !== null && before >= chunk.length) {
      this.count += chunk.length;
      this.forward(chunk);
      return;
    }
    if (chunk === null && before > 0) {
      // The direction had fewer bytes than this.
      this.forward(null);
      return;
    }
    this.firedAt = this.count + before;
    if (before > 0) this.forward(chunk.subarray(0, before));
    const rest = chunk?.subarray(before) ?? null;
    this.count += chunk?.length ?? 0;
    if (rest !== null && FAULTS[fault.kind].changing) {
      this.forward(changed(rest, fault));
    } else {
      this.#act(this);
      this.forward(rest);
    }
  }

  /** @param {Buffer | null} chunk */
  forward(chunk) {
    if (this.mode === "wait") {
      this.waiting.push(chunk);
    } else if (this.mode === "forward" && !this.#to.destroyed && this.#to.writable) {
      if (chunk === null) {
        this.#to.end();
      } else if (chunk.length > 0) {
        this.went.push(chunk);
        this.#to.write(chunk);
      }
    }
  }

  /** Forwards what waits, and what comes from now on. */
  flow() {
    this.mode = "forward";
    for (const chunk of this.waiting.splice(0)) this.forward(chunk);
  }

  /** Forwards what waits one byte at a time, up to a bound. */
  async dribble() {
    for (let left = DRIBBLED; left > 0 && !this.#to.destroyed; left--) {
      while (this.waiting.length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (this.#to.destroyed) return;
      }
      const [chunk] = this.waiting;
      if (chunk === null) break;
      this.mode = "forward";
      this.forward(chunk.subarray(0, 1));
      this.mode = "wait";
      if (chunk.length > 1) this.waiting[0] = chunk.subarray(1);
      else this.waiting.shift();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.flow();
  }
}

/** @param {Buffer} rest @param {Fault} fault */
function changed(rest, { kind, value }) {
  if (kind === "drop") return rest.subarray(1);
  if (kind === "insert") return Buffer.concat([Buffer.of(value), rest]);
  const copy = Buffer.from(rest);
  copy[0] ^= 1 << value;
  return copy;
}

/** What each kind does at its byte that changes none. @type {Record<string, (direction: Direction, other: Direction) => void>} */
const ACTS = {
  "reset both": ({ from, to }) => {
    reset(to);
    reset(from);
  },
  "reset receiver, end sender": ({ from, to }) => {
    reset(to);
    from.end();
  },
  "reset sender, end receiver": ({ from, to }) => {
    reset(from);
    to.end();
  },
  "end both": (direction, other) => {
    direction.to.end();
    direction.from.end();
    direction.mode = "drop";
    other.mode = "drop";
  },
  "end receiver": (direction) => {
    direction.to.end();
    direction.mode = "drop";
  },
  "end sender": (direction, other) => {
    direction.from.end();
    other.mode = "drop";
  },
  "end, then reset": (direction, other) => {
    ACTS["end both"](direction, other);
    setImmediate(() => ACTS["reset both"](direction, other));
  },
  stall: (direction) => {
    direction.mode = "wait";
  },
  pause: (direction) => {
    direction.mode = "wait";
    setTimeout(() => direction.flow(), PAUSE);
  },
  dribble: (direction) => {
    direction.mode = "wait";
    setImmediate(() => direction.dribble());
  },
};

/**
 * A proxy in front of `port` for one connection.
 *
 * @param {number} port
 * @param {string} localAddress of the proxy's own connection
 * @param {Fault} [fault]
 */
async function injector(port, localAddress, fault) {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true });
  const proxy = {
    /** Where the client connects to. */
    port: 0,
    /** Whether its own connection was made. */
    isConnected: false,
    /** @type {Direction | undefined} */
    up: undefined,
    /** @type {Direction | undefined} */
    down: undefined,
    /** Cuts what is still open. */
    end() {
      server.close();
      for (const side of [proxy.up?.from, proxy.up?.to]) side?.destroy();
    },
  };
  server.once("connection", (client) => {
    server.close();
    const upstream = net.connect({ port, host: "127.0.0.1", localAddress, allowHalfOpen: true, noDelay: true }, () => {
      proxy.isConnected = true;
    });
    // Where there is no byte to change, nothing happens.
    const act = (mine) => ACTS[fault.kind]?.(mine, mine === proxy.up ? proxy.down : proxy.up);
    proxy.up = new Direction(client, upstream, fault?.direction === "up" ? fault : undefined, act);
    proxy.down = new Direction(upstream, client, fault?.direction === "down" ? fault : undefined, act);
    for (const direction of [proxy.up, proxy.down]) {
      const { from, to } = direction;
      // A reset of one side resets the other.
      from.on("error", () => reset(to));
      from.on("close", () => {
        // What waits is still to come.
        if (!to.destroyed && direction.mode !== "wait") to.end();
      });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.port = server.address().port;
  return proxy;
}

module.exports = { injector, FAULTS };
