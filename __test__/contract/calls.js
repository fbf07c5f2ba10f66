"use strict";

// What the functions of the binding take and return as numbers and in an order, the system calls that errors name, and the default limits of
// an attempt to connect.

const { body, constant, known, number, passage } = require("./reading.js");

/** @typedef {import("./reading.js").Texts} Texts */
/** @typedef {import("./items.js").Item} Item */

// --- giveBack() ----------------------------------------------------------------------------------------------

/** What lib/ calls the reasons of giveBack(), by their names in src/. */
const REASONS = { Excess: "EXCESS", Released: "RELEASED", EndUndelivered: "END_UNDELIVERED", EndDelivered: "END_DELIVERED" };

/** The third argument of giveBack(). @type {Item} */
const giveBackReasons = {
  sides: {
    "src/": ({ seam }) => {
      const arms = [...seam.matchAll(/(\d+|_) => GiveBack::(\w+),/g)];
      const rest = arms.filter(([, value]) => value !== "_").length;
      return Object.fromEntries(arms.map(([, value, name]) => [REASONS[name] ?? name, value === "_" ? rest : Number(value)]));
    },
    "lib/": ({ lib }) => {
      const values = body(/\bconst Why = [^;]*?\(\{/, lib).matchAll(/(\w+): (\d+)/g);
      return Object.fromEntries([...values].map(([, name, value]) => [name, Number(value)]));
    },
    "docs/binding.md": ({ binding }) => {
      const item = passage("`giveBack(", "\n- ", binding);
      return known({
        EXCESS: number(/(\d), they are more than `reader` holds/, item),
        RELEASED: number(/(\d), `reader` was released;/, item),
        END_UNDELIVERED: number(/(\d), as 1, and no `halfclose` listener/, item),
        END_DELIVERED: number(/(\d), as 2, but a listener has received it/, item),
      });
    },
  },
};

// --- orders --------------------------------------------------------------------------------------------------

/** Names by their index. @param {Iterable<RegExpMatchArray>} matches */
const ordered = (matches) => Object.fromEntries([...matches].map(([, name], index) => [index, camel(name)]));

/** @param {string} name */
const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/** The values of features(). @type {Item} */
const featureOrder = {
  sides: {
    "src/": ({ seam }) => ordered(body(/\bpub fn features<[^{]*\{/, seam).matchAll(/\bfeatures\.(\w+),/g)),
    "lib/": ({ lib }) => ordered(body(/\bconst SYSTEM = [^;]*?\(\[/, lib).matchAll(/"(\w+)"/g)),
  },
};

/** The values of stats(). @type {Item} */
const statsOrder = {
  sides: {
    "src/": ({ seam }) => ordered(body(/\bpub fn stats<[^{]*\{/, seam).matchAll(/\bstats\.(\w+)\)/g)),
    "lib/": ({ lib }) => ordered(body(/\bconst STATS = \[/, lib).matchAll(/"(\w+)"/g)),
    "index.d.ts": ({ types }) => ordered(body(/\binterface TCPStats \{/, types).matchAll(/^ +(\w+): /gm)),
  },
};

// --- system calls --------------------------------------------------------------------------------------------

/** The names that Syscall gives calls, on all systems. @param {string} src @param {string} [calls] */
function syscalls(src, calls = "\\w+") {
  const arms = body(/\bconst fn name_on\b[^{]*\{/, src).matchAll(new RegExp(`\\(Self::(?:${calls}), [^)]*\\) => "(\\w+)"`, "g"));
  return Object.fromEntries([...arms].map(([, name]) => [name, true]));
}

/** Messages have a phrase for each call. A look-up's message has another form. @type {Item} */
const syscallPhrases = {
  sides: {
    "src/": ({ src }) => {
      const names = syscalls(src);
      delete names.getaddrinfo;
      return names;
    },
    "lib/": ({ lib }) => Object.fromEntries([...body(/\bconst ATTEMPTS = [^;]*?\(\{/, lib).matchAll(/^ +(\w+): "/gm)].map(([, name]) => [name, true])),
  },
};

/** The calls that read from a connection and write to it. @type {Item} */
const transferCalls = {
  sides: {
    "src/": ({ src }) => syscalls(src, "Read|Write"),
    "lib/": ({ lib }) => Object.fromEntries([...body(/\bconst TRANSFERS = new Set\(\[/, lib).matchAll(/"(\w+)"/g)].map(([, name]) => [name, true])),
  },
};

// --- limits --------------------------------------------------------------------------------------------------

/** The seconds of a Duration. @param {string} name @param {string} src */
const seconds = (name, src) => number(new RegExp(`\\bconst ${name}: Duration = Duration::from_secs\\((\\d+)\\);`), src);

/** Seconds that an attempt to connect may take where connectTimeout is not given: for TLS, and while a Unix server's backlog is full. @type {Item} */
const connectLimits = {
  sides: {
    "src/": ({ src }) => known({ handshake: seconds("DEFAULT_HANDSHAKE_LIMIT", src), backlog: seconds("FULL_BACKLOG_LIMIT", src) }),
    "lib/": ({ lib }) => {
      const milliseconds = constant("HANDSHAKE_TIMEOUT", lib);
      return known({ handshake: typeof milliseconds === "number" ? milliseconds / 1000 : undefined });
    },
    "docs/binding.md": ({ binding }) => known({ backlog: number(/until connectTimeout is over, (\d+) s where it is absent/, binding) }),
    "index.d.ts": ({ types }) => known({ backlog: number(/Default: (\d+) s while the backlog is full/, types) }),
  },
  either: ["lib/", "docs/binding.md", "index.d.ts"],
};

module.exports = { connectLimits, featureOrder, giveBackReasons, statsOrder, syscallPhrases, transferCalls };
