"use strict";

// The members that work the same in all interfaces.

const { binding } = require("./native.js");
const { GONE } = require("./socket-record.js");
const { bufferedAmount, readyState } = require("./sockets.js");
const { defineMembers, illegalInvocation } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {(socket: unknown) => SocketRecord | undefined} RecordOf */
/** @typedef {{ name: string, prototype: object }} InterfaceClass */

/**
 * The brand check of an interface: returns the record of its object, and throws for anything else.
 *
 * @param {InterfaceClass} interfaceClass
 * @param {RecordOf} recordOf returns undefined for an object that is not of the interface
 * @returns {(socket: unknown, member: string) => SocketRecord}
 */
function brandCheckOf(interfaceClass, recordOf) {
  return (socket, member) => {
    const record = recordOf(socket);
    if (record === undefined) {
      throw illegalInvocation(`${interfaceClass.name}.${member}`);
    }
    return record;
  };
}

/**
 * Defines `readyState`, suspend(), resume(), ref(), unref() and hasRef().
 *
 * @param {InterfaceClass} interfaceClass
 * @param {RecordOf} recordOf returns undefined for an object that is not of the interface
 */
function defineSocketMembers(interfaceClass, recordOf) {
  const checked = brandCheckOf(interfaceClass, recordOf);
  defineMembers(interfaceClass, {
    get readyState() {
      return readyState(checked(this, "readyState"));
    },

    suspend() {
      const record = checked(this, "suspend");
      if (!record.closed) {
        binding.suspend(record.id);
      }
    },

    resume() {
      const record = checked(this, "resume");
      if (!record.closed) {
        binding.resume(record.id);
      }
    },

    /** Keeps the process alive until the socket is closed, as a new socket does. As in Node. */
    ref() {
      setReferenced(checked(this, "ref"), true);
      return this;
    },

    /** Lets the process end although the socket is open. As in Node. */
    unref() {
      setReferenced(checked(this, "unref"), false);
      return this;
    },

    /** Whether the socket keeps the process alive. As in Node. */
    hasRef() {
      return checked(this, "hasRef").hasRef();
    },
  });
}

/**
 * Defines `bufferedAmount`.
 *
 * @param {InterfaceClass} interfaceClass
 * @param {RecordOf} recordOf returns undefined for an object that is not of the interface
 */
function defineBufferedAmount(interfaceClass, recordOf) {
  const checked = brandCheckOf(interfaceClass, recordOf);
  defineMembers(interfaceClass, {
    get bufferedAmount() {
      return bufferedAmount(checked(this, "bufferedAmount"));
    },
  });
}

/**
 * @param {SocketRecord} record
 * @param {boolean} referenced
 */
function setReferenced(record, referenced) {
  record.referenced = referenced;
  // A closed UDPSocket may still have datagrams to send. It keeps the process alive until they are sent.
  if (record.id !== GONE) {
    binding.ref(record.id, referenced);
  }
}

module.exports = { brandCheckOf, defineBufferedAmount, defineSocketMembers };
