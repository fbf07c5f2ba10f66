"use strict";

// The conversions of Web IDL that the interfaces need, and the shape of interface prototype objects. Where Web IDL says TypeError, this file
// throws one. The InvalidAccessErrors of the rulings come from errors.js.

const { TextEncoder } = require("node:util");
const { invalidAccess } = require("./errors.js");
const { originalGetter } = require("./original-getter.js");
const { shown } = require("./shown.js");

/** Encodes strings that stand for bytes. */
const encoder = new TextEncoder();

/**
 * The exception for a member that was called on an object which is not of its interface.
 *
 * @param {string} member
 */
function illegalInvocation(member) {
  return new TypeError(`Illegal invocation: ${member} was called on an object of another kind`);
}

/**
 * Throws if a member was called on an object that is not of its interface. The caller passes the result of `#brand in this`.
 *
 * @param {boolean} hasBrand
 * @param {string} member
 */
function brandCheck(hasBrand, member) {
  if (!hasBrand) {
    throw illegalInvocation(member);
  }
}

/**
 * Returns the record of a socket. Throws if there is none: a member was called on an object that is not of its interface.
 *
 * @template T
 * @param {T | undefined} found the record; undefined if there is none
 * @param {string} member
 * @returns {T}
 */
function checkedRecord(found, member) {
  if (found === undefined) {
    throw illegalInvocation(member);
  }
  return found;
}

/**
 * The exception for a call with too few arguments.
 *
 * @param {string} member
 * @param {number} required
 * @param {number} present
 */
function missingArguments(member, required, present) {
  const arguments_ = required === 1 ? "1 argument" : `${required} arguments`;
  return new TypeError(`${member} needs ${arguments_}, but only ${present} ${present === 1 ? "is" : "are"} present`);
}

/**
 * DOMString.
 *
 * @param {unknown} value
 * @param {string} what the argument or member, for the message
 * @returns {string}
 */
function toDOMString(value, what) {
  if (typeof value === "string") {
    return value;
  }
  if (typeof value === "symbol") {
    throw new TypeError(`${what} is a Symbol, which cannot be converted to a string`);
  }
  return `${value}`;
}

/**
 * boolean.
 *
 * @param {unknown} value
 */
function toBoolean(value) {
  return Boolean(value);
}

/**
 * ECMAScript's ToNumber, which R-port asks for: no modulo, no rounding.
 *
 * @param {unknown} value
 * @param {string} what
 * @returns {number}
 */
function toNumber(value, what) {
  if (typeof value === "symbol" || typeof value === "bigint") {
    throw new TypeError(`${what} is a ${typeof value === "symbol" ? "Symbol" : "BigInt"}, which cannot be converted to a number`);
  }
  // Number(value) would accept an object that converts to a BigInt (`Object(80n)`).
  return +(/** @type {any} */ (value));
}

/**
 * [EnforceRange] unsigned long.
 *
 * @param {unknown} value
 * @param {string} what
 */
function toEnforcedUnsignedLong(value, what) {
  return toEnforced(value, what, 0, 0xffffffff);
}

/**
 * The same for an option whose value 0 is refused later, by refuseZero(). Therefore the message says "from 1".
 *
 * @param {unknown} value
 * @param {string} what
 */
function toPositiveUnsignedLong(value, what) {
  return toEnforced(value, what, 1, 0xffffffff);
}

/**
 * [EnforceRange] unsigned short.
 *
 * @param {unknown} value
 * @param {string} what
 */
function toEnforcedUnsignedShort(value, what) {
  return toEnforced(value, what, 0, 0xffff);
}

/**
 * [EnforceRange] octet.
 *
 * @param {unknown} value
 * @param {string} what
 */
function toEnforcedOctet(value, what) {
  return toEnforced(value, what, 0, 0xff);
}

/**
 * The same for an option whose value 0 is refused later, by refuseZero(). Therefore the message says "from 1".
 *
 * @param {unknown} value
 * @param {string} what
 */
function toPositiveOctet(value, what) {
  return toEnforced(value, what, 1, 0xff);
}

/**
 * [EnforceRange] for a range of integers.
 *
 * @param {unknown} value
 * @param {string} what
 * @param {0 | 1} least the smallest value in the message; 0 is converted in any case
 * @param {number} most
 */
