/// <reference lib="esnext.disposable" />

/**
 * The W3C Raw Socket API (draft of 14 May 2013) for Node: UDP sockets, TCP sockets and TCP servers with the
 * shape of Web sockets. Unix sockets and their servers, which the draft does not have, have the same shape.
 *
 * "Draft" below means that document. A name such as R-tcp-fin is a ruling of this package on a question that the draft
 * leaves open (see docs/conformance.md). Sizes are bytes. Addresses are IPv4 or IPv6 literals, and an IPv6
 * one may carry a zone (`fe80::1%eth0`). Only connect() takes host names, and only Unix sockets take paths. Every option may be
 * absent or `undefined`.
 *
 * An unknown option is ignored. If it is another library's name for one of ours (`port`, `timeout`), a warning names ours
 * (`UnknownOptionWarning`, once for each name in a thread). A mistake that would leave a connection in plain text, TLS weaker or a
 * filter open is refused (R-unknown). These throw InvalidAccessError among the options of a constructor or connect(): a name of TLS
 * (`cert`, `rejectUnauthorized`, `tls`), a misspelt `secureTransport`, `useSecureTransport` or `allowAddress`, and `allowAddress` of a
 * constructor. Every unknown member of {@link SecureTransportOptions} and {@link ServerCertificate} throws TypeError.
 *
 * "Throws InvalidAccessError" and the like mean a `DOMException` of this name. It has the members of {@link SocketError}
 * if the system reported an error. A call without a required argument, on another object, or with an `options` that is
 * no object throws `TypeError` (R-shape).
 *
 * `console.log(socket)` shows the state of a socket in one line. Channels of `node:diagnostics_channel`, and `NODE_DEBUG=tcp-udp-sockets`, report
 * sockets, errors and ends (R-diagnostics; see docs/diagnostics.md).
 *
 * @packageDocumentation
 */

/**
 * The state of a socket.
 *
 * - `"connecting"`: the connection is not established yet.
 * - `"open"`: data can be sent and received; a server accepts connections.
 * - `"halfclosed"`: halfclose() was called. The socket cannot send any more, and still receives.
 * - `"closing"`: close() was called, or the peer has ended. Buffered data still leaves.
 * - `"closed"`: the socket has ended, or never opened. This state is final.
 *
 * UDP sockets and servers are only ever `"open"` or `"closed"`. Draft, enumeration ReadyState.
 */
export type ReadyState = "connecting" | "open" | "closing" | "closed" | "halfclosed";

/**
 * The data that send() takes. A string is sent as UTF-8 (a lone surrogate as U+FFFD), a Blob as its bytes, a view as the
 * section that it references. Buffers may be backed by a SharedArrayBuffer or be resizable. send() copies the bytes as they
 * are at the call (R-types, R-copy).
 */
export type SendData = string | Blob | ArrayBuffer | ArrayBufferView;

/** A port: an integer from 0 to 65535, or its decimal text, as in `socket.remotePort` (R-port). */
export type Port = number | string;

/** A group's network interface and source, for joinMulticastGroup() and leaveMulticastGroup(). */
export interface MulticastOptions {
  /**
   * The interface to join on: one of its addresses, its name (`"eth0"`), or, for an IPv6 group, its zone (`"eth0"`, `"2"`).
   * `"all"` means every interface that supports multicast, is up at the call and, for an IPv4 group, has an IPv4 address. The
   * socket receives only datagrams that arrive on this interface. `"all"`, and an absent interface, count as an interface of
   * their own. `"all"` leaves an interface joined that is joined already (R-udp-group). Default: the system chooses.
   */
  interfaceAddress?: string | undefined;
  /**
   * Receives the group only from this address (source-specific multicast): a unicast address of the group's family. Join once
   * for each source. On one interface a group is joined either from any source or from listed ones. Mixing the two
   * throws InvalidAccessError (R-udp-group). Default: any source.
   */
  sourceAddress?: string | undefined;
}

/**
 * An error with the system's reason, as a `DOMException`. Events carry it as `event.error`, always named
 * `"NetworkError"`. Constructors and methods throw the same shape under the name that their documentation
 * gives (R-error).
 */
export type SocketError = Omit<DOMException, "code"> & {
  /**
   * The system's name of the error, such as `"ECONNREFUSED"` or `"EADDRINUSE"`. Errors without such a name have:
   * `"ECONNABORTED"` (close() while connecting), `"ETIMEDOUT"` (a timeout), `"ENOBUFS"` (buffer full, or no memory),
   * `"EMSGSIZE"` (datagram too long), `"EIO"` (a Blob that cannot be read),
   * `"ENOTFOUND"` (connect() found no address), `"ERR_ADDRESS_BLOCKED"` (its `allowAddress` allowed none), `"ABORT_ERR"` (a
   * signal; its reason is the `cause`).
   *
   * A `DOMException`'s own `code` is a number. An exception for a bad argument keeps that number if no error of the
   * system caused it. Every InvalidStateError keeps its number (11), whatever its cause.
   */
  readonly code: string;
  /** The system call that failed, such as `"connect"`. */
  readonly syscall?: string | undefined;
  /** The address that the error is about; the path if the error is about a Unix socket. */
  readonly address?: string | undefined;
  /** The port that the error is about; absent for a multicast group and for a path, which have none. */
  readonly port?: number | undefined;
  /**
   * The cause, if it is an object of its own, such as the error of a Blob that cannot be read. Of connect() it is an
   * AggregateError with one error for each address, or the value that `lookup` rejected with.
   */
  readonly cause?: unknown;
};

/** A listener for an event: a function, called with the socket as `this`, or an object. */
export type SocketEventListener<Socket, E> =
  | ((this: Socket, event: E) => unknown)
  | { handleEvent(event: E): unknown }
  | null;

/** The third argument of addEventListener(), as in the platform. */
export type SocketListenerOptions = Parameters<EventTarget["addEventListener"]>[2];

// --- events: types only, as the draft's NoInterfaceObject says (R-noif) -------------------------------------

/** The `message` event of a TCPSocket, and of a UnixSocket. Draft, TCPSocket, event summary. */
export interface TCPMessageEvent extends MessageEvent {
  /**
   * The bytes received: at least one, and as many as one read returned. A stream keeps no message bounds. The draft makes it
   * read-only: do not write into it. It is immutable if the engine has immutable buffers (R-data).
   */
  readonly data: ArrayBuffer;
}

/** The `message` event of a UDPSocket. It is `instanceof MessageEvent`. Draft, UDPMessageEvent. */
export interface UDPMessageEvent extends MessageEvent {
  /**
   * Exactly one datagram, never truncated, never merged; an empty one has no bytes (R-udp-bounds, R-udp-empty).
   * The draft makes it read-only: do not write into it. It is immutable if the engine has immutable buffers (R-data).
   */
  readonly data: ArrayBuffer;
  /** The sender's address; a link-local IPv6 address has its zone (R-address). */
  readonly remoteAddress: string;
  /** The sender's port. */
  readonly remotePort: number;
  /**
   * The destination address in the datagram's header: one of this host's, a group's, or a broadcast address; a link-local IPv6 address has
   * its zone. null without `packetInfo` (R-udp-reply).
   */
  readonly localAddress: string | null;
  /**
   * The name of the interface that has received the datagram, such as `"eth0"`. A changed name shows within a second. null without
   * `packetInfo`, and if the interface does not exist any more (R-udp-reply).
   */
  readonly localInterface: string | null;
  /** The byte of IP's header that has DSCP in its upper six bits and ECN in the lower two. null without `packetInfo` (R-udp-reply). */
  readonly typeOfService: number | null;
}

/** The `connect` event of a TCPServerSocket. Draft, ConnectEvent. */
export interface ConnectEvent extends Event {
  /**
   * The accepted connection, in `"open"`; its own `open` event does not fire. You can add its listeners in this handler
   * or later, and nothing is lost: its bytes wait for them (R-srv-connect, R-listen).
   */
  readonly connectedSocket: TCPSocket;
}

/** The `connect` event of a UnixServerSocket. R-unix. */
export interface UnixConnectEvent extends Event {
  /**
   * The accepted connection, in `"open"`; its own `open` event does not fire. You can add its listeners in this handler
   * or later, and nothing is lost: its bytes wait for them (R-srv-connect, R-listen).
   */
  readonly connectedSocket: UnixSocket;
}

/**
 * The `error` event of all interfaces. An `error` without a listener throws nothing. The first in a thread prints
 * a warning (R-unheard). Draft, ErrorEvent.
 */
export interface ErrorEvent extends Event {
  /** The error: named `"NetworkError"`, with the system's reason (R-error). */
  readonly error: SocketError;
  /** `error.message`, so that a log of the event contains it. */
  readonly message: string;
}

/** The events of a UDPSocket by name. */
export interface UDPSocketEventMap {
  drain: Event;
  error: ErrorEvent;
  message: UDPMessageEvent;
}

/** The events of a TCPSocket by name. */
export interface TCPSocketEventMap {
  close: Event;
  drain: Event;
  error: ErrorEvent;
  halfclose: Event;
  message: TCPMessageEvent;
  open: Event;
}

/** The events of a TCPServerSocket by name. */
export interface TCPServerSocketEventMap {
  connect: ConnectEvent;
  error: ErrorEvent;
}

/** The events of a UnixSocket by name: those of a TCPSocket. */
export interface UnixSocketEventMap {
  close: Event;
  drain: Event;
  error: ErrorEvent;
  halfclose: Event;
  message: TCPMessageEvent;
  open: Event;
}

/** The events of a UnixServerSocket by name. */
export interface UnixServerSocketEventMap {
  connect: UnixConnectEvent;
  error: ErrorEvent;
}

// --- UDP ----------------------------------------------------------------------------------------------------

/** Options of the UDPSocket constructor. Draft, dictionary UDPOptions. */
export interface UDPOptions {
  /**
   * The local address to bind to. Default: the wildcard of `remoteAddress`'s family if that is given, else
   * `"0.0.0.0"` (R-udp-bind).
   */
  localAddress?: string | undefined;
  /** The local port to bind to. Default, and 0: the system chooses one. */
  localPort?: Port | undefined;
  /**
   * The default destination of send(). Without `connected` it filters nothing: datagrams from anyone are received (R-udp-default).
   * Default: none.
   */
  remoteAddress?: string | undefined;
  /** The default destination's port, 1 to 65535 (R-udp-default). Default: none. */
  remotePort?: Port | undefined;
  /**
   * Connects to `remoteAddress` and `remotePort` (connect(2)): only their datagrams are received, send() takes no other destination,
   * `localAddress` is the address that datagrams leave from, and a datagram that is refused there is an `error` (`"ECONNREFUSED"`) that
   * leaves the socket open. Without both, InvalidAccessError; if the system cannot connect, NetworkError (R-udp-connected).
   * Default: false.
   */
  connected?: boolean | undefined;
  /**
   * Messages report `localAddress`, `localInterface` and `typeOfService` of their datagrams. Linux only; elsewhere true throws
   * NotSupportedError (R-udp-reply, R-platform). Default: false.
   */
  packetInfo?: boolean | undefined;
  /**
   * The name of the only interface that the socket sends and receives by, such as `"eth0"`; multicast groups are also joined there,
   * unless joinMulticastGroup() names another interface. InvalidAccessError (`"ENODEV"`) if there is none; NetworkError (`"EPERM"`) if it is
   * not permitted (Linux before 5.7 asks for CAP_NET_RAW). Linux and macOS; elsewhere NotSupportedError (R-udp-interface, R-platform).
   * Default: any interface.
   */
  networkInterface?: string | undefined;
  /**
   * Binds even if the local port is in use by a socket that allows it too. It has an effect only if `localPort` is given and
   * not 0. On Windows, with false or with a port that the system chooses, no other socket can bind to the port (R-udp-reuse).
   * Default: true.
   */
  addressReuse?: boolean | undefined;
  /** Whether this machine also receives the multicast that this socket sends (R-udp-loop). Default: false. */
  loopback?: boolean | undefined;
  /**
   * Several sockets with this option, also of other threads and processes of one user, share a local port and its
   * datagrams (SO_REUSEPORT). On a system without such sharing (macOS, Windows) true throws NotSupportedError
   * (R-platform). Default: false.
   */
  reusePort?: boolean | undefined;
  /** Allows sending to broadcast addresses (SO_BROADCAST). Default: false; then it is an `error` ("EACCES"). */
  broadcast?: boolean | undefined;
  /**
   * How many hops a unicast datagram may take (TTL, hop limit). 1 to 255 (0 throws InvalidAccessError, else TypeError).
   * Default: the system's, mostly 64.
   */
  timeToLive?: number | undefined;
  /** How many hops a multicast datagram may take; 0 keeps it on this machine. 0 to 255, else TypeError. Default: 1. */
  multicastTimeToLive?: number | undefined;
  /**
   * The byte of IP's header that has DSCP in its upper six bits and ECN in the lower two. 0 to 255, else TypeError. Windows does
   * not have it: NotSupportedError (R-platform). Default: 0.
   */
  typeOfService?: number | undefined;
  /**
   * The interface that multicast leaves by: one of its addresses, its name (`"eth0"`), or its zone (`"2"`). On a dual-stack
   * socket an IPv4 address applies to IPv4 datagrams alone, anything else to both families. An IPv4 socket throws
   * InvalidAccessError if the interface has no IPv4 address. Default: `localAddress`'s interface, else the system chooses.
   */
  multicastInterface?: string | undefined;
  /**
   * Bytes that the system may buffer for sending (SO_SNDBUF). The system has limits of its own, and Linux doubles the value. 1 to
   * 4294967295 (0 throws InvalidAccessError, else TypeError). Default: the system's.
   */
  sendBufferSize?: number | undefined;
  /** The same for receiving (SO_RCVBUF). Datagrams that arrive while it is full are dropped. */
  receiveBufferSize?: number | undefined;
  /** An IPv6 wildcard takes no IPv4 (R-udp-bind). Default: false, it takes both. */
  ipv6Only?: boolean | undefined;
  /**
   * send() returns false while more than this many bytes are buffered. 0 to 4294967295, else TypeError.
   * Default: 65536.
   */
  highWaterMark?: number | undefined;
  /**
   * How many bytes may wait because the system refuses to take them. Beyond it the buffer is full: the socket closes
   * with an `error` (R-udp-full). 0 to 4294967295, else TypeError. Default: 67108864 (64 MiB).
   */
  maxBufferedAmount?: number | undefined;
  /**
   * Closes the socket when it is aborted. If it is aborted already, the constructor throws its reason (R-abort).
   * TypeError if it is no AbortSignal. Default: none.
   */
  signal?: AbortSignal | undefined;
}

