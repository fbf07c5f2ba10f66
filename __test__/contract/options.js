"use strict";

// The options: which there are, and what they are where nobody says.

const { body, constant, found, known, members, passage, rows, valueOf } = require("./reading.js");

/** @typedef {import("./reading.js").Texts} Texts */
/** @typedef {import("./items.js").Item} Item */

/** Interfaces in index.d.ts with options, and where else they are. */
const INTERFACES = {
  UDPOptions: { rust: "udp", open: "openUdp", dictionary: "toUDPOptions", heading: "new UDPSocket(" },
  TCPOptions: { rust: "tcp", open: "openTcp", dictionary: "toTCPOptions", heading: "new TCPSocket(" },
  TCPServerOptions: { rust: "server", open: "openServer", dictionary: "toTCPServerOptions", heading: "new TCPServerSocket(" },
  UnixOptions: { rust: "unix", open: "openUnix", dictionary: "toUnixOptions", heading: "new UnixSocket(" },
  UnixServerOptions: { rust: "unix_server", open: "openUnixServer", dictionary: "toUnixServerMembers", heading: "new UnixServerSocket(" },
  SecureTransportOptions: { rust: "secure", open: undefined, dictionary: "toMembers", heading: undefined },
  ConnectOptions: { rust: undefined, open: undefined, dictionary: undefined, heading: "await connect(" },
};

/** What only `lib/` knows of options: what becomes of them is another option, or no option at all. */
const ONLY_LIB = ["secureTransport", "signal", "useSecureTransport"];

/** What the native half is given beside a constructor's options. */
const ONLY_NATIVE = { UDPOptions: [], TCPOptions: ["secure"], TCPServerOptions: ["secure"], UnixOptions: ["path", "secure"], UnixServerOptions: ["secure"] };

/** Given to the native half with the others, and not read there. */
const UNREAD = { UDPOptions: [], TCPOptions: [], TCPServerOptions: [], UnixOptions: [], UnixServerOptions: [] };

/** What the system has where nothing is set. */
const SYSTEMS = {
  "TCPOptions.typeOfService": 0,
  "TCPServerOptions.typeOfService": 0,
  "UDPOptions.broadcast": false,
  "UDPOptions.multicastTimeToLive": 1,
  "UDPOptions.typeOfService": 0,
};

/** Constants of src/ that are defaults. */
const CONSTANTS = { keepAliveCount: "KEEP_ALIVE_COUNT", keepAliveInterval: "KEEP_ALIVE_INTERVAL" };

/**
 * The options that a function of src/binding reads, with what it takes where they are absent (undefined: it does not say).
 *
 * @param {string} name
 * @param {Pick<Texts, "seam" | "src">} texts
 * @param {RegExp} [opening]
 * @returns {Map<string, unknown>}
 */
function optionsRead(name, { seam, src }, opening = new RegExp(`\\bpub fn ${name}\\b[^{]*\\b\\w+Options, NoMemory> \\{`)) {
  const inside = body(opening, seam);
  const read = new Map();
  for (const [, helper, option, fallback] of inside.matchAll(/\b(?:members|self)\.(\w+)\((?:c"(\w+)"[^)]*\)\??(?:\.unwrap_or\(([^)]*)\))?)?/g)) {
    if (option !== undefined) read.set(option, fallback === undefined ? undefined : valueOf(fallback, seam, src));
    // A helper that several functions have in common.
    else {
      const common = optionsRead(helper, { seam, src }, new RegExp(`\\bfn ${helper}\\(&self\\)[^{]*\\{`));
      for (const [inner, value] of common) if (!read.has(inner)) read.set(inner, value);
    }
  }
  return read;
}

/** What a system's option is set to where nobody says: `set("noDelay", asked, true, …)`. Undefined where that is not done. @param {string} option @param {string} src */
function setByDefault(option, src) {
  const calls = src.matchAll(new RegExp(`\\bset\\(\\s*"${option}",\\s*[\\w.]+,\\s*(true|false),\\s*\\|\\w+\\| ([^\\n]*)`, "g"));
  // Windows has an option for the contrary.
  const values = new Set([...calls].filter(([, , call]) => !call.includes("exclude_others")).map(([, value]) => value === "true"));
  return values.size > 1 ? "not the same everywhere" : [...values][0];
}

