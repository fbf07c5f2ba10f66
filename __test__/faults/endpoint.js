"use strict";

// One socket of the package under a fault: what it says in the exchange, what it records, and what the rulings demand of the record.

/** What each side says, in two parts. Each byte differs from its neighbours, so that a lost or a moved one is found. */
const bytes = (from, length) => Buffer.from(Array.from({ length }, (_, i) => (from + i * 7) & 0xff));
const SPOKEN = {
  client: [bytes(1, 90), bytes(2, 70)],
  server: [bytes(3, 110), bytes(4, 60)],
};
const all = (role) => Buffer.concat(SPOKEN[role]);

const CODE = /^(E[A-Z0-9]+|ERR_TLS_[A-Z0-9_]+)$/;

/** The orders of events that R-tcp-lost, R-tcp-fin, R-tcp-secure-open and R-relay allow. An accepted socket has no `open`. */
const ORDERS = {
  client: /^(error |open (message |drain )*(halfclose )?(drain )*(error )?close )$/,
  server: /^(message |drain )*(halfclose )?(drain )*(error )?close $/,
};

/**
 * Records a socket's events and promises.
 *
 * @param {any} socket
 * @param {"client" | "server"} role
 */
function watch(socket, role) {
  const record = {
    socket,
    role,
    /** The types of events in order. @type {string[]} */
    types: [],
    /** @type {Buffer[]} */
    received: [],
    /** @type {any} */
    error: undefined,
    /** What became of the promises: `opened`, `closed`, and those that the exchange adds. @type {Record<string, string>} */
    promises: {},
    /** Whether what it receives is still the plain text before startTls(). */
    prologue: false,
    /** Why a promise was rejected, if not with the socket's error. @type {Record<string, any>} */
    reasons: {},
    /** What is wrong, found while it went on. @type {string[]} */
    wrong: [],
    /** Whether its last event has fired. */
    isDone: false,
    get bytes() {
      return Buffer.concat(record.received);
    },
    /** Whether it ended without an error. */
    get clean() {
      return record.error === undefined;
    },
    /** Follows one more promise. @param {string} name @param {Promise<unknown>} promise */
    follow(name, promise) {
      record.promises[name] = "pending";
      promise.then(
        () => {
          record.promises[name] = "fulfilled";
        },
        (reason) => {
          record.promises[name] = reason === record.error ? "rejected" : `rejected with ${reason?.name} ${reason?.code}`;
          record.reasons[name] = reason;
        },
      );
      return promise;
    },
  };
  for (const type of ["open", "message", "halfclose", "drain", "error", "close"]) {
    socket.addEventListener(type, (event) => {
      if (socket.readyState !== "closed" && (type === "error" || type === "close")) record.wrong.push(`${type} in state ${socket.readyState}`);
      record.types.push(type);
      if (type === "message") record.received.push(Buffer.from(event.data));
      if (type === "error") record.error = event.error;
      if (type === "close" || (type === "error" && role === "client" && !record.types.includes("open"))) record.isDone = true;
    });
  }
  record.follow("opened", socket.opened).catch(() => {});
  record.follow("closed", socket.closed).catch(() => {});
  return record;
}

/** The client says its first part when it may, its second after the server's first, and then it ends. @param {any} record */
function playClient(record, isOpen = false) {
  const { socket } = record;
  let replied = false;
  const first = () => socket.send(SPOKEN.client[0]);
  if (isOpen) first();
  else socket.addEventListener("open", first);
  socket.addEventListener("message", () => {
    if (!replied && socket.readyState === "open" && record.bytes.length >= SPOKEN.server[0].length) {
      replied = true;
      socket.send(SPOKEN.client[1]);
      socket.halfclose();
    }
  });
  socket.addEventListener("halfclose", () => socket.close());
}

/** The server answers the client's first part, says its second part at the client's end, and ends. @param {any} record */
function playServer(record) {
  const { socket } = record;
  let replied = false;
  socket.addEventListener("message", () => {
    if (!replied && socket.readyState === "open" && record.bytes.length >= SPOKEN.client[0].length) {
      replied = true;
      socket.send(SPOKEN.server[0]);
    }
  });
  socket.addEventListener("halfclose", () => {
    if (!replied) socket.send(SPOKEN.server[0]);
    socket.send(SPOKEN.server[1]);
    socket.close();
  });
}

/** An error as a short text. @param {any} error */
const short = (error) => (error === undefined ? "none" : `${error.name} ${error.code}: ${error.message}`);

/**
 * What is wrong with a record that has ended, whatever the fault was.
 *
 * @param {ReturnType<typeof watch>} record
 */
function faultsOf(record) {
  const { socket, role, types, error, promises, wrong } = record;
  const found = [...wrong];
  const isOpened = role === "server" || types.includes("open");
  if (!ORDERS[role].test(types.map((type) => `${type} `).join(""))) found.push(`order of events: ${types}`);
  if (socket.readyState !== "closed") found.push(`readyState is ${socket.readyState}`);
  if (error !== undefined) {
    if (!(error instanceof DOMException) || error.name !== "NetworkError" || !CODE.test(String(error.code))) found.push(`error ${short(error)}`);
    if (!/\S+ \S+/.test(error.message)) found.push(`message ${error.message}`);
  }
  const wanted = {
    opened: isOpened ? "fulfilled" : "rejected",
    closed: error === undefined ? "fulfilled" : "rejected",
  };
  for (const [name, outcome] of Object.entries(wanted)) {
    if (promises[name] !== outcome) found.push(`${name} is ${promises[name]} and should be ${outcome}`);
  }
  for (const [name, outcome] of Object.entries(promises)) {
    if (outcome === "pending") found.push(`${name} is pending`);
  }
  return found;
}

/** Whether `part` is the beginning of `whole`. @param {Buffer} part @param {Buffer} whole */
const begins = (part, whole) => part.length <= whole.length && part.equals(whole.subarray(0, part.length));

module.exports = { SPOKEN, all, begins, faultsOf, playClient, playServer, short, watch };