/** The options of a UDPSocket that setOptions() can change (R-live). */
export type UDPLiveOptions = Pick<
  UDPOptions,
  "broadcast" | "highWaterMark" | "loopback" | "maxBufferedAmount" | "multicastInterface" | "multicastTimeToLive" | "receiveBufferSize"
  | "sendBufferSize" | "timeToLive" | "typeOfService"
>;

/** A datagram from `readable` of a UDPSocket, or from `for await` over one. Dictionary UDPMessage. */
export interface UDPMessage {
  /** Exactly one datagram, in an ordinary buffer that belongs to the receiver. */
  data: Uint8Array<ArrayBuffer>;
  /** The sender's address; a link-local IPv6 address has its zone. */
  remoteAddress: string;
  /** The sender's port. */
  remotePort: number;
  /** With `packetInfo`: the destination address in the datagram's header, as UDPMessageEvent has it (R-udp-reply). */
  localAddress?: string | undefined;
  /** With `packetInfo`: the name of the interface that has received the datagram (R-udp-reply). */
  localInterface?: string | undefined;
  /** With `packetInfo`: the byte of IP's header that has DSCP and ECN (R-udp-reply). */
  typeOfService?: number | undefined;
}

/**
 * How one datagram leaves: the fourth argument of send() (R-udp-reply). Linux only; elsewhere each member throws NotSupportedError
 * (R-platform). Dictionary UDPSendOptions.
 *
 * To answer from the address that was asked, a socket with `packetInfo` gives the `localAddress` of the message.
 */
export interface UDPSendOptions {
  /**
   * The address that it leaves from: one of this host's, of the destination's family. A group, a broadcast address or a wildcard throws
   * InvalidAccessError; one that is not the host's is an `error` (`"EADDRNOTAVAIL"`). Default, and null: the socket's, else the system
   * chooses.
   */
  localAddress?: string | null | undefined;
  /**
   * The name of the interface that it leaves by; InvalidAccessError (`"ENODEV"`) if there is none. If the socket has `multicastInterface`,
   * an IPv4 multicast datagram still has that interface's address as its source, unless `localAddress` is given too. Default, and null:
   * the system chooses.
   */
  localInterface?: string | null | undefined;
  /** The byte of IP's header that has DSCP and ECN. 0 to 255, else TypeError. Default, and null: the socket's. */
  typeOfService?: number | null | undefined;
}

/** A datagram for `writable` of a UDPSocket. It may have the members of UDPSendOptions. */
export interface UDPMessageInit extends UDPSendOptions {
  /** The bytes, as for send(). */
  data: SendData;
  /** The destination. Default, and null: `options.remoteAddress`. */
  remoteAddress?: string | null | undefined;
  /** The destination's port, 1 to 65535. Default, and null: `options.remotePort`. */
  remotePort?: Port | null | undefined;
}

/**
 * The value of `opened` of a UDPSocket. Its streams are those of the socket, made at the first read.
 * They are not enumerable: copying the object (`{ ...info }`, JSON) or printing it takes no stream (R-promises).
 */
export interface UDPSocketOpenInfo {
  /** The socket's `readable`. */
  readonly readable: ReadableStream<UDPMessage>;
  /** The socket's `writable`. */
  readonly writable: WritableStream<UDPMessageInit>;
  /** The address that the socket is bound to. */
  localAddress: string;
  /** The port that the socket is bound to. */
  localPort: number;
}

// run: client udp-echo 6789
/**
 * A UDP socket: sends and receives datagrams, unicast and multicast. It keeps the process alive until it is closed,
 * unless unref() was called (R-keep). Draft, interface UDPSocket.
 *
 * @example
 * import { UDPSocket } from "tcp-udp-sockets";
 * const socket = new UDPSocket({ localPort: 6789 });
 * socket.onmessage = ({ data, remoteAddress, remotePort }) => socket.send(data, remoteAddress, remotePort);
 */
export declare class UDPSocket extends EventTarget {
  /**
   * Makes a socket, and binds it before it returns.
   *
   * @throws InvalidAccessError: an address or port is invalid; the local ones are not available (`code`
   *   `"EADDRINUSE"`, `"EADDRNOTAVAIL"`, `"EACCES"`); the socket cannot reach the family of `remoteAddress`; `connected` without a
   *   remote address and port; no interface has the name of `networkInterface` (`"ENODEV"`).
   * @throws NotSupportedError: the system lacks an option (R-platform).
   * @throws NetworkError: the system lacks resources (`"EMFILE"`: file descriptors, `"EAGAIN"`: threads); with `connected`, it cannot
   *   connect (`"ENETUNREACH"`); the process may not bind to `networkInterface` (`"EPERM"`).
   * @throws SecurityError: Node's permission model denies network access (R-trust).
   * @throws TypeError: a number is out of range (R-range).
   * @throws the signal's reason, if it is aborted already (R-abort).
   */
  constructor(options?: UDPOptions);

  /**
   * The local address that the socket is bound to, known at once (R-udp-bind). With `connected` it is the one that datagrams leave from
   * (R-udp-connected).
   */
  readonly localAddress: string;
  /** The local port that the socket is bound to, known at once. */
  readonly localPort: number;
  /** The default destination of send(), the value of `options.remoteAddress`; null if absent. */
  readonly remoteAddress: string | null;
  /** The default destination's port, the value of `options.remotePort`; null if absent. */
  readonly remotePort: number | null;
  /** The value of `options.addressReuse`; true if absent. */
  readonly addressReuse: boolean;
  /** The value of `options.loopback`; false if absent. */
  readonly loopback: boolean;
  /**
   * Bytes that send() took and that the system has not taken yet. It rises in send(), and falls only in a later task. Larger
   * amounts read as 4294967295. It keeps its last value once closed.
   */
  readonly bufferedAmount: number;
  /** The bytes of the datagrams that the program has got so far. It keeps its last value (R-stats). */
  readonly bytesRead: number;
  /** The bytes of the datagrams that the system has taken so far. It keeps its last value (R-stats). */
  readonly bytesWritten: number;
  /**
   * How many datagrams the system has dropped so far because the receive buffer was full. Only Linux reports it; elsewhere it is 0. It
   * keeps its last value (R-stats).
   */
  readonly datagramsDropped: number;
  /** `"open"` until close(), or until an `error` that closes the socket (R-udp-toolong). */
  readonly readyState: "open" | "closed";

  /** `drain`: nothing is buffered any more, after send() returned false. It fires once for that (R-tcp-drain). */
  ondrain: ((this: UDPSocket, event: Event) => unknown) | null;
  /**
   * `error`: an operation failed. The socket stays open after an error that the system reports about one datagram, with `connected` also
   * a refusal, and after a Blob that cannot be read (R-udp-neterr). readyState is `"closed"` after a datagram too long or a full buffer
   * (R-udp-toolong).
   */
  onerror: ((this: UDPSocket, event: ErrorEvent) => unknown) | null;
  /** `message`: a datagram has arrived, from anyone unless `connected`. Without a listener datagrams wait, within bounds (R-listen). */
  onmessage: ((this: UDPSocket, event: UDPMessageEvent) => unknown) | null;

  /**
   * Hands buffered datagrams to the system, leaves the multicast groups and closes. No event fires after it, and there
   * is no `close` event (R-udp-close). Once closed it does nothing.
   */
  close(): void;
  /**
   * No `message` fires from now on, until resume(). Datagrams wait as long as there is room for them (R-udp-suspend).
   */
  suspend(): void;
  /** Undoes suspend(). Data that waited comes first, in order. */
  resume(): void;
  /**
   * Joins a multicast group.
   *
   * @throws InvalidAccessError: it is no multicast address of the socket's family; it is joined already, or joined otherwise
   *   (R-udp-group).
   * @throws InvalidStateError: the socket is closed.
   * @throws NetworkError: no interface can join (`code` `"ENODEV"`); the system allows no more groups (`"ENOBUFS"`; the
   *   message names the setting, on Linux `net.ipv4.igmp_max_memberships`, 20 by default).
   * @throws NotSupportedError: the system does not support `"all"`, or `sourceAddress` for such a group (R-platform).
   */
  joinMulticastGroup(multicastGroupAddress: string, options?: MulticastOptions): void;
  /**
   * Leaves a multicast group. Give the same arguments as for joining.
   *
   * @throws InvalidAccessError: it is no multicast address of the socket's family, or was not joined in this way (R-udp-group).
   * @throws InvalidStateError: the socket is closed.
   */
  leaveMulticastGroup(multicastGroupAddress: string, options?: MulticastOptions): void;
  /**
   * Sends one datagram. Unless many wait, nothing leaves before the running code has ended (R-udp-full).
   * If a datagram is too long for UDP (over 65,507 bytes on IPv4, 65,527 on IPv6), or the buffer is full, it returns
   * false and closes the socket with one `error` (R-udp-toolong).
   *
   * @param data The bytes; none makes an empty datagram (R-udp-empty).
   * @param remoteAddress The destination. Default, and null: `options.remoteAddress`.
   * @param remotePort The destination's port, 1 to 65535. Default, and null: `options.remotePort`.
   * @param options How it leaves (R-udp-reply). Datagrams with other options go to the system in the order of the calls, too.
   * @returns true: go on sending; false: more than `highWaterMark` bytes are buffered, wait for `drain`.
   * @throws InvalidStateError: the socket is closed.
   * @throws InvalidAccessError: `data` cannot be sent, or is a detached buffer (R-types); there is no destination; it is no
   *   address or port; the socket cannot reach its family (R-udp-family); it is not the one that the socket is connected to
   *   (R-udp-connected); an option is bad (R-udp-reply).
   * @throws NotSupportedError: the system has no such options (R-platform).
   * @throws NetworkError: there is no memory for the bytes (`code` `"ENOBUFS"`); nothing has changed (R-error).
   * @throws TypeError: `typeOfService` is out of range (R-range).
   */
  send(data: SendData, remoteAddress?: string | null, remotePort?: Port | null, options?: UDPSendOptions): boolean;

  /** Fulfilled at once. The same promise at each read (R-promises). */
  readonly opened: Promise<UDPSocketOpenInfo>;
  /**
   * Fulfilled when the socket is closed and the system has the buffered datagrams. Rejected with the `error` that closed it
   * (R-udp-toolong). The same promise at each read. It causes no unhandled rejection (R-promises).
   */
  readonly closed: Promise<undefined>;
  /**
   * The received datagrams, as a stream. From the first read of this attribute on they go there, and no `message` fires.
   * Without a reader it holds up to 64 KiB of them. The rest waits in the system, which drops what finds no room.
   * suspend() holds it too. close() closes it. Cancelling it leaves the socket open, and later datagrams are dropped (R-streams).
   */
  readonly readable: ReadableStream<UDPMessage>;
  /**
   * send() as a stream. write() is fulfilled at once or, if send() returned false, at `drain`. Closing it leaves the
   * socket open, aborting it closes the socket (R-streams). If send() throws, write() rejects with the exception, and the stream
   * fails.
   */
  readonly writable: WritableStream<UDPMessageInit>;
  // run: client udp-echo 6789
  /**
   * One datagram for each next(). Without a waiting next() none is taken from the system (R-iterate). Several loops share
   * the datagrams. close() ends them. An `error` that closes the socket is thrown. Leaving a loop leaves the socket open.
   *
   * @example
   * import { UDPSocket } from "tcp-udp-sockets";
   * const socket = new UDPSocket({ localPort: 6789 });
   * for await (const { data, remoteAddress, remotePort } of socket) socket.send(data, remoteAddress, remotePort);
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<UDPMessage, undefined, undefined>;
  /** `await using`: calls close(), and is fulfilled when `closed` settles, either way (R-dispose). */
  [Symbol.asyncDispose](): Promise<void>;

  /**
   * Changes options of the open socket (R-live). All members are checked before the first is applied; undefined
   * changes nothing.
   *
   * @throws TypeError: a member has the wrong type, or is out of range.
   * @throws InvalidAccessError: a value is bad, or the member cannot be changed or is unknown.
   * @throws InvalidStateError: the socket is closed.
   * @throws NetworkError: the system refuses an option, which the message names. Those before it stay changed.
   * @throws NotSupportedError: the system lacks the option (R-platform).
   */
  setOptions(options: UDPLiveOptions): void;

  /** Makes the open socket keep the process alive, as it does at first (R-keep). */
  ref(): this;
  /** Lets the process end while the socket is open. */
  unref(): this;
  /** Whether the socket keeps the process alive: true after ref() or at first, false after unref() or once closed. */
  hasRef(): boolean;

  /** Adds a listener for one of this socket's events, or for any other. */
  addEventListener<Type extends keyof UDPSocketEventMap>(
    type: Type,
    listener: SocketEventListener<UDPSocket, UDPSocketEventMap[Type]>,
    options?: SocketListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: SocketEventListener<UDPSocket, Event>,
    options?: SocketListenerOptions,
  ): void;
  /** Removes a listener that addEventListener() has added with the same `capture`. */
  removeEventListener<Type extends keyof UDPSocketEventMap>(
    type: Type,
    listener: SocketEventListener<UDPSocket, UDPSocketEventMap[Type]>,
    options?: SocketListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: SocketEventListener<UDPSocket, Event>,
    options?: SocketListenerOptions,
  ): void;
}

// --- TCP ----------------------------------------------------------------------------------------------------

/** Whether to use TLS. `"starttls"` is the same as `"off"`, and announces a call of {@link TCPSocket.startTls}. */
export type SecureTransportKind = "off" | "on" | "starttls";

/** A certificate or key: PEM in a string, PEM or DER in bytes. Bytes are copied at the call. */
export type PEMOrDER = string | ArrayBuffer | ArrayBufferView;

/**
 * A certificate chain and its key, for one name of a server. An unknown member throws TypeError (R-unknown); in an answer of
 * `certificateFor` it makes the handshake fail.
 */
export interface ServerCertificate {
  /** The chain, leaf first: in one PEM, or in a list. */
  cert: PEMOrDER | Iterable<PEMOrDER>;
  /** The leaf's key: PKCS#8, PKCS#1 or SEC1, not encrypted. */
  key: PEMOrDER;
  /**
   * Milliseconds for which a server keeps this answer of its `certificateFor`: later handshakes for that name do not ask. It keeps
   * 1,000 answers; after that the least recently used one goes. setSecureContext() drops them all (R-srv-secure). It has no effect in
   * `serverCertificates`, nor in startTls(). 0 to 4294967295, else TypeError. Default, and 0: the answer is not kept.
   */
  ttl?: number | undefined;
}