/** The members of a dictionary type in lib/, those of spread objects too. @param {string} name @param {string} lib */
function dictionary(name, lib) {
  return membersOf(body(new RegExp(`\\bconst ${name} = (?:\\w+\\(\\s*)*\\{`), lib), lib);
}

/** The names in the text of an object. `...NAME` is a constant, and `...NAME.member` an object in one. @param {string} inside @param {string} lib */
function membersOf(inside, lib) {
  const own = [...inside.matchAll(/(?<=^\s*|[{,] )(\w+): (?!\{)/gm)].map(([, member]) => member);
  const spread = [...inside.matchAll(/\.\.\.(\w+)(?:\.(\w+))?/g)].flatMap(([, name, member]) => {
    const whole = body(new RegExp(`\\bconst ${name} = \\{`), lib);
    return membersOf(member === undefined ? whole : body(new RegExp(`^\\s*${member}: \\{`, "m"), whole), lib);
  });
  return [...own, ...spread];
}

/** @param {Iterable<string>} names @param {string} of */
const present = (names, of) => Object.fromEntries([...names].map((name) => [`${of}.${name}`, true]));

/** @param {(name: string, where: typeof INTERFACES[keyof typeof INTERFACES]) => object} read */
const each = (read) => Object.assign({}, ...Object.entries(INTERFACES).map(([name, where]) => read(name, where)));

/** Which options there are, as users give them. @type {Item} */
const optionNames = {
  sides: {
    "lib/": ({ lib }) => each((name, where) => (where.dictionary ? present(dictionary(where.dictionary, lib), name) : {})),
    "index.d.ts": ({ types }) => each((name, where) => (where.dictionary ? present(members(name, types).keys(), name) : {})),
  },
};

/** The members that have a bit, in the order of the bits. @param {RegExp} list @param {RegExp} name @param {string} text */
const bitsOf = (list, name, text) => ({ "TCPOptions, by bits": [...(list.exec(text)?.[1] ?? "").matchAll(name)].map(([, member]) => member).join(" ") });

/** Which the native half is given. @type {Item} */
const nativeOptionNames = {
  sides: {
    "src/": (texts) => ({
      ...each((name, { rust, open }) => (open ? present([...optionsRead(rust, texts).keys(), ...UNREAD[name]], name) : {})),
      ...bitsOf(/const TCP_MEMBERS: [^=]*= \[([^\]]*)\]/, /c"(\w+)"/g, texts.seam),
    }),
    "lib/": ({ lib }) => ({
      ...each((name, where) => {
        if (!where.open) return {};
        const given = dictionary(where.dictionary, lib).filter((option) => !ONLY_LIB.includes(option));
        return present([...given, ...ONLY_NATIVE[name]], name);
      }),
      ...bitsOf(/const MEMBERS = [^[]*\[([^\]]*)\]/, /"(\w+)"/g, lib),
    }),
    "docs/binding.md": ({ binding }) => each((name, { open }) => {
      if (!open) return {};
      const [, list = "", rest = ""] = new RegExp(`\`${open}\\(instance, (?:\\w+, )*\\{([^}]*)\\}([^]*?)\\n(?:- |\\n)`).exec(binding) ?? [];
      const bits = open === "openTcp" ? { "TCPOptions, by bits": (list.match(/\w+/g) ?? []).sort().join(" ") } : {};
      return Object.assign(bits, present([...list.match(/\w+/g) ?? [], ...[...rest.matchAll(/`(\w+)`: /g)].map(([, option]) => option)], name));
    }),
  },
};

/**
 * A default that a text gives as a literal; undefined for one in words ("the system's").
 *
 * @param {string} cell
 */
function literal(cell) {
  const [, plain, quoted] = /^`?(?:(true|false|[\d,]+)|"([^"]*)")`?(?: (?:ms|bytes|connections))?$/.exec(cell) ?? [];
  if (quoted !== undefined) return quoted;
  return plain === undefined ? undefined : valueOf(plain.replaceAll(",", ""), "");
}

/** @param {string} comment */
function defaultOf(comment) {
  const [, value] = /\bDefault(?:, and 0)?: (`"[^"]*"`|true|false|\d+)(?=[.,;]| \()/.exec(comment) ?? [];
  return value === undefined ? undefined : literal(value);
}

/**
 * The defaults in a table of options. Several options in a row have as many defaults, or one for all.
 *
 * @param {string} name
 * @param {string[][]} table
 * @param {number} column
 */
function defaultsIn(name, table, column) {
  const given = table.flatMap((cells) => {
    const options = [...cells[0].matchAll(/`(\w+)`/g)].map(([, option]) => option);
    const cell = cells[column] ?? "";
    const parts = options.length > 1 ? cell.split(", ") : [cell];
    return options.map((option, i) => [`${name}.${option}`, literal(parts.length === options.length ? parts[i] : cell)]);
  });
  return known(Object.fromEntries(given));
}

/**
 * The defaults that docs/binding.md gives: "`highWaterMark` 64 KiB, `maxBufferedAmount` 256 MiB (TCP) or 64 MiB (UDP)".
 *
 * @param {string} sentence
 */
function defaultsAbsent(sentence) {
  const units = { KiB: 1024, MiB: 1024 * 1024, ms: 1 };
  const facts = {};
  for (const [, option, values] of sentence.matchAll(/`(\w+)` ([\d,]+[^`;]*)/g)) {
    for (const [, digits, unit, kind] of values.matchAll(/(\d[\d,]*\d|\d)(?: (KiB|MiB|ms)\b)?(?: \((streams|UDP)\))?/g)) {
      const value = Number(digits.replaceAll(",", "")) * (units[unit] ?? 1);
      for (const [name, { open }] of Object.entries(INTERFACES)) {
        if (open && (kind === undefined || (kind === "UDP") === (name === "UDPOptions"))) facts[`${name}.${option}`] = value;
      }
    }
  }
  return facts;
}

/** What options are where nobody says. @type {Item} */
const defaults = {
  sides: {
    "index.d.ts": ({ types }) => known(each((name) => (
      Object.fromEntries([...members(name, types)].map(([option, comment]) => [`${name}.${option}`, defaultOf(comment)]))
    ))),
    "src/": (texts) => known(each((name, { rust }) => {
      if (rust === undefined) return {};
      const read = [...optionsRead(rust, texts)].filter(([option]) => !ONLY_NATIVE[name]?.includes(option));
      const defaultOfOption = (option) => (CONSTANTS[option] ? constant(CONSTANTS[option], texts.src) : setByDefault(option, texts.src));
      return Object.fromEntries(read.map(([option, value]) => [`${name}.${option}`, value ?? defaultOfOption(option)]));
    })),
    "lib/": ({ src, lib }) => {
      const kind = found(/\bkind: \w+\?\.kind \?\? "(\w+)"/, lib);
      const [, attributes = ""] = /\bconst \{([^}]* = [^}]*)\} = settings;/.exec(lib) ?? [];
      const versions = [.../\bminVersion: enumeration\([^[]*\[([^\]]*)\]/.exec(lib)?.[1].matchAll(/"([^"]*)"/g) ?? []].map(([, version]) => version);
      // The native half looks for one of the two.
      const asked = found(/c"minVersion"\)\?\.is_some_and\(\|\w+\| \w+ == "([^"]*)"\)/, src);
      return known({
        ...Object.fromEntries(["TCPOptions", "TCPServerOptions", "UnixOptions", "UnixServerOptions"].flatMap((name) => [
          [`${name}.secureTransport`, kind],
          [`${name}.useSecureTransport`, kind === undefined ? undefined : kind === "on"],
        ])),
        ...Object.fromEntries([...attributes.matchAll(/(\w+) = (\w+)/g)].map(([, option, value]) => [`UDPOptions.${option}`, valueOf(value, lib)])),
        "SecureTransportOptions.minVersion": asked && versions.find((version) => version !== asked),
        "ConnectOptions.attemptDelay": constant("ATTEMPT_DELAY", lib),
      });
    },
    systems: () => SYSTEMS,
    "docs/binding.md": ({ binding }) => defaultsAbsent(passage("Absent options are undefined", "\n- ", binding)),
    "README.md, docs/tls.md": ({ readme, tls }) => ({
      ...each((name, { heading }) => (heading ? defaultsIn(name, rows(heading, readme), 1) : {})),
      ...defaultsIn("SecureTransportOptions", rows("Options", tls), 2),
    }),
  },
  either: ["src/", "lib/", "systems"],
  mayLack: ["README.md, docs/tls.md", "docs/binding.md"],
};

module.exports = { defaults, nativeOptionNames, optionNames };
