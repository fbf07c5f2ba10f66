/**
 * `import "tcp-udp-sockets/globals"` adds the three interfaces to globalThis, as in the draft, so that code can use
 * them without an import. No other module of the package does that (R-trust).
 *
 * @packageDocumentation
 */

import type * as sockets from "./index.js";

declare global {
  /** A UDP socket: sends and receives datagrams, unicast and multicast. Draft, interface UDPSocket. */
  var UDPSocket: typeof sockets.UDPSocket;
  /** A UDP socket: sends and receives datagrams, unicast and multicast. Draft, interface UDPSocket. */
  type UDPSocket = sockets.UDPSocket;

  /** A TCP connection. Draft, interface TCPSocket. */
  var TCPSocket: typeof sockets.TCPSocket;
  /** A TCP connection. Draft, interface TCPSocket. */
  type TCPSocket = sockets.TCPSocket;

  /** A TCP server. Draft, interface TCPServerSocket. */
  var TCPServerSocket: typeof sockets.TCPServerSocket;
  /** A TCP server. Draft, interface TCPServerSocket. */
  type TCPServerSocket = sockets.TCPServerSocket;
}

export {};
