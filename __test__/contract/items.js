"use strict";

// What both halves say, and who else says it: each item is read from each side as names and values, and all sides have to agree.

const { body, constant, found, known, number, passage, rows, valueOf } = require("./reading.js");

/** @typedef {import("./reading.js").Texts} Texts */
/** @typedef {Record<string, unknown>} Facts */
/**
 * `sides`: what each side says, by the name of the side. `either`: sides that need not say everything, but of each name one of them has to.
 * `mayLack`: sides that need not say anything, but have to agree where they do.
 *
 * @typedef {{ sides: Record<string, (texts: Texts) => Facts>, either?: string[], mayLack?: string[] }} Item
 */

// --- the events ----------------------------------------------------------------------------------------------

/** What `lib/` calls the kinds of events, by their names in `src/`. */
const KINDS = {
  Gone: "NONE",
  Open: "STREAM_OPEN",
  UnixOpen: "UNIX_OPEN",
  UnixConnect: "UNIX_CONNECT",
  Message: "STREAM_MESSAGE",
  Readable: "STREAM_READABLE",
  HalfClose: "STREAM_HALFCLOSE",
  Drain: "STREAM_DRAIN",
  Error: "STREAM_ERROR",
  Close: "STREAM_CLOSE",
  Blob: "STREAM_BLOB",
  Secured: "STREAM_SECURED",
  TlsMoved: "STREAM_TLS_MOVED",
  Relayed: "STREAM_RELAYED",
  Ended: "STREAM_ENDED",
  Finish: "STREAM_FINISH",
  Datagram: "UDP_MESSAGE",
  UdpDrain: "UDP_DRAIN",
  UdpError: "UDP_ERROR",
  UdpBlob: "UDP_BLOB",
  Connect: "SERVER_CONNECT",
  ServerError: "SERVER_ERROR",
  Certificate: "STREAM_CERTIFICATE",
  ServerCertificate: "SERVER_CERTIFICATE",
  Lookup: "LOOKUP",
  Timer: "TIMER",
};

/** The same by how docs/binding.md's table describes them, where that is not as `lib/` calls them. */
const DESCRIBED = [
  [/^none/, "NONE"],
  [/^stream startTls/, "STREAM_SECURED"],
  [/^stream TLS/, "STREAM_TLS_MOVED"],
  [/^stream relay/, "STREAM_RELAYED"],
  [/^stream end\b/, "STREAM_ENDED"],
  [/^look-?up/, "LOOKUP"],
  [/^timer/, "TIMER"],
];

/** @param {string} description */
function described(description) {
  const [, name] = DESCRIBED.find(([pattern]) => pattern.test(description)) ?? [];
  return name ?? /^\w+ \w+/.exec(description)?.[0].toUpperCase().replace(" ", "_") ?? description;
}

/** @param {IterableIterator<RegExpMatchArray>} matches */
const pairs = (matches) => Object.fromEntries([...matches].map(([, name, value]) => [name, Number(value)]));

/** @type {Item} */
const eventKinds = {
  sides: {
    "src/": ({ src }) => {
      const arms = [...src.matchAll(/\bEventKind::(\w+)\s*(?:\([^)]*\)|\{[^}]*\})?\s*=>\s*(\d+),/g)];
      return Object.fromEntries(arms.map(([, name, value]) => [KINDS[name] ?? `EventKind::${name}`, Number(value)]));
    },
    "lib/": ({ lib }) => pairs(body(/\bconst Kind = [^;]*?\(\{/, lib).matchAll(/(\w+): (\d+)/g)),
    "docs/binding.md": ({ binding }) => Object.fromEntries(rows("Events", binding)
      .filter(([kind]) => /^\d+$/.test(kind))
      .map(([kind, description]) => [described(description), Number(kind)])),
  },
};