function toEnforced(value, what, least, most) {
  const number = Math.trunc(toNumber(value, what));
  // NaN makes both comparisons false.
  if (!(number >= 0 && number <= most)) {
    throw new TypeError(`${what} must be a number from ${least} to ${most}, not ${shown(value)}`);
  }
  // The addition makes a negative zero positive.
  return number + 0;
}

/**
 * Refuses 0 for options of which 0 makes no sense (R-range).
 *
 * @template {string} Name
 * @param {{ [key in Name]?: unknown }} options
 * @param {readonly Name[]} names
 * @param {string} where
 */
function refuseZero(options, names, where) {
  for (const name of names) {
    if (options[name] === 0) {
      throw invalidAccess(`${where}: options.${name} must be at least 1`);
    }
  }
}

/**
 * Checks a port (R-port). The draft's order places this check after the conversions of all arguments.
 *
 * @param {number} port
 * @param {0 | 1} least 1 for a remote port
 * @param {string} what
 */
function checkPort(port, least, what) {
  if (!Number.isInteger(port) || port < least || port > 65535) {
    const given = Number.isNaN(port) ? "and what was given is no number" : `not ${port}`;
    throw invalidAccess(`${what} must be an integer from ${least} to 65535, ${given}`);
  }
  return port + 0;
}

/**
 * Removes an object's prototype, and returns the object. The native half reads members by name. Without this it would take properties that
 * a program has added to Object.prototype for options.
 *
 * @template {object} T
 * @param {T} members
 * @returns {T}
 */
function bare(members) {
  return Object.setPrototypeOf(members, null);
}

/**
 * Makes the conversion to a dictionary type from the conversions of its members. Members are read in Web IDL's (lexicographical) order.
 *
 * @template {Record<string, (value: unknown, what: string) => unknown>} Members
 * @param {Members} members
 */
function dictionary(members) {
  const entries = Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1));
  /**
   * @param {unknown} value
   * @param {string} what
   * @returns {{ [Name in keyof Members]?: ReturnType<Members[Name]> }}
   */
  function toDictionary(value, what) {
    // The result has no prototype, so that properties of Object.prototype do not count as options.
    const result = /** @type {Record<string, unknown>} */ (Object.create(null));
    if (value === undefined || value === null) {
      return /** @type {any} */ (result);
    }
    if (typeof value !== "object" && typeof value !== "function") {
      const hint = typeof value === "number" && "localPort" in members ? `, such as { localPort: ${value} }` : "";
      throw new TypeError(`${what} must be an object${hint}, not ${shown(value)}`);
    }
    for (const [name, convert] of entries) {
      const member = /** @type {Record<string, unknown>} */ (value)[name];
      if (member !== undefined) {
        result[name] = convert(member, `${what}.${name}`);
      }
    }
    return /** @type {any} */ (result);
  }
  /** The names of the members. @type {ReadonlySet<string>} */
  const names = new Set(Object.keys(members));
  return Object.assign(toDictionary, { names });
}

/**
 * Makes the conversion to a dictionary type of which the members `names` are required.
 *
 * @template {Record<string, unknown>} Members
 * @template {keyof Members & string} Name
 * @param {readonly Name[]} names
 * @param {(value: unknown, what: string) => Members} convert
 */
function requiring(names, convert) {
  /**
   * @param {unknown} value
   * @param {string} what
   * @returns {Members & { [Key in Name]-?: NonNullable<Members[Key]> }}
   */
  return function toRequired(value, what) {
    const result = convert(value, what);
    for (const name of names) {
      if (result[name] === undefined) {
        throw new TypeError(`${what}.${name} is missing`);
      }
    }
    return /** @type {any} */ (result);
  };
}

/**
 * Makes the conversion to a sequence type from the conversion of its elements.
 *
 * @template Element
 * @param {(value: unknown, what: string) => Element} convert
 */
function sequence(convert) {
  /**
   * @param {unknown} value
   * @param {string} what
   * @returns {Element[]}
   */
  return function toSequence(value, what) {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) {
      throw new TypeError(`${what} must be a list (an array, say), not ${shown(value)}`);
    }
    if (typeof (/** @type {any} */ (value)[Symbol.iterator]) !== "function") {
      throw new TypeError(`${what} must be a list (an array, say), not an object that cannot be iterated over`);
    }
    const result = [];
    for (const element of /** @type {Iterable<unknown>} */ (value)) {
      result.push(convert(element, `${what}[${result.length}]`));
    }
    return result;
  };
}

/**
 * Makes the conversion to a record<DOMString, …> type. Its result is a list of names and values.
 *
 * @template Value
 * @param {(value: unknown, what: string) => Value} convert
 */
