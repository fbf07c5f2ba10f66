"use strict";

// What http.Agent of Node asks of `socket._handle`. When it gives an idle socket to another request, it calls asyncReset(): from then on the
// socket's events belong to the async context of that request.

const { AsyncResource, executionAsyncId } = require("node:async_hooks");

class PooledHandle {
  /** Set by http.Agent while the socket is idle. The stream itself looks out for bytes that nobody asked for (node-stream.js). */
  onread = null;
  /** So that http.Agent does not call readStart(). */
  reading = true;
  /** Whether the runtime, or reuseSocket(), has asked hasPendingRead() since the socket was last used. */
  isChecked = false;
  /** Returns whether a read would find something. */
  #hasPendingRead;
  /** The resource of the request that uses the socket; undefined: the one that made it. @type {AsyncResource | undefined} */
  #resource;
  /** The id of the resource that made the socket. */
  #firstId = executionAsyncId();

  /** @param {() => boolean} hasPendingRead */
  constructor(hasPendingRead) {
    this.#hasPendingRead = hasPendingRead;
  }

  asyncReset() {
    this.#resource = new AsyncResource("SOCKETSTREAM");
  }

  getAsyncId() {
    return this.#resource?.asyncId() ?? this.#firstId;
  }

  getProviderType() {
    return "SOCKETSTREAM";
  }

  readStart() {
    return 0;
  }

  /**
   * Whether something waits to be read. Of an idle socket nobody asked for it: it would count as the response to the next request. http.Agent
   * asks for it before it reuses a socket, since Node 22.
   */
  hasPendingRead() {
    this.isChecked = true;
    return this.#hasPendingRead();
  }

  /** Runs a function in the context of the request. @param {() => void} act */
  run(act) {
    if (this.#resource === undefined) {
      act();
    } else {
      this.#resource.runInAsyncScope(act);
    }
  }
}

module.exports = { PooledHandle };
