"use strict";

// A table of values by id: what belongs to each socket and pending operation of the native half.
//
// It is not a Map. Programs that open many connections add and delete all the time, and a Map then makes a new table every few additions. V8's old
// table refers to the new one. Once one of them is in the old generation, all later ones, and whatever was in them when they were replaced,
// survive every scavenge until the next full garbage collection: a record, its socket, and all that they refer to.

/** The bits of an id that are its index (src/net/id.rs). The others change with each use of the index. */
const INDEX_MASK = (1 << 20) - 1;
/** Stands for an index without a value. */
const NONE = -1;

/** @template Value */
class IdTable {
  /** The id at each index, or NONE. An id that is used no more has the index of another one. @type {number[]} */
  #ids = [];
  /** The value at each index. @type {(Value | undefined)[]} */
  #values = [];
  /** How many values there are. */
  size = 0;

  /** The value of an id; undefined: it has none. @param {number} id */
  get(id) {
    const at = id & INDEX_MASK;
    return at < this.#ids.length && this.#ids[at] === id ? this.#values[at] : undefined;
  }

  /**
   * @param {number} id
   * @param {Value} value
   */
  set(id, value) {
    const ids = this.#ids;
    const at = id & INDEX_MASK;
    // Arrays without holes are faster.
    for (let next = ids.length; next <= at; next++) {
      ids[next] = NONE;
      this.#values[next] = undefined;
    }
    if (ids[at] === NONE) {
      this.size += 1;
    }
    ids[at] = id;
    this.#values[at] = value;
  }

  /** @param {number} id */
  delete(id) {
    const at = id & INDEX_MASK;
    if (at < this.#ids.length && this.#ids[at] === id) {
      this.#ids[at] = NONE;
      this.#values[at] = undefined;
      this.size -= 1;
    }
  }

  /** All values, in the order of their indexes. */
  values() {
    return /** @type {Value[]} */ (this.#values.filter((_value, at) => this.#ids[at] !== NONE));
  }
}

module.exports = { IdTable };