/**
 * Gives the certificate for a host name that a client asks for; null for the options' own one.
 *
 * @param serverName The host name, in lower case and without a final dot. It has the syntax of one, so it contains no `/` and no `..`.
 */
export type CertificateCallback = (
  serverName: string,
) => ServerCertificate | null | undefined | PromiseLike<ServerCertificate | null | undefined>;

/** The supported versions of TLS. */
export type SecureTransportVersion = "TLSv1.2" | "TLSv1.3";

/**
 * The options of TLS. A bad value throws InvalidAccessError with a `code` such as `"ERR_TLS_BAD_PEM"`, and a message
 * that says what was found. docs/tls.md has the table of codes. An unknown member throws TypeError that names the nearest
 * known one (R-unknown).
 */
export interface SecureTransportOptions {
  /**
   * Client: the name to ask for and to verify (R-tls-verify). Default: connect()'s host name, else the remote address. A UnixSocket has
   * neither, so it needs this option unless `rejectUnauthorized` is false (R-unix).
   */
  sni?: string | undefined;
  /** Application protocols (ALPN), preferred first: `["h2", "http/1.1"]`. Default: none. */
  alpn?: (Iterable<string> & object) | undefined;
  /**
   * The authorities to trust, and no others. A certificate in it is also trusted as a leaf, byte for byte (R-tls-verify).
   * Default: the system's roots, with `SSL_CERT_FILE`, `SSL_CERT_DIR` and `NODE_EXTRA_CA_CERTS`.
   */
  ca?: PEMOrDER | Iterable<PEMOrDER> | undefined;
  /**
   * This end's certificate chain, leaf first. A server needs one (or `serverCertificates`, or `certificateFor`). A client needs one if
   * the server asks for it. Default: none.
   */
  cert?: PEMOrDER | Iterable<PEMOrDER> | undefined;
  /** The key of `cert`: PKCS#8, PKCS#1 or SEC1, not encrypted. Default: none. */
  key?: PEMOrDER | undefined;
  /**
   * Server: certificates by the name that clients ask for; case does not matter. `"*.example.org"` stands for any one label before
   * it. An exact name wins over a wildcard, that over `certificateFor`, and `cert` serves all other names (R-srv-secure). Default: none.
   */
  serverCertificates?: Record<string, ServerCertificate> | undefined;
  /**
   * Server: gives the certificate for a name that is not in `serverCertificates`, when a client asks for it; also if the client resumes
   * a session. It is called in the async context of the server, and once for a name at a time: concurrent handshakes share the answer,
   * and an answer with a `ttl` is kept. Meanwhile the handshake waits, `handshakeTimeout` at most. null (or undefined) means `cert`;
   * without one the handshake fails. So it does, never with another certificate, if the function throws, rejects, or gives anything
   * else: the server's `error` has `code` `"ERR_TLS_NO_CERTIFICATE_FOR_NAME"`, and the exception as `cause`. A client that asks for no
   * name, or for an address, gets `cert` (R-srv-secure). Default: none.
   */
  certificateFor?: CertificateCallback | undefined;
  /**
   * Client: verifies the server. Server with `requestCert`: requires a valid certificate. Only false turns that off. Then
   * `secureTransportInfo` reports the fault. Default: true.
   */
  rejectUnauthorized?: boolean | undefined;
  /** Server: asks clients for a certificate. It needs `ca`, unless `rejectUnauthorized` is false (R-srv-secure). Default: false. */
  requestCert?: boolean | undefined;
  /**
   * SHA-256 of certificates (DER) in hexadecimal; case and colons do not matter. In addition to the usual checks, the peer's leaf
   * must be one of these, also if `rejectUnauthorized` is false (R-tls-verify). Default: none, any certificate.
   */
  pinnedCertificates?: (Iterable<string> & object) | undefined;
  /** The lowest version of TLS that is allowed. Default: `"TLSv1.2"`. */
  minVersion?: SecureTransportVersion | undefined;
  /** Appends the session's secrets to the file that the environment variable `SSLKEYLOGFILE` names. Default: false. */
  keyLog?: boolean | undefined;
}

/** The result of a TLS handshake, frozen. */
export interface SecureTransportInfo {
  /** The version of TLS. */
  readonly protocol: SecureTransportVersion;
  /** The standard's name of the cipher suite: `"TLS_AES_256_GCM_SHA384"`. */
  readonly cipher: string;
  /**
   * IANA's name of the key exchange: `"X25519"`, `"secp256r1"`, `"secp384r1"`. null if there was none: TLS 1.2 exchanges no new keys
   * when it resumes a session, and TLS 1.3 does.
   */
  readonly group: string | null;
  /** The application protocol that both ends chose; null if there is none. */
  readonly alpn: string | null;
  /** The host name that the client asked for; null if it asked for none. A client never asks for an address. */
  readonly sni: string | null;
  /** The peer's certificates as DER, leaf first; empty if it presented none. */
  readonly peerCertificates: readonly ArrayBuffer[];
  /** Whether the peer's certificate was verified and is valid. */
  readonly authorized: boolean;
  /** The code of the certificate's fault; null if it is valid, and if this end asked for none. */
  readonly authorizationError: string | null;
  /** Whether the handshake resumed an earlier session. */
  readonly resumed: boolean;
}

/** Options of the TCPSocket constructor. Draft, dictionary TCPOptions. */
export interface TCPOptions {
  /** The local address to connect from. Default: the system chooses (R-tcp-create). */
  localAddress?: string | undefined;
  /**
   * The local port to connect from. Default, and 0: the system chooses one. An attempt meets itself if its local address and
   * port are the remote ones, chosen or given, and no socket listens there. Such an attempt is refused (`"ECONNREFUSED"`).
   */
  localPort?: Port | undefined;
  /**
   * Uses TLS, with `secureTransport`'s options or the defaults. A contradiction to `secureTransport` throws InvalidAccessError
   * (R-tls-asked). Default: false.
   */
  useSecureTransport?: boolean | undefined;
  /** TLS and its options. An object or `"on"` turns TLS on (R-tls-asked). Default: `"off"`. */
  secureTransport?: SecureTransportKind | SecureTransportOptions | undefined;
  /**
   * Milliseconds that TCP's and TLS's handshakes may take together. Past it `error` fires with `code` `"ETIMEDOUT"`. 0: no limit.
   * It also limits startTls(), from its call. 0 to 4294967295, else TypeError. Default: the system's (startTls(): 10 s).
   */
  connectTimeout?: number | undefined;
  /** Turns Nagle's algorithm off, so that small sends leave at once (R-tcp-nodelay). Default: true. */
  noDelay?: boolean | undefined;
  /**
   * After this many milliseconds of silence the system probes the peer (SO_KEEPALIVE). If the peer does not answer
   * `keepAliveCount` probes, `keepAliveInterval` apart, the connection is lost (`"ETIMEDOUT"`). So a dead peer of an idle connection
   * is noticed after the delay and, by default, 10 s (R-keepalive). While bytes are under way, no probes are sent: then only
   * `userTimeout` limits the wait. The value is
   * rounded up to whole seconds, at most 32767; 0 leaves it off. 0 to 4294967295, else TypeError. Default: off.
   */
  keepAliveDelay?: number | undefined;
  /**
   * The milliseconds from one unanswered keep-alive probe to the next: whole seconds from 1000 to 32767000 (others throw
   * InvalidAccessError, R-keepalive). It has an effect only with `keepAliveDelay`. Default: 1000.
   */
  keepAliveInterval?: number | undefined;
  /**
   * After so many unanswered keep-alive probes the connection is lost. 1 to 127 (others throw InvalidAccessError, R-keepalive). It has an
   * effect only with `keepAliveDelay`. Default: 10.
   */
  keepAliveCount?: number | undefined;
  /**
   * Milliseconds that sent bytes may stay unacknowledged, or unsent because the peer's window is 0. Past it the connection is lost
   * (`"ETIMEDOUT"`). It is TCP_USER_TIMEOUT, which only Linux has; elsewhere it throws NotSupportedError (R-platform). It also
   * ends a live peer that reads nothing. The system decides when it looks, so the loss may come later. 0: the system's own limits.
   * 0 to 2147483647 (more throws InvalidAccessError, or TypeError from 4294967296 on). Default: the system's, about 15 minutes on Linux.
   */
  userTimeout?: number | undefined;
  /**
   * The byte of IP's header that has DSCP in its upper six bits, such as `184` for DSCP 46 (`46 << 2`). The lower two bits are ECN's, and
   * belong to the system: others than 0 throw InvalidAccessError. 0 to 255, else TypeError. Windows does not have it: NotSupportedError.
   * Default: 0.
   */
  typeOfService?: number | undefined;
  /**
   * Bytes that the system may buffer for sending (SO_SNDBUF). The system has limits of its own, and Linux doubles the value. 1 to
   * 4294967295 (0 throws InvalidAccessError, else TypeError). Default: the system's, which grows as needed.
   */
  sendBufferSize?: number | undefined;
  /** The same for receiving (SO_RCVBUF). It is set before connecting, because the window's scale depends on it. */
  receiveBufferSize?: number | undefined;
  /** IPV6_V6ONLY of an IPv6 socket. It changes nothing for the connection itself. Default: false. */
  ipv6Only?: boolean | undefined;
  /**
   * What the peer's FIN does. true: `halfclose` fires, and the socket can send until close() or halfclose(). false: the
   * socket sends what is buffered, then closes. Default: true if there is a `halfclose` listener when the FIN is delivered,
   * else false (R-tcp-fin).
   */
  allowHalfOpen?: boolean | undefined;
  /**
   * Milliseconds that a closing socket waits for the peer to take what is buffered. The time starts again with each byte that
   * the peer's system acknowledges. When it is over, the connection is lost and reset: `error` fires with `code` `"ETIMEDOUT"`, then
   * `close` (R-tcp-close). The limit applies after close(), and while the socket closes because the peer has ended. halfclose()
   * alone has no limit. 0: no limit. 0 to 4294967295, else TypeError. Default: 30000.
   *
   * If a peer reads very slowly, its system acknowledges in large steps: on Linux each step is a sixteenth of its receive
   * buffer, which may be megabytes. If the own system does not report acknowledged bytes (Windows), a byte that the system takes
   * from the socket counts instead. The limit ends when the system has all bytes and FIN is sent. The system continues the
   * delivery, also after `close`.
   */
  closeTimeout?: number | undefined;
  /**
   * Milliseconds without a byte in either direction, after which the connection is lost and reset: `error` fires with `code`
   * `"ETIMEDOUT"`, then `close` (R-idle). The time begins at `open` (with TLS, after the handshake), and again with each byte that the
   * system gives or takes, also those of a relay. Bytes that the system holds for a suspended socket do not count. After close() and our
   * FIN it ends. 0: no limit. 0 to 4294967295, else TypeError. Default: 0.
   */
  idleTimeout?: number | undefined;
  /**
   * send() returns false while more than this many bytes are buffered. 0 to 4294967295, else TypeError.
   * Default: 65536.
   */
  highWaterMark?: number | undefined;
  /**
   * How many bytes a sender that ignores `false` may buffer. Past it the buffer is full: the connection is reset, and
   * `error` and `close` fire (R-tcp-full). 0 to 4294967295, else TypeError. Default: 268435456 (256 MiB).
   */
  maxBufferedAmount?: number | undefined;
  /**
   * Resets the connection when it is aborted, at any time: `error` fires (code `"ABORT_ERR"`, its cause the signal's reason), then
   * `close` if the socket was past `"connecting"`. If it is aborted already, the constructor throws its reason
   * (R-abort). TypeError if it is no AbortSignal. Default: none.
   * So `AbortSignal.timeout()` also ends a healthy connection. To limit only connecting, use `connectTimeout`.
   */
  signal?: AbortSignal | undefined;
  /**
   * Makes each frame one `message`, without its delimiter or length. `readable`, `reader` and relay() are then refused with InvalidStateError
   * (R-framing). Default: bytes are delivered as they come.
   */
  framing?: FramingOptions | undefined;
}

/** What TCPSocket.getStats() returns. A member is null if the system does not report it, or has not measured it yet. */
export interface TCPStats {
  /** The smoothed round-trip time, in milliseconds. */
  smoothedRtt: number | null;
  /** The mean deviation of the round-trip time, in milliseconds. */
  rttVariation: number | null;
  /** The shortest round-trip time, in milliseconds. */
  minRtt: number | null;
  /** How fast bytes can leave: a congestion window in each round-trip time. In bits per second. */
  estimatedSendRate: number | null;
  /** The congestion window, in bytes. */
  congestionWindow: number | null;
  /** How many segments were sent again. */
  retransmits: number | null;
}

/**
 * How the end of a frame is found in a stream of bytes: exactly one of `delimiter` and `lengthPrefix`, else TypeError. An unknown member
 * throws InvalidAccessError. R-framing.
 *
 * A frame over the limit, a length below its own size, and an end of the peer within a frame are a lost connection, with `code`
 * `"ERR_FRAME_TOO_LONG"`, `"ERR_FRAME_INVALID"` and `"ERR_UNEXPECTED_END"`. The frames before it are delivered first.
 */
export interface FramingOptions {
  /** What follows each frame: a text (as UTF-8) or bytes. They are copied. An empty one throws InvalidAccessError. */
  delimiter?: string | ArrayBuffer | ArrayBufferView | undefined;
  /** How many bytes the length in front of each frame has: 1, 2, 3 or 4, else InvalidAccessError (over 255: TypeError). */
  lengthPrefix?: number | undefined;
  /** true: the length's least significant byte comes first. Default: false, network byte order. */
  littleEndian?: boolean | undefined;
  /** true: the length counts its own bytes, too. Default: false. */
  includesPrefix?: boolean | undefined;
  /**
   * The most bytes of a frame, without delimiter and length. An unfinished frame uses memory only for the bytes that have arrived. 1 to 4294967295 (0
   * throws InvalidAccessError, else TypeError). Default: 1048576.
   */
  limit?: number | undefined;
}

/** Options of the reads of a TCPReader. R-reader. */
export interface ReadOptions {
  /** Ends the read when it is aborted: the read rejects with the signal's reason, and consumes nothing. */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds that the read may wait. Past them it rejects with a NetworkError (`code` `"ETIMEDOUT"`), and consumes nothing. 0: no limit.
   * 0 to 4294967295, else TypeError. Default: no limit.
   */
  timeout?: number | undefined;
}