function record(convert) {
  /**
   * @param {unknown} value
   * @param {string} what
   * @returns {[string, Value][]}
   */
  return function toRecord(value, what) {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) {
      throw new TypeError(`${what} must be an object, not ${shown(value)}`);
    }
    /** @type {[string, Value][]} */
    const result = [];
    for (const key of Reflect.ownKeys(value)) {
      if (!Object.getOwnPropertyDescriptor(value, key)?.enumerable) {
        continue;
      }
      const name = toDOMString(key, `a name in ${what}`);
      result.push([name, convert(/** @type {Record<string, unknown>} */ (value)[name], `${what}[${shown(name)}]`)]);
    }
    return result;
  };
}

const { isView } = ArrayBuffer;
/** The getter of an ArrayBuffer's length. It accepts an ArrayBuffer of any realm, and throws for anything else. */
const arrayBufferLength = originalGetter(ArrayBuffer.prototype, "byteLength");

/**
 * BufferSource: a copy of the bytes; undefined for a value of another type.
 *
 * @param {unknown} value
 * @param {string} what
 * @returns {Uint8Array | undefined}
 */
function bytesOf(value, what) {
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  const view = isView(value);
  const buffer = view ? value.buffer : value;
  try {
    arrayBufferLength.call(buffer);
  } catch {
    if (view) {
      throw new TypeError(`${what} must not be on a SharedArrayBuffer`);
    }
    return undefined;
  }
  const bytes = /** @type {ArrayBuffer} */ (buffer);
  return view ? new Uint8Array(bytes, value.byteOffset, value.byteLength).slice() : new Uint8Array(bytes).slice();
}

/** (DOMString or BufferSource): the text in UTF-8, or a copy of the bytes. @param {unknown} value @param {string} what */
function toBytes(value, what) {
  return bytesOf(value, what) ?? encoder.encode(toDOMString(value, what));
}

/**
 * Makes the conversion to an enumeration type.
 *
 * @template {string} Value
 * @param {readonly Value[]} values
 */
function enumeration(values) {
  /**
   * @param {unknown} value
   * @param {string} what
   * @returns {Value}
   */
  return function toEnumeration(value, what) {
    const string = toDOMString(value, what);
    const found = values.find((known) => known === string);
    if (found === undefined) {
      throw new TypeError(`${what} must be one of "${values.join('", "')}", not ${shown(string)}`);
    }
    return found;
  };
}

/**
 * The conversion to a callback function type.
 *
 * @param {unknown} value
 * @param {string} what
 * @returns {Function}
 */
function toFunction(value, what) {
  if (typeof value !== "function") {
    throw new TypeError(`${what} must be a function, not ${shown(value)}`);
  }
  return value;
}

/**
 * Defines members on a class's prototype as Web IDL does: enumerable and configurable, methods writable too.
 *
 * @param {{ prototype: object }} interfaceClass
 * @param {object} members an object with the same getters, setters and methods
 */
function defineMembers({ prototype }, members) {
  Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(members));
}

/**
 * Gives a class the interface's name, which bundlers change. A class whose static block uses the name calls this first.
 *
 * @param {object} interfaceClass
 * @param {string} name
 */
function nameInterface(interfaceClass, name) {
  Object.defineProperty(interfaceClass, "name", { value: name, configurable: true });
}

/**
 * Gives a class the shape of a Web IDL interface: its name, enumerable members, and `Symbol.toStringTag`.
 *
 * @param {{ prototype: object }} interfaceClass
 * @param {string} name
 * @param {readonly string[]} members attributes and operations
 */
function defineInterface(interfaceClass, name, members) {
  const { prototype } = interfaceClass;
  nameInterface(interfaceClass, name);
  for (const member of members) {
    Object.defineProperty(prototype, member, { enumerable: true });
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}

module.exports = {
  bare,
  brandCheck,
  bytesOf,
  checkPort,
  checkedRecord,
  defineInterface,
  defineMembers,
  dictionary,
  enumeration,
  illegalInvocation,
  missingArguments,
  nameInterface,
  record,
  refuseZero,
  requiring,
  sequence,
  shown,
  toBoolean,
  toBytes,
  toDOMString,
  toEnforcedOctet,
  toEnforcedUnsignedLong,
  toEnforcedUnsignedShort,
  toFunction,
  toNumber,
  toPositiveOctet,
  toPositiveUnsignedLong,
};
