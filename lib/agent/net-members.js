"use strict";

// NetMembers: a stream.Duplex with those attributes of net.Socket that only tell something: addresses, counts and states.

const { Duplex } = require("node:stream");

class NetMembers extends Duplex {
  /** The TCPSocket or UnixSocket; undefined while the stream is connecting. @type {any} */
  _socket = undefined;
  /** True until the connection is established, or has failed. */
  connecting = true;

  get pending() {
    return this._socket === undefined;
  }

  get readyState() {
    if (this.connecting) {
      return "opening";
    }
    if (this.readable && this.writable) {
      return "open";
    }
    return this.readable ? "readOnly" : this.writable ? "writeOnly" : "closed";
  }

  get bytesRead() {
    return this._socket?.bytesRead ?? 0;
  }

  /** Written bytes: those that the system has, and those that wait. */
  get bytesWritten() {
    const { bytesWritten = 0, bufferedAmount = 0 } = this._socket ?? {};
    return bytesWritten + bufferedAmount + this.writableLength;
  }

  get remoteAddress() {
    return this._socket?.remoteAddress;
  }

  get remotePort() {
    const port = this._socket?.remotePort;
    return port === undefined ? undefined : Number(port);
  }

  get remoteFamily() {
    return familyOf(this.remoteAddress);
  }

  get localAddress() {
    return this._socket?.localAddress;
  }

  get localPort() {
    return this._socket?.localPort;
  }

  get localFamily() {
    return familyOf(this.localAddress);
  }

  address() {
    const { localAddress: address, localFamily: family, localPort: port } = this;
    return address === undefined ? {} : { address, family, port };
  }
}

/** @param {string | undefined} address */
function familyOf(address) {
  return address === undefined ? undefined : address.includes(":") ? "IPv6" : "IPv4";
}

module.exports = { NetMembers };