/** Options of readUntil(), readLine() and lines(). R-reader. */
export interface ReadUntilOptions extends ReadOptions {
  /**
   * How many bytes the result may have, delimiter or line end included. If so many bytes are there without an end, the read rejects with a
   * NetworkError (`code` `"ERR_LIMIT_EXCEEDED"`), and consumes nothing. 0 to 4294967295, else TypeError. Default: 65536.
   */
  limit?: number | undefined;
}

// run: client line-echo 6789
/**
 * Reads the bytes of a TCPSocket or a UnixSocket by demand: the value of its attribute `reader`. The package exports no value of this name.
 * R-reader.
 *
 * Reads are served in the order of the calls. A read that fails by its signal, its timeout or its limit consumes nothing. At the peer's
 * end, a read that cannot be served rejects with a NetworkError (`code` `"ERR_UNEXPECTED_END"`), or gives null where its text says so. A loss
 * rejects with the exception of the `error` event, once what came before it is read. close() and reset() reject pending reads with
 * InvalidStateError. After release(), the promises of all methods reject with InvalidStateError, and unread() and release() throw it.
 *
 * @example
 * import { TCPServerSocket } from "tcp-udp-sockets";
 * const server = new TCPServerSocket({ localPort: 6789 });
 * server.onconnect = async ({ connectedSocket: socket }) => {
 *   try {
 *     for await (const line of socket.reader.lines()) socket.send(`${line}\n`);
 *     socket.close();
 *   } catch (error) {
 *     console.error(error); // a loss, or a line that is too long
 *     socket.reset();
 *   }
 * };
 */
export interface TCPReader {
  /**
   * Reads what there is: at least one byte. Waits if there is none.
   *
   * @returns the bytes, in memory of their own; null at the peer's end.
   */
  read(options?: ReadOptions): Promise<Uint8Array<ArrayBuffer> | null>;
  /**
   * Reads exactly so many bytes. Memory grows as the bytes come, not before.
   *
   * @param length 0 to 4294967295, else TypeError (as a rejection). 0 is fulfilled at once.
   * @returns the bytes. If the peer ends with fewer, it rejects (`"ERR_UNEXPECTED_END"`), and they stay.
   */
  readExactly(length: number, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Reads up to a delimiter.
   *
   * @param delimiter a text (as UTF-8) or bytes; an empty one is an InvalidAccessError (as a rejection).
   * @returns the bytes, the delimiter at their end; null at the peer's end if nothing is left. If something is left, it rejects
   *   (`"ERR_UNEXPECTED_END"`), and the bytes stay.
   */
  readUntil(delimiter: string | ArrayBuffer | ArrayBufferView, options?: ReadUntilOptions): Promise<Uint8Array<ArrayBuffer> | null>;
  /**
   * Reads a line. It ends with `\n` or `\r\n`.
   *
   * @returns the line without its end, decoded as UTF-8 (bytes that are not UTF-8 give U+FFFD, a byte order mark stays); null at
   *   the peer's end. The last line needs no line end.
   */
  readLine(options?: ReadUntilOptions): Promise<string | null>;
  /**
   * Loops over the lines: each next() is a readLine() with these options. Leaving the loop leaves the reader as it is.
   */
  lines(options?: ReadUntilOptions): AsyncIterableIterator<string, undefined, undefined>;
  /**
   * Puts bytes in front of the others: the next read begins with them. They are copied.
   *
   * @throws TypeError: the argument is no ArrayBuffer or view on one.
   * @throws InvalidStateError: the reader was released.
   */
  unread(data: ArrayBuffer | ArrayBufferView): void;
  /** How many bytes were received and not yet read. 0 after release(). */
  readonly buffered: number;
  /**
   * Gives the reader up. What was received, or given by unread(), and not read goes to whatever comes next: `message`, `readable`, startTls()
   * or relay(). If the peer's end was reported to no listener, it is reported again behind these bytes. Reading the attribute `reader` takes
   * the same object again.
   *
   * @throws InvalidStateError: a read is pending, or the reader was released already.
   * @throws NetworkError: there is no memory for the bytes (`code` `"ENOBUFS"`); nothing has changed.
   */
  release(): void;
}

/** The options of a TCPSocket that setOptions() can change (R-live). */
export type TCPLiveOptions = Pick<
  TCPOptions,
  "closeTimeout" | "highWaterMark" | "idleTimeout" | "keepAliveCount" | "keepAliveDelay" | "keepAliveInterval" | "maxBufferedAmount"
  | "noDelay" | "receiveBufferSize" | "sendBufferSize" | "typeOfService" | "userTimeout"
>;

/**
 * The value of `opened` of a TCPSocket. Its streams are those of the socket, made at the first read.
 * They are not enumerable: copying the object (`{ ...info }`, JSON) or printing it takes no stream (R-promises).
 */
export interface TCPSocketOpenInfo {
  /** The socket's `readable`. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The socket's `writable`. */
  readonly writable: WritableStream<SendData>;
  /** The peer's address. */
  remoteAddress: string;
  /** The peer's port: a number, as in Direct Sockets. */
  remotePort: number;
  /** The local address. */
  localAddress: string;
  /** The local port. */
  localPort: number;
}

// run: peer echo 127.0.0.1:6789
/**
 * A TCP connection: one that the constructor starts, or one that a TCPServerSocket has accepted. It keeps the process
 * alive until it is closed, unless unref() was called (R-keep). Draft, interface TCPSocket.
 *
 * @example
 * import { TCPSocket } from "tcp-udp-sockets";
 * const socket = new TCPSocket("127.0.0.1", 6789);
 * socket.onopen = () => socket.send("Hello World");
 * socket.onmessage = ({ data }) => {
 *   console.log(new TextDecoder().decode(data)); // Hello World
 *   socket.close();
 * };
 */
export declare class TCPSocket extends EventTarget {
  /**
   * Makes a socket, and starts to connect before it returns. An error of the remote end fires `error`.
   *
   * @param remoteAddress The address to connect to. Only connect() takes a host name (R-address).
   * @param remotePort The port to connect to, 1 to 65535 (R-port).
   * @throws InvalidAccessError: an address or port is invalid; the local ones are not available (`code`
   *   `"EADDRINUSE"`, `"EADDRNOTAVAIL"`, `"EACCES"`).
   * @throws InvalidAccessError: TLS options contradict each other or are bad (`"ERR_TLS_…"`).
   * @throws NetworkError: the system lacks resources (`"EMFILE"`: file descriptors, `"EAGAIN"`: threads).
   * @throws SecurityError: Node's permission model denies network access (R-trust).
   * @throws TypeError: a number is out of range (R-range).
   * @throws the signal's reason, if it is aborted already (R-abort).
   */
  constructor(remoteAddress: string, remotePort: Port, options?: TCPOptions);

  /** The peer's address, in canonical form (R-address). */
  readonly remoteAddress: string;
  /** The peer's port, as a string, as in the draft. */
  readonly remotePort: string;
  /** The local address, known at once; the wildcard if connecting failed at once (R-tcp-create). */
  readonly localAddress: string;
  /** The local port, known at once; 0 if connecting failed at once (R-tcp-create). */
  readonly localPort: number;
  /**
   * Bytes that send() took and that the system has not taken yet. It rises in send(), and falls only in a later task. Larger
   * amounts read as 4294967295. It keeps its last value once closed: the number of bytes that were not sent
   * (R-tcp-send, R-tcp-lost).
   */
  readonly bufferedAmount: number;
  /**
   * The bytes that the program has got so far, by events, streams and reads, or that relay() has passed on; unread() takes them off again. It
   * keeps its last value (R-stats).
   */
  readonly bytesRead: number;
  /**
   * The bytes that the system has taken so far, those of relay() included. With TLS it counts them before they are encrypted. It keeps its
   * last value (R-stats).
   */
  readonly bytesWritten: number;
  /**
   * The system's statistics of the connection (TCP_INFO). Only Linux reports them; elsewhere, and on a closed socket, each member is null.
   */
  getStats(): TCPStats;
  /** The state. A state that a call sets is set when the call returns. Other changes come just before their event (R-task). */
  readonly readyState: ReadyState;
  /** `"on"` once TLS is established. Before that `"starttls"` if the options say so, else `"off"`. */
  readonly secureTransport: SecureTransportKind;
  /** The result of the TLS handshake, the same object at each read; null without TLS. */
  readonly secureTransportInfo: SecureTransportInfo | null;

  /** `drain`: nothing is buffered any more, after send() returned false. It fires once for that (R-tcp-drain). */
  ondrain: ((this: TCPSocket, event: Event) => unknown) | null;
  /** `open`: the connection is established. It does not fire on an accepted socket (R-srv-connect). */
  onopen: ((this: TCPSocket, event: Event) => unknown) | null;
  /**
   * `close`: the connection was closed cleanly, by either side, or was lost. If it was lost, `error` has fired before. It does
   * not fire after a failed connection attempt.
   */
  onclose: ((this: TCPSocket, event: Event) => unknown) | null;
  /**
   * `halfclose`: the peer has half-closed. It sends no more, but still receives. With a listener the socket stays open for
   * sending, until close() or halfclose() (R-tcp-fin).
   */
  onhalfclose: ((this: TCPSocket, event: Event) => unknown) | null;
  /**
   * `error`: before `open` the connection attempt failed, and no `close` follows. After `open` the connection was
   * lost, and `close` follows. readyState is `"closed"` (R-tcp-lost).
   */
  onerror: ((this: TCPSocket, event: ErrorEvent) => unknown) | null;
  /** `message`: bytes have arrived. Without a listener they wait, and TCP makes the peer wait (R-listen). */
  onmessage: ((this: TCPSocket, event: TCPMessageEvent) => unknown) | null;

  /**
   * Changes an open plain connection to TLS, once. On an accepted socket this end is the TLS server. Bytes sent before leave
   * in plain text. Bytes sent after wait for the handshake. Bytes received and not yet delivered belong to the handshake
   * (R-tls-start). The promise is fulfilled before any `message`. If the handshake fails, the promise rejects, and the
   * connection is lost.
   *
   * @returns The result of the handshake. Rejects with InvalidStateError (not `"open"`, or TLS already), InvalidAccessError
   *   (the options are bad) or the NetworkError of the `error` event.
   */
  startTls(options?: SecureTransportOptions): Promise<SecureTransportInfo>;
  /**
   * Closes in order. readyState is `"closing"` at once, and no more `message` fires. The socket sends what is buffered, then FIN.
   * `close` fires when the peer has ended too, or has been silent for 2 s (30 s in all). If the peer takes none of what is buffered
   * for `closeTimeout`, the connection is lost (`"ETIMEDOUT"`) (R-tcp-close). While connecting it abandons the attempt: one
   * `error` with `code` `"ECONNABORTED"`, no `close` (R-tcp-close-connecting). Otherwise it does nothing.
   */
  close(): void;
  /**
   * Ends sending. readyState is `"halfclosed"` at once. The socket sends what is buffered, then FIN. It still receives, and the
   * peer's end closes it (R-tcp-halfclose). Once closing or closed it does nothing.
   */
  halfclose(): void;
  /**
   * No `message` fires from now on, queued ones included, until resume(). Nothing is lost: TCP makes the peer wait
   * (R-tcp-suspend).
   */
  suspend(): void;
  /** Undoes suspend(). Data that waited comes first, in order. */
  resume(): void;
  /**
   * Sends bytes after those that were sent before. Many small sends leave together when the running code has ended. If the
   * buffer is full, it returns false, and the connection ends with `error` and `close` (R-tcp-full).
   *
   * @param data The bytes; an empty one does nothing.
   * @returns true: go on sending; false: more than `highWaterMark` bytes are buffered, wait for `drain` (R-tcp-send).
   * @throws InvalidStateError: the socket is not `"open"`.
   * @throws InvalidAccessError: `data` cannot be sent, or is a detached buffer (R-types).
   * @throws NetworkError: there is no memory for the bytes (`code` `"ENOBUFS"`); nothing has changed (R-error).
   */
  send(data: SendData): boolean;
  /**
   * Sends one frame: the data with its delimiter or length (R-framing). `data` may have any type that send() takes.
   *
   * @returns as send(): false if more than `highWaterMark` bytes are buffered now. Then wait for `drain`.
   * @throws InvalidStateError: the socket was made without `framing`, or is not `"open"`.
   * @throws InvalidAccessError: the data is over the limit, too long for the length, of another type, or contains the delimiter, also if
   *   its end and the delimiter behind it contain an earlier one; or it is a Blob, and frames have a delimiter. Nothing is sent.
   * @throws NetworkError: there is no memory for the bytes (`code` `"ENOBUFS"`).
   */
  sendFrame(data: SendData): boolean;
  /**
   * Ends the connection with RST. readyState is `"closed"` at once. Buffered and unread bytes are dropped. `close` fires, no
   * `error`. While connecting it is close(); once closed it does nothing (R-reset).
   */
  reset(): void;

