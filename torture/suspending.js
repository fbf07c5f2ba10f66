"use strict";

// suspend() and resume() of sockets that take them alone: UDP sockets and servers. A connection's have more to settle (actions.js).

const suspending = {
  /** @param {any} end */
  suspend(end) {
    end.socket.suspend();
    end.isSuspended = end.state === "open";
  },
  /** @param {any} end */
  resume(end) {
    end.socket.resume();
    end.isSuspended = false;
  },
};

module.exports = { suspending };