/** @type {Item} */
const eventNumbers = {
  sides: {
    "src/": ({ seam, src }) => known({
      LAST: constant("LAST", seam),
      PACKED: constant("PACKED", seam),
      BATCH: constant("BATCH", seam),
      "short datagram": constant("SHORT_DATAGRAM", seam),
      "datagrams of a batch": constant("DATAGRAM_BATCH", src),
      "no event": number(/\bconst NO_EVENT: [^=]*= \[\w+, ([\w:]+),/, seam),
      slots: constant("SLOTS", seam),
    }),
    "lib/": ({ lib }) => known({
      LAST: constant("LAST", lib),
      PACKED: constant("PACKED", lib),
      BATCH: constant("BATCH", lib),
      "short datagram": constant("SHORT_DATAGRAM", lib),
      "datagrams of a batch": constant("DATAGRAM_BATCH", lib),
      "no event": number(/!\(kind < (\w+)\)/, lib),
      slots: Math.max(...[...lib.matchAll(/\bslots\[(\d)\]/g)].map(([, index]) => Number(index) + 1)),
    }),
    "docs/binding.md": ({ binding }) => known({
      LAST: number(/`\| (\d+)` \(LAST\)/, binding),
      PACKED: number(/`\| (\d+)` \(PACKED\)/, binding),
      BATCH: number(/`\| (\d+)` \(BATCH\)/, binding),
      "short datagram": number(/Datagrams of at most (\d+) bytes/, binding),
      "datagrams of a batch": number(/how many they are \(at most (\d+)\)/, binding),
      "no event": number(/the kind \((0x\w+)/, binding),
      slots: number(/`slots`: a Uint32Array of (\d+)/, binding),
    }),
  },
};

// --- states and codes ----------------------------------------------------------------------------------------

/** @type {Item} */
const readyStates = {
  sides: {
    "src/": ({ src }) => {
      const states = pairs(body(/\bpub enum ReadyState \{/, src).matchAll(/^\s*(\w+) = (\d+),/gm));
      return Object.fromEntries(Object.entries(states).map(([name, value]) => [name.toLowerCase(), value]));
    },
    "lib/": ({ lib }) => {
      const names = body(/\bREADY_STATES = [^;[]*\(?\[/, lib).matchAll(/"(\w+)"/g);
      return Object.fromEntries([...names].map(([, name], i) => [name, i]));
    },
    "docs/binding.md": ({ binding }) => {
      const [, list = ""] = /`readyState\(id\)` → ([^.]*)\./.exec(binding) ?? [];
      return Object.fromEntries([...list.matchAll(/(\d+) (\w+)/g)].map(([, value, name]) => [name, Number(value)]));
    },
  },
};

/** The names alone: index.d.ts has no numbers. @type {Item} */
const readyStateNames = {
  sides: {
    "lib/": (texts) => Object.fromEntries(Object.keys(readyStates.sides["lib/"](texts)).map((name) => [name, true])),
    "index.d.ts": ({ types }) => {
      const [, list = ""] = /\btype ReadyState = ([^;]*);/.exec(types) ?? [];
      return Object.fromEntries([...list.matchAll(/"(\w+)"/g)].map(([, name]) => [name, true]));
    },
  },
};

/** @type {Item} */
const intake = {
  sides: {
    "src/": ({ src }) => {
      const arms = [...src.matchAll(/(\d+|_) => Intake::(\w+),/g)];
      const rest = arms.filter(([, value]) => value !== "_").length;
      return Object.fromEntries(arms.map(([, value, name]) => [name.toUpperCase(), value === "_" ? rest : Number(value)]));
    },
    "lib/": ({ lib }) => pairs(body(/\bconst Intake = [^;]*?\(\{/, lib).matchAll(/(\w+): (\d+)/g)),
    "docs/binding.md": ({ binding }) => {
      const item = passage("`takeIn(id, intake)`", "\n- ", binding);
      return known({
        FLOWING: number(/\b(\d): [^:]*(?:from the start|as for a new socket)/, item),
        HELD: number(/\b(\d): [^:]*high-water mark/, item),
        DROPPED: number(/\b(\d): [^:]*cancelled/, item),
        DIRECT: number(/\b(\d): [^:]*readInto/, item),
      });
    },
  },
};

/** What an arm in Rust answers with: the innermost of `int(call.raw, NOT_OPEN)`. */
const ANSWER = / => (?:[\w.]+\((?:[\w.]+, )?)?(-?[\w:]+)\)?,/.source;

/** Of send() and sendTo(). @type {Item} */
const returnCodes = {
  sides: {
    "src/": ({ seam }) => known({
      // Booleans become numbers as Rust has it.
      "TCP: false": found(/\bOk\(Sent::\w+\((\w+)\)+ => i32::from\(\1\),/, seam) && Number(false),
      "TCP: true": found(/\bOk\(Sent::\w+\((\w+)\)+ => i32::from\(\1\),/, seam) && Number(true),
      "UDP: true": found(/\bOk\(UdpSent::\w+\((\w+)\)+ => [^\n]*\b\1\.into\(\)\),/, seam) && Number(true),
      "UDP: closed itself": number(new RegExp(`\\bOk\\(UdpSent::Ended\\)+${ANSWER}`), seam),
    }),
    "lib/": ({ lib }) => known({
      "TCP: false": number(/if \(\w+ === (\d+)\) \{[^}]*\bisDrainDue = true;\s*return false;/, lib),
      "TCP: true": number(/if \(\w+ === (\d+)\) \{\s*return true;/, lib),
      "UDP: true": number(/\breturn (?:taken|result) === (\d+);/, lib),
      "UDP: closed itself": number(/if \(\w+ === (\d+)\) \{[^}]*\bR-udp-toolong\b[^}]*\breturn false;/, lib),
    }),
    "docs/binding.md": ({ binding }) => {
      const { tcp, udp } = sends(binding);
      return known({
        "TCP: false": number(/\b(\d)(?::.{0,20} returns false| false,)/, tcp),
        "TCP: true": number(/\b(\d)(?::.{0,20} returns)? true/, tcp),
        "UDP: true": number(/\b(\d)(?::.{0,20} returns)? true/, udp),
        "UDP: closed itself": number(/\b(\d) false and the socket has closed itself|\b(\d): send\(\) returns false, and the socket has closed itself/, udp),
      });
    },
  },
};

/** What docs/binding.md says of what send() and sendTo() return. @param {string} binding */
function sends(binding) {
  return { tcp: passage("`sendBlob(id, size)`", "\n\n", binding), udp: passage("`sendBlobTo(", "\n- ", binding) };
}

/** To `lib/` that is whatever is none of the others. @type {Item} */
const notOpen = {
  sides: {
    "src/": ({ seam }) => known({
      TCP: number(new RegExp(`\\bOk\\(Sent::NotOpen\\)+ \\| None${ANSWER}`), seam),
      UDP: number(new RegExp(`\\bOk\\(UdpSent::NotOpen\\)+ \\| None${ANSWER}`), seam),
    }),
    "docs/binding.md": ({ binding }) => known({
      TCP: number(/(-?\d+):? InvalidStateError/, sends(binding).tcp),
      UDP: number(/(-?\d+):? InvalidStateError/, sends(binding).udp),
    }),
  },
};

/** What listen() takes. @type {Item} */
const listenBits = {
  sides: {
    "src/": ({ seam }) => {
      const [, data = "", halfclose = ""] = /\.listen\([^;]*?& (\w+) != 0, \w+ & (\w+) != 0\)/.exec(seam) ?? [];
      return known({
        message: valueOf(data, seam),
        connect: valueOf(data, seam),
        "what streams take": valueOf(data, seam),
        halfclose: valueOf(halfclose, seam),
        "the end that streams wait for": valueOf(halfclose, seam),
        "the end that once() waits for": number(/if \w+ & (\w+) != 0 \{\s*net\.report_end/, seam),
      });
    },
    "lib/": ({ lib }) => {
      // The types of all interfaces by their bits.
      const bits = [...lib.matchAll(/= new Map\(\[((?:\["\w+", \w+\](?:, )?)+)\]\);/g)].map(([, entries]) => entries).join();
      return known({
        message: number(/\["message", (\w+)\]/, bits),
        connect: number(/\["connect", (\w+)\]/, bits),
        "what streams take": constant("INCOMING", lib),
        halfclose: number(/\["halfclose", (\w+)\]/, bits),
        "the end that streams wait for": constant("HALFCLOSE", lib),
        "the end that once() waits for": constant("END", lib),
      });
    },
    "docs/binding.md": ({ binding }) => {
      const item = passage("`listen(id, bits)`", "\n- ", binding);
      return known({
        message: number(/\b(\d): `message`/, item),
        connect: number(/\b(\d): `message`[^;:]* or `connect`/, item),
        "what streams take": number(/\b(\d): `message`/, item),
        halfclose: number(/\b(\d): `halfclose`/, item),
        "the end that streams wait for": number(/\b(\d): `halfclose`/, item),
        "the end that once() waits for": number(/\b(\d): from now on/, item),
      });
    },
  },
};

// --- sizes and times -----------------------------------------------------------------------------------------

/** One value, of which each side says the same. @param {Record<string, (texts: Texts) => unknown>} sides @returns {Item} */
function single(sides) {
  const each = Object.entries(sides).map(([side, read]) => [side, (/** @type {Texts} */ texts) => known({ value: read(texts) })]);
  return { sides: Object.fromEntries(each) };
}

/** @param {unknown} size @param {number} unit */
const times = (size, unit) => (typeof size === "number" ? size * unit : undefined);

/** Bytes. What a large read goes into is as long as a read, so that a full one is handed over as it is. */
const block = single({
  "src/binding's BLOCK": ({ seam, src }) => constant("BLOCK", seam, src),
  "src/net's READ_SIZE": ({ src }) => constant("READ_SIZE", src),
  // "As much as the native half reads at once": `readable` wants one read ahead.
  "lib/": ({ lib }) => constant("BYTES_HELD", lib),
});

/** Where the native half makes the scratch buffer. */
const SCRATCH_MADE = /::new\(env, (\w+) \/ size_of::<u32>\(\)\)/;

/** Bytes. */
const scratch = single({
  "src/": ({ seam }) => number(SCRATCH_MADE, seam),
  "docs/binding.md": ({ binding }) => times(number(/`scratch`: a Uint8Array (?:of |\()(\d+) KiB/, binding), 1024),
});

/** A string of SHORT_STRING units is up to three times as many bytes. */
const shortStrings = single({
  "the rule": () => "they fit into scratch",
  "src/ and lib/": ({ seam, lib }) => {
    const bytes = number(/\bSHORT_STRING = Math\.floor\((\d+) \/ 3\);/, lib);
    const room = number(SCRATCH_MADE, seam);
    if (typeof bytes !== "number" || typeof room !== "number") return undefined;
    return bytes <= room ? "they fit into scratch" : `${bytes} bytes do not fit into ${room}`;
  },
});

/** Bytes. */
const blobPiece = single({
  "lib/": ({ lib }) => constant("PIECE_BYTES", lib),
  "docs/binding.md": ({ binding }) => times(number(/(?:up to|at most) (\d+) KiB/, passage("## Blobs", "\n## ", binding)), 1024),
});

/** How long startTls() may take where nobody says, in milliseconds. */
const startTls = single({
  "src/": ({ seam }) => number(/arguments\[3\]\)\.unwrap_or\((\w+)\)/, seam),
  "docs/binding.md": ({ binding }) => number(/`milliseconds`[^;]*; undefined: ([\d,]+);/, binding),
  "index.d.ts": ({ types }) => times(number(/\(startTls\(\): (\d+) s\)/, types), 1000),
});

module.exports = {
  blobPiece,
  block,
  eventKinds,
  eventNumbers,
  intake,
  listenBits,
  notOpen,
  readyStateNames,
  readyStates,
  returnCodes,
  scratch,
  shortStrings,
  startTls,
};