  // run: peer echo 127.0.0.1:6789
  /**
   * Fulfilled with `open` (at once on an accepted socket), rejected with the `error` of an attempt that failed. The same promise
   * at each read. It causes no unhandled rejection (R-promises).
   *
   * @example
   * import { TCPSocket } from "tcp-udp-sockets";
   * const socket = new TCPSocket("127.0.0.1", 6789);
   * const { readable, writable } = await socket.opened;
   * await new Blob(["Hello World"]).stream().pipeTo(writable);
   * console.log(await new Response(readable).text()); // Hello World
   */
  readonly opened: Promise<TCPSocketOpenInfo>;
  /**
   * Fulfilled by a `close` without an `error` before it. Otherwise rejected with that `error`. The same promise at each read. It
   * causes no unhandled rejection (R-promises).
   */
  readonly closed: Promise<undefined>;
  // run: peer echo 127.0.0.1:6789
  /**
   * The received bytes, as a stream of bytes (BYOB readers too). From the first read of this attribute on they go there, and no
   * `message` fires. While nobody reads it, it holds 64 KiB, and TCP makes the peer wait; suspend() holds it too. A BYOB
   * reader's bytes are read straight into the view that waits; between two such reads they stay in the system. It closes at the peer's
   * FIN and at close() and reset(). It errors with a loss, once the bytes before it are read. cancel() drops later bytes, and does not
   * affect sending. Reading this attribute counts as a `halfclose` listener: each direction ends by itself, and the socket ends when
   * both have (R-streams).
   *
   * @example
   * import { TCPSocket } from "tcp-udp-sockets";
   * const socket = new TCPSocket("127.0.0.1", 6789);
   * socket.onopen = () => {
   *   socket.send("Hello World");
   *   socket.halfclose();
   * };
   * for await (const chunk of socket.readable) console.log(chunk.byteLength); // 11
   */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * send() as a stream. write() waits for `open`, and is fulfilled at once or, if send() returned false, at `drain`. close() is
   * halfclose(), fulfilled when the system has the last byte. abort() is reset(). After close() or reset() of the socket, writes
   * reject. Reading this attribute counts as a `halfclose` listener (R-streams). If send() throws, write() rejects with the
   * exception, and the stream fails.
   */
  readonly writable: WritableStream<SendData>;
  // run: peer echo 127.0.0.1:6789
  /**
   * Reads by demand: lines, an exact number of bytes, up to a delimiter. From the first read of this attribute on, received bytes go there, and
   * no `message` fires, until release() is called. It is the same object at each read. It holds 64 KiB for reads that are still to come; then
   * the system makes the peer wait, and suspend() holds it too. Reading this attribute counts as a `halfclose` listener: after the
   * peer's end the socket can send until close() (R-reader).
   *
   * @throws InvalidStateError: `readable` was taken, the socket is relayed, or it has the option `framing`.
   * @example
   * import { TCPSocket } from "tcp-udp-sockets";
   * const socket = new TCPSocket("127.0.0.1", 6789);
   * socket.onopen = () => socket.send("Hello\n");
   * console.log(await socket.reader.readLine({ timeout: 5000 })); // Hello
   * socket.close();
   */
  readonly reader: TCPReader;
  /** `await using`: calls close(), and is fulfilled when `closed` settles, either way (R-dispose). */
  [Symbol.asyncDispose](): Promise<void>;

  /**
   * Changes options of the open socket, or of one that is connecting or closing (R-live). All members are checked before the
   * first is applied; undefined changes nothing.
   *
   * @throws TypeError: a member has the wrong type, or is out of range.
   * @throws InvalidAccessError: a value is bad, or the member cannot be changed or is unknown.
   * @throws InvalidStateError: the socket is closed.
   * @throws NetworkError: the system refuses an option, which the message names. Those before it stay changed.
   * @throws NotSupportedError: the system lacks the option (R-platform).
   */
  setOptions(options: TCPLiveOptions): void;

  /** Makes the open socket keep the process alive, as it does at first (R-keep). */
  ref(): this;
  /** Lets the process end while the socket is open. */
  unref(): this;
  /** Whether the socket keeps the process alive: true after ref() or at first, false after unref() or once closed. */
  hasRef(): boolean;

  /** Adds a listener for one of this socket's events, or for any other. */
  addEventListener<Type extends keyof TCPSocketEventMap>(
    type: Type,
    listener: SocketEventListener<TCPSocket, TCPSocketEventMap[Type]>,
    options?: SocketListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: SocketEventListener<TCPSocket, Event>,
    options?: SocketListenerOptions,
  ): void;
  /** Removes a listener that addEventListener() has added with the same `capture`. */
  removeEventListener<Type extends keyof TCPSocketEventMap>(
    type: Type,
    listener: SocketEventListener<TCPSocket, TCPSocketEventMap[Type]>,
    options?: SocketListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: SocketEventListener<TCPSocket, Event>,
    options?: SocketListenerOptions,
  ): void;
}

// --- connect() ----------------------------------------------------------------------------------------------

/** Options of connect(). Those of TCPOptions apply to the socket that it makes. */
export interface ConnectOptions extends TCPOptions {
  /** Looks up and tries only addresses of this family. Default: both. */
  dnsQueryType?: "ipv4" | "ipv6" | undefined;
  /**
   * Milliseconds until the next address is tried beside those that have not answered yet. When an attempt fails, the
   * next one starts at once. Less than 10 counts as 10. 0 to 4294967295, else TypeError. Default: 250 (RFC 8305).
   */
  attemptDelay?: number | undefined;
  /**
   * Replaces the system's resolver. It gets the host, and returns IPv4 and IPv6 literals, preferred first. It is not called if
   * the host is a literal itself. If it rejects, that error is the `cause` of connect()'s own exception. Default: the system's
   * resolver.
   */
  lookup?: ((host: string) => PromiseLike<Iterable<string>> | Iterable<string>) | undefined;
  /**
   * Filters addresses. It is called right before each attempt, also for literals, with the exact address of the attempt. The
   * attempt starts only if it returns true. So a name cannot lead to an address inside your network (DNS rebinding). It must
   * not return a promise: then connect() rejects. A refused address has the `code` `"ERR_ADDRESS_BLOCKED"`. Default: all
   * addresses are allowed.
   */
  allowAddress?: ((address: string) => boolean) | undefined;
  /**
   * Milliseconds for everything, from the call on: the look-up, every attempt, TLS. Past it connect() rejects with
   * `code` `"ETIMEDOUT"`. 0 to 4294967295, else TypeError. Default, and 0: as long as the system tries.
   */
  connectTimeout?: number | undefined;
}

// run: peer https example.com:443
/**
 * Connects to a host by name. It tries the addresses of the system's resolver in their order, IPv6 and IPv4 taking
 * turns. Each attempt starts `attemptDelay` after the previous one, or as soon as that has failed. The first that
 * answers wins, and the others are closed (RFC 8305, "Happy Eyeballs"). No attempt is stopped while it may still win.
 *
 * With TLS (`secureTransport`, `useSecureTransport`) the handshake follows on the connection that won. It verifies the host's name,
 * or the name in `secureTransport.sni` if that is given. If it fails, no other address is tried. startTls() on the socket also
 * verifies the host's name.
 *
 * It keeps the process alive until it is settled. R-connect.
 *
 * @param host A host name, or an IPv4 or IPv6 literal, also in brackets as in `URL.hostname`. A literal is never
 *   looked up. An unspecified address means this machine's loopback address. A name with characters other than ASCII
 *   is converted as in browsers (IDNA).
 * @param port The port to connect to, 1 to 65535 (R-port).
 * @returns A socket in `"open"`: its `open` event does not fire. You can add its listeners later, and nothing is lost
 *   (R-listen). `remoteAddress` is the address that it is connected to. Every failure is a rejection, never thrown:
 *
 *   - NetworkError: no connection to any address. `code` is that of the attempt that failed last, `cause` an
 *     AggregateError of all, in the order of the attempts. `"ENOTFOUND"`, `"EAI_AGAIN"` …: the look-up returned no
 *     address, or none that the options allow. `"ERR_ADDRESS_BLOCKED"`: `allowAddress` allowed
 *     none. `"ETIMEDOUT"`: `connectTimeout` has passed. `"ERR_TLS_…"`: the handshake failed.
 *   - InvalidAccessError: the host or a port is invalid; the local ones are not available; `lookup` returned a value that is no
 *     address; the options in `secureTransport` are bad.
 *   - SecurityError: Node's permission model denies network access (R-trust).
 *   - TypeError: a number is out of range (R-range), `lookup` or `allowAddress` is no function.
 *   - The exception that `allowAddress` throws, and the reason of `signal`.
 *
 * @example
 * import { connect } from "tcp-udp-sockets";
 * const socket = await connect("example.com", 443, { connectTimeout: 10_000, secureTransport: "on" });
 * socket.onmessage = ({ data }) => console.log(new TextDecoder().decode(data));
 * socket.send("HEAD / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n");
 */
export declare function connect(host: string, port: Port, options?: ConnectOptions): Promise<TCPSocket>;

/** How many bytes relay() has passed on. */
export interface RelayResult {
  /** Bytes that came from `b`'s peer and went to `a`'s. */
  bytesToA: number;
  /** Bytes that came from `a`'s peer and went to `b`'s. */
  bytesToB: number;
}

/** The rejection of relay() when a connection is lost: the exception of its `error` event, with the counts. R-relay. */
export type RelayError = SocketError & Readonly<RelayResult>;

// run: peer echo backend.example.com:8080; client echo 6789
/**
 * Joins two open sockets, TCPSockets and UnixSockets in any mixture. The bytes that one receives are sent by the other, until both peers
 * have ended. The bytes never enter JavaScript. If a peer does not read, the system makes the other peer wait. R-relay.
 *
 * Bytes sent before leave first. Bytes received and not yet delivered go to the other socket. From the call on no
 * `message`, `drain` or `halfclose` fires on either, and send(), halfclose() and startTls() throw InvalidStateError. A peer's
 * end is passed on behind its bytes. When both have ended, both sockets are `"closed"` and `close` fires. A suspended
 * socket is resumed. close() of one closes both, and bytes under way still leave. reset() of one, or its loss, resets
 * the other, which fires only `close`.
 *
 * @param a One of two different sockets, each in `"open"` and not relayed already.
 * @param b The other.
 * @returns How many bytes were passed on, when both sockets are `"closed"`, also after close() and reset(). Every failure is a
 *   rejection:
 *
 *   - RelayError: one of the two is lost. It is the exception of its `error` event, with the counts as `bytesToA` and
 *     `bytesToB`, when both sockets are `"closed"`;
 *   - InvalidStateError: a socket is not open, or relayed already, its `readable` or `reader` is taken, or it has the option `framing`; or
 *     both are the same socket. Then nothing has changed;
 *   - TypeError: an argument is no TCPSocket and no UnixSocket.
 *
 * @example
 * import { TCPServerSocket, connect, relay } from "tcp-udp-sockets";
 * const server = new TCPServerSocket({ localPort: 6789 });
 * server.onconnect = async ({ connectedSocket }) => {
 *   try {
 *     const { bytesToA, bytesToB } = await relay(connectedSocket, await connect("backend.example.com", 8080));
 *     console.log(`${bytesToB} bytes there, ${bytesToA} bytes back`); // 11 bytes there, 11 bytes back
 *   } catch (error) {
 *     console.error(error);
 *     connectedSocket.reset();
 *   }
 * };
 */
export declare function relay(a: TCPSocket | UnixSocket, b: TCPSocket | UnixSocket): Promise<RelayResult>;

// --- once() -------------------------------------------------------------------------------------------------

/** Options of once(). */
export interface OnceOptions {
  /**
   * Ends the wait when it is aborted: the promise rejects with its reason, at once if it is aborted already. TypeError if it
   * is no AbortSignal. Default: none.
   */
  signal?: AbortSignal | undefined;
}

/**
 * Waits for one event of a TCPSocket or a UnixSocket. R-once.
 *
 * It listens as addEventListener() with `{ once: true }` does, in the same order, and leaves no listener behind. Unlike
 * `once()` of node:events it never waits for an event that cannot come any more. In a loop it loses nothing: data that arrives
 * between two calls waits for the next one (R-listen). Waiting for `"message"` starts reading, and waiting for `"halfclose"` keeps
 * the socket open for sending (R-tcp-fin), as listeners do. On a suspended socket it waits for resume().
 *
 * @param socket The socket to wait for.
 * @param type `"open"`, `"message"`, `"drain"`, `"halfclose"`, `"error"` or `"close"`; anything else rejects with TypeError.
 * @returns The event. Every failure is a rejection, never thrown:
 *
 *   - the exception of an `error` event, which ends a connection or an attempt. Only `"error"`, and `"close"` of a connection that
 *     was open, are fulfilled in this case;
 *   - InvalidStateError: the event cannot come any more. `"message"`: the peer has ended, the socket is closing, its `readable` is
 *     taken, or it is relayed. `"open"`: it is open already. `"drain"`, `"halfclose"`: nothing can cause it any more.
 *     `"close"`: it has fired. Its `cause` is the exception of the `error` that came before, if there was one;
 *   - the reason of `signal`;
 *   - TypeError: `socket` is no socket of this package, `type` is unknown, or `options` is no object.
 *
 * @example
 * import { TCPServerSocket, TCPSocket, once } from "tcp-udp-sockets";
 *
 * const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
 * server.onconnect = ({ connectedSocket }) => connectedSocket.send("Hello World");
 *
 * const socket = new TCPSocket("127.0.0.1", server.localPort);
 * await once(socket, "open");
 * const { data } = await once(socket, "message");
 * console.log(new TextDecoder().decode(data)); // Hello World
 * socket.close();
 * server.close();
 */
export declare function once<Type extends keyof TCPSocketEventMap>(
  socket: TCPSocket | UnixSocket,
  type: Type,
  options?: OnceOptions,
): Promise<TCPSocketEventMap[Type]>;
/**
 * Waits for one event of a UDPSocket. It differs from a TCPSocket in this: an `error` that leaves the socket open (R-udp-neterr) ends
 * only `once(socket, "error")`, which it fulfils. After close() all of them reject with InvalidStateError. R-once.
 *
 * @param socket The socket to wait for.
 * @param type `"message"`, `"drain"` or `"error"`; anything else rejects with TypeError.
 *
 * @example
 * import { UDPSocket, once } from "tcp-udp-sockets";
 *
 * const socket = new UDPSocket({ localAddress: "127.0.0.1" });
 * socket.send("Hello World", "127.0.0.1", socket.localPort);
 * const { data } = await once(socket, "message", { signal: AbortSignal.timeout(1000) });
 * console.log(new TextDecoder().decode(data)); // Hello World
 * socket.close();
 */
export declare function once<Type extends keyof UDPSocketEventMap>(
  socket: UDPSocket,
  type: Type,
  options?: OnceOptions,
): Promise<UDPSocketEventMap[Type]>;
/**
 * Waits for one event of a TCPServerSocket. It differs from a TCPSocket in this: an `error` leaves the server open, and ends only
 * `once(server, "error")`, which it fulfils. After close() all of them reject with InvalidStateError, `"connect"` after the
 * connections that are still delivered (R-srv-close). R-once.
 *
 * @param server The server to wait for.
 * @param type `"connect"` or `"error"`; anything else rejects with TypeError.
 */
export declare function once<Type extends keyof TCPServerSocketEventMap>(
  server: TCPServerSocket,
  type: Type,
  options?: OnceOptions,
): Promise<TCPServerSocketEventMap[Type]>;
/**
 * Waits for one event of a UnixServerSocket, as of a TCPServerSocket. R-once.
 *
 * @param server The server to wait for.
 * @param type `"connect"` or `"error"`; anything else rejects with TypeError.
 */
export declare function once<Type extends keyof UnixServerSocketEventMap>(
  server: UnixServerSocket,
  type: Type,
  options?: OnceOptions,
): Promise<UnixServerSocketEventMap[Type]>;

// --- features -----------------------------------------------------------------------------------------------

/**
 * The value of {@link features}. A member is true if the package can do this here. Where an option is named, it throws NotSupportedError
 * exactly where its member is false (R-platform).
 */
export interface Features {
  /** `reusePort`: several sockets or servers share a local port and its load. Linux and FreeBSD. */
  readonly reusePort: boolean;
  /** Datagrams of one size to one destination cross the kernel as one message (UDP_SEGMENT). Linux 4.18 and later. */
  readonly udpSegmentation: boolean;
  /** Received datagrams cross the kernel as one message (UDP_GRO). The package does not ask for that yet: false everywhere. */
  readonly udpCoalescing: boolean;
  /** Received data is an immutable ArrayBuffer (R-data). Where it is false, an ordinary one. The engine decides. */
  readonly immutableData: boolean;
  /** A socket's events run in the AsyncLocalStorage context of the code that made it (R-context). The runtime decides. */
  readonly asyncContext: boolean;
  /**
   * TLS connections are served on the JavaScript thread once their handshakes are done: all of them if `tlsInTasks` is false, else those that
   * move little at the moment. False if the environment variable TCP_UDP_SOCKETS_TLS is `task`.
   */
  readonly tlsInTurns: boolean;
  /**
   * TLS connections are served by other threads: all of them if `tlsInTurns` is false, else those that move much at the moment. False if the
   * process may use one processor only, or if the environment variable TCP_UDP_SOCKETS_TLS is `turn`. Handshakes are always served by other threads.
   */
  readonly tlsInTasks: boolean;
  /** `sourceAddress` of joinMulticastGroup(). Linux, macOS and FreeBSD. */
  readonly sourceSpecificMulticast: boolean;
  /** `packetInfo` of a UDPSocket. Linux. */
  readonly packetInfo: boolean;
  /** `networkInterface` of a UDPSocket. Linux. */
  readonly networkInterface: boolean;
  /** getStats() of a TCPSocket has values. Where it is false, its members are null. Linux. */
  readonly tcpStats: boolean;
  /** `datagramsDropped` of a UDPSocket counts. Where it is false, it is always 0. Linux. */
  readonly datagramsDropped: boolean;
  /** UnixSocket and UnixServerSocket work. Where it is false, their constructors throw NotSupportedError. All systems but Windows. */
  readonly unixSockets: boolean;
  /** Unix sockets may have abstract names, which begin with NUL. Linux. */
  readonly abstractUnixPaths: boolean;
  /** `peerCredentials` of a UnixSocket has values. Where it is false, it is null. Linux, macOS and the BSDs. */
  readonly peerCredentials: boolean;
  /** `userTimeout` of TCP. Linux. */
  readonly userTimeout: boolean;
  /** `typeOfService`. All systems but Windows. */
  readonly typeOfService: boolean;
}

/**
 * What this system and this runtime can do. The object is frozen, and its values do not change while the process runs. Where one system call
 * finds it out, the system was asked, so an old kernel or an emulator counts as what it is.
 *
 * @example
 * import { TCPServerSocket, features } from "tcp-udp-sockets";
 *
 * const server = new TCPServerSocket({ localAddress: "127.0.0.1", reusePort: features.reusePort });
 * server.close();
 */
export declare const features: Readonly<Features>;

// --- TCP server ---------------------------------------------------------------------------------------------

/** Options of the TCPServerSocket constructor. Draft, dictionary TCPServerOptions. */
export interface TCPServerOptions {
  /** The local address to listen on. Default: `"::"` for IPv6 and IPv4; `"0.0.0.0"` on a system without IPv6 (R-srv-bind). */
  localAddress?: string | undefined;
  /** The local port to listen on. Default, and 0: the system chooses one. */
  localPort?: Port | undefined;
  /** Uses TLS. This needs a certificate in `secureTransport`: true alone throws InvalidAccessError (R-srv-secure). Default: false. */
  useSecureTransport?: boolean | undefined;
  /** TLS and its options, at least a certificate and its key (R-tls-asked, R-srv-secure). Default: `"off"`. */
  secureTransport?: SecureTransportKind | SecureTransportOptions | undefined;
  /**
   * Milliseconds that a client may take for the TLS handshake. Past it the connection is closed, and `error` fires with `code`
   * `"ERR_TLS_HANDSHAKE_TIMEOUT"` (R-srv-error). 0: no limit. 0 to 4294967295, else TypeError. Default: 10000.
   */
  handshakeTimeout?: number | undefined;
  /** An IPv6 wildcard takes no IPv4. Default: false, it takes both. */
  ipv6Only?: boolean | undefined;
  /**
   * How many connections the system may hold that are not accepted yet. 1 to 4294967295 (0 throws InvalidAccessError,
   * else TypeError). The system may have a limit of its own. Default: 511.
   */
  backlog?: number | undefined;
  /**
   * Several servers with this option, also of other threads and processes of one user, share a local port and its
   * connections (SO_REUSEPORT). On a system without such sharing (macOS, Windows) true throws NotSupportedError
   * (R-platform). Default: false.
   */
  reusePort?: boolean | undefined;
  /**
   * How many accepted sockets may be open at once. Past it each client is accepted and reset, and `error` fires with `code`
   * `"ECONNREFUSED"`. Without a `connect` listener, or while suspended, the server refuses no client (R-srv-error). 0 to
   * 4294967295, else TypeError. Default: no limit.
   */
  maxConnections?: number | undefined;
  /** `noDelay` of every accepted socket. Default: true. */
  noDelay?: boolean | undefined;
  /** `keepAliveDelay` of every accepted socket, in milliseconds. Default: off. */
  keepAliveDelay?: number | undefined;
  /** `keepAliveInterval` of every accepted socket, in milliseconds. Default: 1000. */
  keepAliveInterval?: number | undefined;
  /** `keepAliveCount` of every accepted socket. Default: 10. */
  keepAliveCount?: number | undefined;
  /** `userTimeout` of every accepted socket, in milliseconds. Default: the system's. */
  userTimeout?: number | undefined;
  /** `typeOfService` of every accepted socket. Default: 0. */
  typeOfService?: number | undefined;
  /** `allowHalfOpen` of every accepted socket. Default: as a `halfclose` listener decides. */
  allowHalfOpen?: boolean | undefined;
  /** `closeTimeout` of every accepted socket, in milliseconds. Default: 30000. */
  closeTimeout?: number | undefined;
  /** `idleTimeout` of every accepted socket, in milliseconds. Default: 0, no limit. */
  idleTimeout?: number | undefined;
  /** `highWaterMark` of every accepted socket, in bytes. Default: 65536. */
  highWaterMark?: number | undefined;
  /** `maxBufferedAmount` of every accepted socket, in bytes. Default: 268435456 (256 MiB). */
  maxBufferedAmount?: number | undefined;
  /**
   * Closes the server when it is aborted, not its connections. If it is aborted already, the constructor throws its
   * reason (R-abort). TypeError if it is no AbortSignal. Default: none.
   */
  signal?: AbortSignal | undefined;
  /** `framing` of every accepted socket. Default: bytes are delivered as they come. */
  framing?: FramingOptions | undefined;
}

/** The options of a TCPServerSocket that setOptions() can change (R-live). */
export type TCPServerLiveOptions = Pick<
  TCPServerOptions,
  "closeTimeout" | "highWaterMark" | "idleTimeout" | "keepAliveCount" | "keepAliveDelay" | "keepAliveInterval" | "maxBufferedAmount"
  | "maxConnections" | "noDelay" | "typeOfService" | "userTimeout"
>;

/** The options of shutdown(). R-shutdown. */
export interface ShutdownOptions {
  /**
   * Milliseconds in which the accepted sockets may end by themselves. After that the server calls close() on those that are still open. If
   * `timeout` is not longer than `grace`, that does not happen. 0 to 4294967295, else TypeError. Default: 0, closed at once.
   */
  grace?: number | undefined;
  /**
   * Milliseconds, `grace` included, after which every socket and TLS handshake that is left is reset. 0: at once. 0 to 4294967295, else
   * TypeError. Default: 30000.
   */
  timeout?: number | undefined;
}

/**
 * The value of `opened` of a TCPServerSocket. Its stream is that of the server, made at the first read.
 * It is not enumerable: copying the object (`{ ...info }`, JSON) or printing it takes no stream (R-promises).
 */
export interface TCPServerSocketOpenInfo {
  /** The server's `readable`. */
  readonly readable: ReadableStream<TCPSocket>;
  /** The address that the server listens on. */
  localAddress: string;
  /** The port that the server listens on. */
  localPort: number;
}

// run: client echo 6789
/**
 * A TCP server: it listens on a local port, and makes a TCPSocket for each connection. It keeps the process alive until it
 * is closed, unless unref() was called (R-keep). Draft, interface TCPServerSocket.
 *
 * @example
 * import { TCPServerSocket } from "tcp-udp-sockets";
 * const server = new TCPServerSocket({ localPort: 6789 });
 * server.onconnect = ({ connectedSocket }) => {
 *   connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
 * };
 */
export declare class TCPServerSocket extends EventTarget {
  /**
   * Makes a server, binds it, and starts to listen before it returns.
   *
   * @throws InvalidAccessError: an address or port is invalid; they are not available (`code` `"EADDRINUSE"`,
   *   `"EADDRNOTAVAIL"`, `"EACCES"`); `backlog` is 0.
   * @throws InvalidAccessError: TLS options contradict each other or are bad (`"ERR_TLS_…"`).
   * @throws NetworkError: the system lacks resources (`"EMFILE"`: file descriptors, `"EAGAIN"`: threads).
   * @throws SecurityError: Node's permission model denies network access (R-trust).
   * @throws TypeError: a number is out of range (R-range).
   * @throws the signal's reason, if it is aborted already (R-abort).
   */
  constructor(options?: TCPServerOptions);

  /** The local address that the server listens on, known at once (R-srv-bind). */
  readonly localAddress: string;
  /** The local port that the server listens on, known at once. */
  readonly localPort: number;
  /** `"open"` until close(). */
  readonly readyState: "open" | "closed";
  /** How many accepted sockets are not yet `"closed"`. Keeps its last value once the server is closed. */
  readonly connections: number;

  /** `connect`: a connection was accepted. Without a listener connections wait in the backlog (R-listen). */
  onconnect: ((this: TCPServerSocket, event: ConnectEvent) => unknown) | null;
  /**
   * `error`: the server could not serve a connection, because there are no file descriptors for example. It stays open,
   * and goes on when it can (R-srv-error).
   */
  onerror: ((this: TCPServerSocket, event: ErrorEvent) => unknown) | null;

  /**
   * Stops listening. readyState is `"closed"` at once, and the port is free. Accepted connections stay open. No event fires
   * for it (R-srv-close). Once closed it does nothing.
   */
  close(): void;
  /**
   * Ends the server and its connections within a time (R-shutdown). It closes the server as close() does, but TLS handshakes that are under
   * way go on, and those that succeed are delivered if somebody listens (a loop has ended). After `grace` it calls close() on each accepted socket that is still open, so what
   * the program has sent still arrives. After `timeout` it resets what is left. Until then it keeps the process alive, also where the
   * sockets have unref(). Called again, it returns the same promise, and of all deadlines the earlier ones apply. After close(), or an abort
   * of the server's signal, it ends the connections all the same.
   *
   * @returns fulfilled when no connection is left. The loss of a connection does not reject it.
   * @throws TypeError (as a rejection): a member is out of range.
   * @throws NetworkError (as a rejection): the system lacks the resources for a timer; nothing has changed.
   */
  shutdown(options?: ShutdownOptions): Promise<undefined>;
  /**
   * Replaces all TLS options for later handshakes, for example to renew a certificate. Open connections do not change.
   *
   * @throws InvalidStateError: the server has no TLS, or is closed (R-srv-secure).
   * @throws InvalidAccessError: the options are bad (`code` `"ERR_TLS_…"`); nothing has changed.
   */
  setSecureContext(options?: SecureTransportOptions): void;
  /** Accepts nothing from now on, until resume(). Connections wait in the backlog (R-srv-suspend). */
  suspend(): void;
  /** Undoes suspend(): the server accepts the connections that waited. */
  resume(): void;

  /** Fulfilled at once. The same promise at each read (R-promises). */
  readonly opened: Promise<TCPServerSocketOpenInfo>;
  /** Fulfilled when the server is closed and the port is free. The same promise at each read (R-promises). */
  readonly closed: Promise<undefined>;
  /**
   * The accepted connections, as a stream. From the first read of this attribute on they go there, and no `connect` fires.
   * Without a reader, and once it is cancelled, they wait in the backlog. close() closes it (R-streams).
   */
  readonly readable: ReadableStream<TCPSocket>;
  // run: client echo 6789
  /**
   * One connection for each next(). Without a waiting next() none is accepted (R-iterate). Several loops share the connections.
   * close() ends them. Leaving a loop leaves the server open.
   *
   * @example
   * import { TCPServerSocket } from "tcp-udp-sockets";
   * const server = new TCPServerSocket({ localPort: 6789 });
   * for await (const socket of server) socket.readable.pipeTo(socket.writable).catch(console.error);
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<TCPSocket, undefined, undefined>;
  /** `await using`: calls close(), and is fulfilled when `closed` settles, either way (R-dispose). */
  [Symbol.asyncDispose](): Promise<void>;

  /**
   * Changes `maxConnections`, and the options of the sockets that are accepted from now on (R-live). All members are checked before the
   * first is applied; undefined changes nothing.
   *
   * @throws TypeError: a member has the wrong type, or is out of range.
   * @throws InvalidAccessError: a value is bad, or the member cannot be changed or is unknown.
   * @throws InvalidStateError: the socket is closed.
   * @throws NetworkError: the system refuses an option, which the message names. Those before it stay changed.
   * @throws NotSupportedError: the system lacks the option (R-platform).
   */
  setOptions(options: TCPServerLiveOptions): void;

  /** Makes the open server keep the process alive, as it does at first (R-keep). */
  ref(): this;
  /** Lets the process end while the server is open. */
  unref(): this;
  /** Whether the server keeps the process alive: true after ref() or at first, false after unref() or once closed. */
  hasRef(): boolean;

  /** Adds a listener for one of this server's events, or for any other. */
  addEventListener<Type extends keyof TCPServerSocketEventMap>(
    type: Type,
    listener: SocketEventListener<TCPServerSocket, TCPServerSocketEventMap[Type]>,
    options?: SocketListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: SocketEventListener<TCPServerSocket, Event>,
    options?: SocketListenerOptions,
  ): void;
  /** Removes a listener that addEventListener() has added with the same `capture`. */
  removeEventListener<Type extends keyof TCPServerSocketEventMap>(
    type: Type,
    listener: SocketEventListener<TCPServerSocket, TCPServerSocketEventMap[Type]>,
    options?: SocketListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: SocketEventListener<TCPServerSocket, Event>,
    options?: SocketListenerOptions,
  ): void;
}

// --- Unix sockets -------------------------------------------------------------------------------------------

/**
 * Who a peer is: the process that connected or listened, as the system has recorded it at that moment. Frozen. Decide by `uid`
 * and `gid` what a peer may do, never by `pid`: that process may have ended, and the number may belong to another one (R-unix).
 */
export interface PeerCredentials {
  /** The number of the process; null if the system does not report it. */
  readonly pid: number | null;
  /** The number of the process's effective user. */
  readonly uid: number;
  /** The number of the process's effective group. */
  readonly gid: number;
}

/** Options of the UnixSocket constructor: those of TCPOptions that belong neither to TCP nor to IP. R-unix. */
export interface UnixOptions {
  /**
   * Uses TLS, with `secureTransport`'s options or the defaults. A contradiction to `secureTransport` throws InvalidAccessError
   * (R-tls-asked). Default: false.
   */
  useSecureTransport?: boolean | undefined;
  /**
   * TLS and its options. An object or `"on"` turns TLS on (R-tls-asked). A path is no name that a certificate could have, so TLS needs
   * `sni`, unless `rejectUnauthorized` is false; else the constructor throws InvalidAccessError (R-unix). Default: `"off"`.
   */
  secureTransport?: SecureTransportKind | SecureTransportOptions | undefined;
  /**
   * Milliseconds that connecting and TLS's handshake may take together. Past it `error` fires with `code` `"ETIMEDOUT"`. While the
   * server's backlog is full, the attempt goes on until then. 0: no limit. It also limits startTls(), from its call. 0 to 4294967295, else
   * TypeError. Default: 120 s while the backlog is full, else no limit (startTls(): 10 s).
   */
  connectTimeout?: number | undefined;
  /**
   * Bytes that the system may buffer for sending (SO_SNDBUF). The system has limits of its own, and Linux doubles the value. 1 to
   * 4294967295 (0 throws InvalidAccessError, else TypeError). Default: the system's.
   */
  sendBufferSize?: number | undefined;
  /** The same for receiving (SO_RCVBUF). Linux ignores it, because there the sender's buffer alone bounds a Unix socket. */
  receiveBufferSize?: number | undefined;
  /**
   * What the peer's end does. true: `halfclose` fires, and the socket can send until close() or halfclose(). false: the
   * socket sends what is buffered, then closes. Default: true if there is a `halfclose` listener when the end is delivered,
   * else false (R-tcp-fin).
   */
  allowHalfOpen?: boolean | undefined;
  /**
   * Milliseconds that a closing socket waits for the peer to take what is buffered. The time starts again with each byte that
   * the peer takes. When it is over, the connection is lost: `error` fires with `code` `"ETIMEDOUT"`, then `close` (R-tcp-close). The
   * limit applies after close(), and while the socket closes because the peer has ended. halfclose() alone has no limit. 0: no
   * limit. 0 to 4294967295, else TypeError. Default: 30000.
   */
  closeTimeout?: number | undefined;
  /**
   * Milliseconds without a byte in either direction, after which the connection is lost and reset: `error` fires with `code`
   * `"ETIMEDOUT"`, then `close` (R-idle). The time begins at `open` (with TLS, after the handshake), and again with each byte that the
   * system gives or takes, also those of a relay. Bytes that the system holds for a suspended socket do not count. After close() and our
   * FIN it ends. 0: no limit. 0 to 4294967295, else TypeError. Default: 0.
   */
  idleTimeout?: number | undefined;
  /**
   * send() returns false while more than this many bytes are buffered. 0 to 4294967295, else TypeError.
   * Default: 65536.
   */
  highWaterMark?: number | undefined;
  /**
   * How many bytes a sender that ignores `false` may buffer. Past it the buffer is full: the connection ends, and
   * `error` and `close` fire (R-tcp-full). 0 to 4294967295, else TypeError. Default: 268435456 (256 MiB).
   */
  maxBufferedAmount?: number | undefined;
  /**
   * Ends the connection as reset() does when it is aborted, at any time: `error` fires (code `"ABORT_ERR"`, its cause the signal's
   * reason), then `close` if the socket was past `"connecting"`. If it is aborted already, the constructor throws its reason
   * (R-abort). TypeError if it is no AbortSignal. Default: none.
   */
  signal?: AbortSignal | undefined;
  /**
   * Makes each frame one `message`, without its delimiter or length. `readable`, `reader` and relay() are then refused with InvalidStateError
   * (R-framing). Default: bytes are delivered as they come.
   */
  framing?: FramingOptions | undefined;
}

/** The options of a UnixSocket that setOptions() can change (R-live). */
export type UnixLiveOptions = Pick<
  UnixOptions,
  "closeTimeout" | "highWaterMark" | "idleTimeout" | "maxBufferedAmount" | "receiveBufferSize" | "sendBufferSize"
>;

/**
 * The value of `opened` of a UnixSocket. Its streams are those of the socket, made at the first read.
 * They are not enumerable: copying the object (`{ ...info }`, JSON) or printing it takes no stream (R-promises).
 */
export interface UnixSocketOpenInfo {
  /** The socket's `readable`. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The socket's `writable`. */
  readonly writable: WritableStream<SendData>;
  /** The peer's path; empty if the peer has none. */
  remotePath: string;
  /** The socket's own path; empty if it has none. */
  localPath: string;
}

/**
 * A connection over a Unix socket: one that the constructor starts, or one that a UnixServerSocket has accepted. It behaves
 * as a TCPSocket does, with paths instead of addresses and ports. It keeps the process alive until it is closed, unless unref() was
 * called (R-keep). Not on Windows. The draft has no such interface. R-unix.
 *
 * @example
 * import { UnixServerSocket, UnixSocket, once } from "tcp-udp-sockets";
 *
 * const server = new UnixServerSocket({ path: "app.sock" });
 * server.onconnect = ({ connectedSocket }) => connectedSocket.send("Hello World");
 *
 * const socket = new UnixSocket("app.sock");
 * const { data } = await once(socket, "message");
 * console.log(new TextDecoder().decode(data)); // Hello World
 * console.log(socket.peerCredentials?.uid === process.getuid?.()); // true
 * socket.close();
 * server.close();
 */
export declare class UnixSocket extends EventTarget {
  /**
   * Makes a socket, and starts to connect before it returns. An error of the server's end fires `error`, with the path as its
   * `address`: no such file (`"ENOENT"`), no server behind it (`"ECONNREFUSED"`), no permission (`"EACCES"`).
   *
   * @param path The server's path. A relative one is resolved at the call, against the working directory. On Linux one that begins
   *   with a NUL is an abstract name, which is no file.
   * @param options How to connect, and the connection's limits.
   * @throws InvalidAccessError: the path is empty, contains a NUL that is not its first character, or is too long: over 107 bytes in
   *   UTF-8 (103 on macOS and the BSDs). It is relative, and the working directory does not exist any more (`code` `"ENOENT"`).
   * @throws InvalidAccessError: TLS options contradict each other or are bad (`"ERR_TLS_…"`), or TLS has no `sni`.
   * @throws NetworkError: the system lacks resources (`"EMFILE"`: file descriptors, `"EAGAIN"`: threads).
   * @throws NotSupportedError: the system is Windows, or does not support abstract names (R-platform).
   * @throws SecurityError: Node's permission model does not allow reading and writing the path, or denies network access (R-trust).
   * @throws TypeError: a number is out of range (R-range).
   * @throws the signal's reason, if it is aborted already (R-abort).
   */
  constructor(path: string, options?: UnixOptions);

  /**
   * The peer's path, absolute. A connection that the constructor started has the server's path. An accepted one has the
   * empty string, unless the client has bound itself to a path.
   */
  readonly remotePath: string;
  /** The socket's own path: the server's if the socket was accepted, else the empty string. */
  readonly localPath: string;
  /**
   * Who the peer is: the same frozen object at each read. null until the socket is open, and if the system does not report it. An
   * accepted socket has the client's credentials when it called connect(), a client's socket the server's when it called listen() (R-unix).
   */
  readonly peerCredentials: PeerCredentials | null;
  /**
   * Bytes that send() took and that the system has not taken yet. It rises in send(), and falls only in a later task. Larger
   * amounts read as 4294967295. It keeps its last value once closed: the number of bytes that were not sent
   * (R-tcp-send, R-tcp-lost).
   */
  readonly bufferedAmount: number;
  /**
   * The bytes that the program has got so far, by events, streams and reads, or that relay() has passed on; unread() takes them off again. It
   * keeps its last value (R-stats).
   */
  readonly bytesRead: number;
  /**
   * The bytes that the system has taken so far, those of relay() included. With TLS it counts them before they are encrypted. It keeps its
   * last value (R-stats).
   */
  readonly bytesWritten: number;
  /** The state. A state that a call sets is set when the call returns. Other changes come just before their event (R-task). */
  readonly readyState: ReadyState;
  /** `"on"` once TLS is established. Before that `"starttls"` if the options say so, else `"off"`. */
  readonly secureTransport: SecureTransportKind;
  /** The result of the TLS handshake, the same object at each read; null without TLS. */
  readonly secureTransportInfo: SecureTransportInfo | null;

  /** `drain`: nothing is buffered any more, after send() returned false. It fires once for that (R-tcp-drain). */
  ondrain: ((this: UnixSocket, event: Event) => unknown) | null;
  /** `open`: the connection is established. It does not fire on an accepted socket (R-srv-connect). */
  onopen: ((this: UnixSocket, event: Event) => unknown) | null;
  /**
   * `close`: the connection was closed cleanly, by either side, or was lost. If it was lost, `error` has fired before. It does
   * not fire after a failed connection attempt.
   */
  onclose: ((this: UnixSocket, event: Event) => unknown) | null;
  /**
   * `halfclose`: the peer has half-closed. It sends no more, but still receives. With a listener the socket stays open for
   * sending, until close() or halfclose() (R-tcp-fin).
   */
  onhalfclose: ((this: UnixSocket, event: Event) => unknown) | null;
  /**
   * `error`: before `open` the connection attempt failed, and no `close` follows. After `open` the connection was
   * lost, and `close` follows. readyState is `"closed"` (R-tcp-lost).
   */
  onerror: ((this: UnixSocket, event: ErrorEvent) => unknown) | null;
  /** `message`: bytes have arrived. Without a listener they wait, and the system makes the peer wait (R-listen). */
  onmessage: ((this: UnixSocket, event: TCPMessageEvent) => unknown) | null;

  /**
   * Changes an open plain connection to TLS, once. On an accepted socket this end is the TLS server. Bytes sent before leave
   * in plain text. Bytes sent after wait for the handshake. Bytes received and not yet delivered belong to the handshake
   * (R-tls-start). The promise is fulfilled before any `message`. If the handshake fails, the promise rejects, and the
   * connection is lost. A client needs `sni`, unless `rejectUnauthorized` is false.
   *
   * @returns The result of the handshake. Rejects with InvalidStateError (not `"open"`, or TLS already), InvalidAccessError
   *   (the options are bad) or the NetworkError of the `error` event.
   */
  startTls(options?: SecureTransportOptions): Promise<SecureTransportInfo>;
  /**
   * Closes in order. readyState is `"closing"` at once, and no more `message` fires. The socket sends what is buffered, then its end.
   * `close` fires when the peer has ended too, or has been silent for 2 s (30 s in all). If the peer takes none of what is buffered
   * for `closeTimeout`, the connection is lost (`"ETIMEDOUT"`) (R-tcp-close). While connecting it abandons the attempt: one
   * `error` with `code` `"ECONNABORTED"`, no `close` (R-tcp-close-connecting). Otherwise it does nothing.
   */
  close(): void;
  /**
   * Ends sending. readyState is `"halfclosed"` at once. The socket sends what is buffered, then its end. It still receives, and the
   * peer's end closes it (R-tcp-halfclose). Once closing or closed it does nothing.
   */
  halfclose(): void;
  /**
   * No `message` fires from now on, queued ones included, until resume(). Nothing is lost: the system makes the peer wait
   * (R-tcp-suspend).
   */
  suspend(): void;
  /** Undoes suspend(). Data that waited comes first, in order. */
  resume(): void;
  /**
   * Sends bytes after those that were sent before. Many small sends leave together when the running code has ended. If the
   * buffer is full, it returns false, and the connection ends with `error` and `close` (R-tcp-full).
   *
   * @param data The bytes; an empty one does nothing.
   * @returns true: go on sending; false: more than `highWaterMark` bytes are buffered, wait for `drain` (R-tcp-send).
   * @throws InvalidStateError: the socket is not `"open"`.
   * @throws InvalidAccessError: `data` cannot be sent, or is a detached buffer (R-types).
   * @throws NetworkError: there is no memory for the bytes (`code` `"ENOBUFS"`); nothing has changed (R-error).
   */
  send(data: SendData): boolean;
  /**
   * Sends one frame: the data with its delimiter or length (R-framing). `data` may have any type that send() takes.
   *
   * @returns as send(): false if more than `highWaterMark` bytes are buffered now. Then wait for `drain`.
   * @throws InvalidStateError: the socket was made without `framing`, or is not `"open"`.
   * @throws InvalidAccessError: the data is over the limit, too long for the length, of another type, or contains the delimiter, also if
   *   its end and the delimiter behind it contain an earlier one; or it is a Blob, and frames have a delimiter. Nothing is sent.
   * @throws NetworkError: there is no memory for the bytes (`code` `"ENOBUFS"`).
   */
  sendFrame(data: SendData): boolean;
  /**
   * Ends the connection at once. readyState is `"closed"`. Buffered and unread bytes are dropped. `close` fires, no `error`. While
   * connecting it is close(); once closed it does nothing (R-reset). A Unix socket has no RST. The peer is reset (`"ECONNRESET"`) if this
   * socket has not read all of its bytes. Otherwise a peer without TLS sees an ordinary end (R-unix).
   */
  reset(): void;

  /**
   * Fulfilled with `open` (at once on an accepted socket), rejected with the `error` of an attempt that failed. The same promise
   * at each read. It causes no unhandled rejection (R-promises).
   */
  readonly opened: Promise<UnixSocketOpenInfo>;
  /**
   * Fulfilled by a `close` without an `error` before it. Otherwise rejected with that `error`. The same promise at each read. It
   * causes no unhandled rejection (R-promises).
   */
  readonly closed: Promise<undefined>;
  /**
   * The received bytes, as a stream of bytes (BYOB readers too). From the first read of this attribute on they go there, and no
   * `message` fires. While nobody reads it, it holds 64 KiB, and the system makes the peer wait; suspend() holds it too. A BYOB
   * reader's bytes are read straight into the view that waits; between two such reads they stay in the system. It closes at the peer's
   * end and at close() and reset(). It errors with a loss, once the bytes before it are read. cancel() drops later bytes, and does not
   * affect sending. Reading this attribute counts as a `halfclose` listener: each direction ends by itself, and the socket ends when
   * both have (R-streams).
   */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * send() as a stream. write() waits for `open`, and is fulfilled at once or, if send() returned false, at `drain`. close() is
   * halfclose(), fulfilled when the system has the last byte. abort() is reset(). After close() or reset() of the socket, writes
   * reject. Reading this attribute counts as a `halfclose` listener (R-streams). If send() throws, write() rejects with the
   * exception, and the stream fails.
   */
  readonly writable: WritableStream<SendData>;
  /**
   * Reads by demand: lines, an exact number of bytes, up to a delimiter. From the first read of this attribute on, received bytes go there, and
   * no `message` fires, until release() is called. It is the same object at each read. It holds 64 KiB for reads that are still to come; then
   * the system makes the peer wait, and suspend() holds it too. Reading this attribute counts as a `halfclose` listener: after the
   * peer's end the socket can send until close() (R-reader).
   *
   * @throws InvalidStateError: `readable` was taken, the socket is relayed, or it has the option `framing`.
   */
  readonly reader: TCPReader;
  /** `await using`: calls close(), and is fulfilled when `closed` settles, either way (R-dispose). */
  [Symbol.asyncDispose](): Promise<void>;

  /**
   * Changes options of the open socket, or of one that is connecting or closing (R-live). All members are checked before the
   * first is applied; undefined changes nothing.
   *
   * @throws TypeError: a member has the wrong type, or is out of range.
   * @throws InvalidAccessError: a value is bad, or the member cannot be changed or is unknown.
   * @throws InvalidStateError: the socket is closed.
   * @throws NetworkError: the system refuses an option, which the message names. Those before it stay changed.
   * @throws NotSupportedError: the system lacks the option (R-platform).
   */
  setOptions(options: UnixLiveOptions): void;

  /** Makes the open socket keep the process alive, as it does at first (R-keep). */
  ref(): this;
  /** Lets the process end while the socket is open. */
  unref(): this;
  /** Whether the socket keeps the process alive: true after ref() or at first, false after unref() or once closed. */
  hasRef(): boolean;

  /** Adds a listener for one of this socket's events, or for any other. */
  addEventListener<Type extends keyof UnixSocketEventMap>(
    type: Type,
    listener: SocketEventListener<UnixSocket, UnixSocketEventMap[Type]>,
    options?: SocketListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: SocketEventListener<UnixSocket, Event>,
    options?: SocketListenerOptions,
  ): void;
  /** Removes a listener that addEventListener() has added with the same `capture`. */
  removeEventListener<Type extends keyof UnixSocketEventMap>(
    type: Type,
    listener: SocketEventListener<UnixSocket, UnixSocketEventMap[Type]>,
    options?: SocketListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: SocketEventListener<UnixSocket, Event>,
    options?: SocketListenerOptions,
  ): void;
}

/** Options of the UnixServerSocket constructor: the path, and those of TCPServerOptions that belong neither to TCP nor to IP. R-unix. */
export interface UnixServerOptions {
  /**
   * The path to listen on. Required. A relative one is resolved at the call, against the working directory. On Linux one that begins with a
   * NUL is an abstract name: it is no file and has no permissions, so any process in the same network namespace can connect.
   */
  path: string;
  /**
   * The permission bits of the socket's file, whatever the process's umask is. A client needs permission to write. They are set before
   * the first client can connect. 0 to 0o777 (more bits throw InvalidAccessError; below 0 and above 65535 TypeError). With an
   * abstract name it throws NotSupportedError. Default: what the umask leaves of 0o777.
   */
  mode?: number | undefined;
  /** Uses TLS. This needs a certificate in `secureTransport`: true alone throws InvalidAccessError (R-srv-secure). Default: false. */
  useSecureTransport?: boolean | undefined;
  /** TLS and its options, at least a certificate and its key (R-tls-asked, R-srv-secure). Default: `"off"`. */
  secureTransport?: SecureTransportKind | SecureTransportOptions | undefined;
  /**
   * Milliseconds that a client may take for the TLS handshake. Past it the connection is closed, and `error` fires with `code`
   * `"ERR_TLS_HANDSHAKE_TIMEOUT"` (R-srv-error). 0: no limit. 0 to 4294967295, else TypeError. Default: 10000.
   */
  handshakeTimeout?: number | undefined;
  /**
   * How many connections the system may hold that are not accepted yet. 1 to 4294967295 (0 throws InvalidAccessError,
   * else TypeError). The system may have a limit of its own. Default: 511.
   */
  backlog?: number | undefined;
  /**
   * How many accepted sockets may be open at once. Past it each client is accepted and ended, and `error` fires with `code`
   * `"ECONNREFUSED"`. Without a `connect` listener, or while suspended, the server refuses no client (R-srv-error). 0 to
   * 4294967295, else TypeError. Default: no limit.
   */
  maxConnections?: number | undefined;
  /** `allowHalfOpen` of every accepted socket. Default: as a `halfclose` listener decides. */
  allowHalfOpen?: boolean | undefined;
  /** `closeTimeout` of every accepted socket, in milliseconds. Default: 30000. */
  closeTimeout?: number | undefined;
  /** `idleTimeout` of every accepted socket, in milliseconds. Default: 0, no limit. */
  idleTimeout?: number | undefined;
  /** `highWaterMark` of every accepted socket, in bytes. Default: 65536. */
  highWaterMark?: number | undefined;
  /** `maxBufferedAmount` of every accepted socket, in bytes. Default: 268435456 (256 MiB). */
  maxBufferedAmount?: number | undefined;
  /**
   * Closes the server when it is aborted, not its connections. If it is aborted already, the constructor throws its
   * reason (R-abort). TypeError if it is no AbortSignal. Default: none.
   */
  signal?: AbortSignal | undefined;
  /** `framing` of every accepted socket. Default: bytes are delivered as they come. */
  framing?: FramingOptions | undefined;
}

/** The options of a UnixServerSocket that setOptions() can change (R-live). */
export type UnixServerLiveOptions = Pick<
  UnixServerOptions,
  "closeTimeout" | "highWaterMark" | "idleTimeout" | "maxBufferedAmount" | "maxConnections"
>;

/**
 * The value of `opened` of a UnixServerSocket. Its stream is that of the server, made at the first read.
 * It is not enumerable: copying the object (`{ ...info }`, JSON) or printing it takes no stream (R-promises).
 */
export interface UnixServerSocketOpenInfo {
  /** The server's `readable`. */
  readonly readable: ReadableStream<UnixSocket>;
  /** The path that the server listens on. */
  localPath: string;
}

/**
 * A server on a Unix socket: it listens on a path, and makes a UnixSocket for each connection. It keeps the process alive until it
 * is closed, unless unref() was called (R-keep). Not on Windows. The draft has no such interface. R-unix.
 *
 * If a socket file lies at the path, it is replaced if it is a dead one of the same user: no server accepts connections there. Anything
 * else at the path throws, and stays. The server removes its own file at close(), and when its worker or the process ends in order. After
 * SIGKILL the file stays, and the next server replaces it.
 *
 * @example
 * import { UnixServerSocket, UnixSocket, once } from "tcp-udp-sockets";
 *
 * const server = new UnixServerSocket({ path: "app.sock", mode: 0o666 });
 * server.onconnect = ({ connectedSocket }) => {
 *   const { uid } = connectedSocket.peerCredentials ?? {};
 *   if (uid === process.getuid?.()) connectedSocket.send("Hello Me");
 *   connectedSocket.close();
 * };
 *
 * const { data } = await once(new UnixSocket(server.localPath), "message");
 * console.log(new TextDecoder().decode(data)); // Hello Me
 * server.close();
 */
export declare class UnixServerSocket extends EventTarget {
  /**
   * Makes a server, binds it to its path, and starts to listen before it returns.
   *
   * @param options The server's path, required, and further options.
   * @throws InvalidAccessError: the path is empty, contains a NUL that is not its first character, or is too long: over 107 bytes in
   *   UTF-8 (103 on macOS and the BSDs); `mode` is over 0o777; `backlog` is 0.
   * @throws InvalidAccessError: the path is in use, by a server or by a file that the package does not replace (`code` `"EADDRINUSE"`), or
   *   no socket can be made there (`"ENOENT"`, `"EACCES"`, `"ENOTDIR"` …).
   * @throws InvalidAccessError: TLS options contradict each other or are bad (`"ERR_TLS_…"`).
   * @throws NetworkError: the system lacks resources (`"EMFILE"`: file descriptors, `"EAGAIN"`: threads).
   * @throws NotSupportedError: the system is Windows, or does not support abstract names; or `mode` is given with one (R-platform).
   * @throws SecurityError: Node's permission model does not allow reading and writing the path, or denies network access (R-trust).
   * @throws TypeError: `path` is missing; a number is out of range (R-range).
   * @throws the signal's reason, if it is aborted already (R-abort).
   */
  constructor(options: UnixServerOptions);

  /** The path that the server listens on, absolute; an abstract name begins with a NUL. */
  readonly localPath: string;
  /** `"open"` until close(). */
  readonly readyState: "open" | "closed";
  /** How many accepted sockets are not yet `"closed"`. Keeps its last value once the server is closed. */
  readonly connections: number;

  /** `connect`: a connection was accepted. Without a listener connections wait in the backlog (R-listen). */
  onconnect: ((this: UnixServerSocket, event: UnixConnectEvent) => unknown) | null;
  /**
   * `error`: the server could not serve a connection, because there are no file descriptors for example. It stays open,
   * and goes on when it can (R-srv-error).
   */
  onerror: ((this: UnixServerSocket, event: ErrorEvent) => unknown) | null;

  /**
   * Stops listening. readyState is `"closed"` at once, and the path is free: the server removes its file, if it is still the one that
   * it has bound. Accepted connections stay open. No event fires for it (R-srv-close). Once closed it does nothing.
   */
  close(): void;
  /**
   * Ends the server and its connections within a time (R-shutdown). It closes the server as close() does, but TLS handshakes that are under
   * way go on, and those that succeed are delivered if somebody listens (a loop has ended). After `grace` it calls close() on each accepted socket that is still open, so what
   * the program has sent still arrives. After `timeout` it resets what is left. Until then it keeps the process alive, also where the
   * sockets have unref(). Called again, it returns the same promise, and of all deadlines the earlier ones apply. After close(), or an abort
   * of the server's signal, it ends the connections all the same.
   *
   * @returns fulfilled when no connection is left. The loss of a connection does not reject it.
   * @throws TypeError (as a rejection): a member is out of range.
   * @throws NetworkError (as a rejection): the system lacks the resources for a timer; nothing has changed.
   */
  shutdown(options?: ShutdownOptions): Promise<undefined>;
  /**
   * Replaces all TLS options for later handshakes, for example to renew a certificate. Open connections do not change.
   *
   * @throws InvalidStateError: the server has no TLS, or is closed (R-srv-secure).
   * @throws InvalidAccessError: the options are bad (`code` `"ERR_TLS_…"`); nothing has changed.
   */
  setSecureContext(options?: SecureTransportOptions): void;
  /** Accepts nothing from now on, until resume(). Connections wait in the backlog (R-srv-suspend). */
  suspend(): void;
  /** Undoes suspend(): the server accepts the connections that waited. */
  resume(): void;

  /** Fulfilled at once. The same promise at each read (R-promises). */
  readonly opened: Promise<UnixServerSocketOpenInfo>;
  /** Fulfilled when the server is closed and the path is free. The same promise at each read (R-promises). */
  readonly closed: Promise<undefined>;
  /**
   * The accepted connections, as a stream. From the first read of this attribute on they go there, and no `connect` fires.
   * Without a reader, and once it is cancelled, they wait in the backlog. close() closes it (R-streams).
   */
  readonly readable: ReadableStream<UnixSocket>;
  /**
   * One connection for each next(). Without a waiting next() none is accepted (R-iterate). Several loops share the connections.
   * close() ends them. Leaving a loop leaves the server open.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<UnixSocket, undefined, undefined>;
  /** `await using`: calls close(), and is fulfilled when `closed` settles, either way (R-dispose). */
  [Symbol.asyncDispose](): Promise<void>;

  /**
   * Changes `maxConnections`, and the options of the sockets that are accepted from now on (R-live). All members are checked before the
   * first is applied; undefined changes nothing.
   *
   * @throws TypeError: a member has the wrong type, or is out of range.
   * @throws InvalidAccessError: a value is bad, or the member cannot be changed or is unknown.
   * @throws InvalidStateError: the socket is closed.
   * @throws NetworkError: the system refuses an option, which the message names. Those before it stay changed.
   * @throws NotSupportedError: the system lacks the option (R-platform).
   */
  setOptions(options: UnixServerLiveOptions): void;

  /** Makes the open server keep the process alive, as it does at first (R-keep). */
  ref(): this;
  /** Lets the process end while the server is open. */
  unref(): this;
  /** Whether the server keeps the process alive: true after ref() or at first, false after unref() or once closed. */
  hasRef(): boolean;

  /** Adds a listener for one of this server's events, or for any other. */
  addEventListener<Type extends keyof UnixServerSocketEventMap>(
    type: Type,
    listener: SocketEventListener<UnixServerSocket, UnixServerSocketEventMap[Type]>,
    options?: SocketListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: SocketEventListener<UnixServerSocket, Event>,
    options?: SocketListenerOptions,
  ): void;
  /** Removes a listener that addEventListener() has added with the same `capture`. */
  removeEventListener<Type extends keyof UnixServerSocketEventMap>(
    type: Type,
    listener: SocketEventListener<UnixServerSocket, UnixServerSocketEventMap[Type]>,
    options?: SocketListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: SocketEventListener<UnixServerSocket, Event>,
    options?: SocketListenerOptions,
  ): void;
}
