/// <reference lib="esnext.disposable" />

/**
 * The W3C Raw Socket API (draft of 14 May 2013) for Node: UDP sockets, TCP sockets and TCP servers with the
 * shape of Web sockets.
 *
 * "Draft" below is that document; a name such as R-tcp-fin is a ruling of this package where the draft is
 * silent (see docs/conformance.md). Sizes are bytes. Addresses are IPv4 or IPv6 literals, and an IPv6
 * one may carry a zone (`fe80::1%eth0`); host names are what connect() takes. Every option may be left out or `undefined`.
 *
 * An option that nobody knows is ignored. One that another library has for one of ours (`port`, `timeout`) is ignored with a warning that
 * names ours (`UnknownOptionWarning`, once for each name in a thread). What would leave a connection in the clear, TLS weaker or a filter
 * open is refused (R-unknown): among the options of a constructor or connect() a name of TLS (`cert`, `rejectUnauthorized`, `tls`), a
 * misspelt `secureTransport`, `useSecureTransport` or `allowAddress`, and `allowAddress` of a constructor, by InvalidAccessError; in
 * {@link SecureTransportOptions} and {@link ServerCertificate} every unknown member, by TypeError.
 *
 * Where a member "throws InvalidAccessError" and the like, that is a `DOMException` of this name, with the
 * members of {@link SocketError} where the system has a say. A call that lacks a required argument, is made on
 * another object, or gets an `options` that is no object throws `TypeError` (R-shape).
 *
 * @packageDocumentation
 */

/**
 * What a socket is at.
 *
 * - `"connecting"`: the connection is not established yet.
 * - `"open"`: data can be sent and received; a server accepts.
 * - `"halfclosed"`: halfclose() was called: nothing more can be sent, data still comes in.
 * - `"closing"`: close() was called, or the peer has ended; what was buffered is still going out.
 * - `"closed"`: over, or never opened. Nothing leads out of this state.
 *
 * UDP sockets and servers are only ever `"open"` or `"closed"`. Draft, enumeration ReadyState.
 */
export type ReadyState = "connecting" | "open" | "closing" | "closed" | "halfclosed";

/**
 * What send() takes. A string is sent as UTF-8 (a lone surrogate as U+FFFD), a Blob as its bytes, a view as the
 * section that it references. Buffers may be backed by a SharedArrayBuffer or be resizable: their bytes are
 * taken as they are at the call (R-types, R-copy).
 */
export type SendData = string | Blob | ArrayBuffer | ArrayBufferView;

/** A port: an integer from 0 to 65535, or its decimal text, as in `socket.remotePort` (R-port). */
export type Port = number | string;

/** A group's network interface and source, for joinMulticastGroup() and leaveMulticastGroup(). */
export interface MulticastOptions {
  /**
   * The interface to join on: one of its addresses, its name (`"eth0"`), or, for an IPv6 group, its zone (`"eth0"`, `"2"`);
   * `"all"` is every interface that does multicast, is up at the call and, for an IPv4 group, has an IPv4 address. Only
   * datagrams that come in by it are received. Default: the system chooses. `"all"`, and one left out, count as an
   * interface of its own; one that is joined already stays so (R-udp-group).
   */
  interfaceAddress?: string | undefined;
  /**
   * Receive the group only from this host (source-specific multicast): a unicast address of the group's family. Join once
   * for each of several. On one interface a group is joined either from any source or from such ones; what mixes the two
   * throws InvalidAccessError (R-udp-group). Default: any source.
   */
  sourceAddress?: string | undefined;
}

/**
 * Why something failed: a `DOMException` with the system's reason. Events carry it as `event.error`, always
 * named `"NetworkError"`; constructors and methods throw the same shape under the name that their documentation
 * tells (R-error).
 */
export type SocketError = Omit<DOMException, "code"> & {
  /**
   * The system's name of the error, such as `"ECONNREFUSED"` or `"EADDRINUSE"`. Where the system has none:
   * `"ECONNABORTED"` (close() while connecting), `"ETIMEDOUT"` (a timeout), `"ENOBUFS"` (buffer full, or no memory),
   * `"EMSGSIZE"` (datagram too long), `"EIO"` (a Blob that cannot be read),
   * `"ENOTFOUND"` (connect() found no address), `"ERR_ADDRESS_BLOCKED"` (its `allowAddress` allowed none), `"ABORT_ERR"` (a
   * signal; its reason is the `cause`).
   *
   * A `DOMException`'s own `code` is a number: an exception thrown for a bad argument, behind which there is no
   * error of the system, keeps that one. So does every InvalidStateError (11), whatever led to the state.
   */
  readonly code: string;
  /** The system call that failed, such as `"connect"`. */
  readonly syscall?: string | undefined;
  /** The address concerned. */
  readonly address?: string | undefined;
  /** The port concerned, where it has one: a multicast group has none. */
  readonly port?: number | undefined;
  /**
   * What caused it, where that is an object of its own, such as the error of a Blob that cannot be read. Of connect() an
   * AggregateError with what became of each address, or what `lookup` rejected with.
   */
  readonly cause?: unknown;
};

/** What a listener for an event may be: a function, called with the socket as `this`, or an object. */
export type SocketEventListener<Socket, E> =
  | ((this: Socket, event: E) => unknown)
  | { handleEvent(event: E): unknown }
  | null;

/** The third argument of addEventListener(), as the platform has it. */
export type SocketListenerOptions = Parameters<EventTarget["addEventListener"]>[2];

// --- events: types only, as the draft's NoInterfaceObject says (R-noif) -------------------------------------

/** The `message` event of a TCPSocket. Draft, TCPSocket, event summary. */
export interface TCPMessageEvent extends MessageEvent {
  /**
   * The bytes received: at least one, and as many as one read brought. TCP keeps no message bounds. Read-only by
   * the draft: treat it so. Where the engine has immutable buffers it is one (R-data).
   */
  readonly data: ArrayBuffer;
}

/** The `message` event of a UDPSocket. It is `instanceof MessageEvent`. Draft, UDPMessageEvent. */
export interface UDPMessageEvent extends MessageEvent {
  /**
   * Exactly one datagram, never truncated, never merged; an empty one has no bytes (R-udp-bounds, R-udp-empty).
   * Read-only by the draft: treat it so. Where the engine has immutable buffers it is one (R-data).
   */
  readonly data: ArrayBuffer;
  /** The sender's address; of a link-local IPv6 one with its zone (R-address). */
  readonly remoteAddress: string;
  /** The sender's port. */
  readonly remotePort: number;
}

/** The `connect` event of a TCPServerSocket. Draft, ConnectEvent. */
export interface ConnectEvent extends Event {
  /**
   * The accepted connection, in `"open"`; its own `open` event does not fire. Nothing is lost when its listeners
   * are added in this handler, or later: its bytes wait for them (R-srv-connect, R-listen).
   */
  readonly connectedSocket: TCPSocket;
}

/**
 * The `error` event of all three. An `error` that nobody listens for throws nothing; the first in a thread prints
 * a warning (R-unheard). Draft, ErrorEvent.
 */
export interface ErrorEvent extends Event {
  /** What happened: named `"NetworkError"`, with the system's reason (R-error). */
  readonly error: SocketError;
  /** `error.message`, so that logging the event tells something. */
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

// --- UDP ----------------------------------------------------------------------------------------------------

/** Options of the UDPSocket constructor. Draft, dictionary UDPOptions. */
export interface UDPOptions {
  /**
   * The local address to bind to. Default: the wildcard of `remoteAddress`'s family where that is given, else
   * `"0.0.0.0"` (R-udp-bind).
   */
  localAddress?: string | undefined;
  /** The local port to bind to. Default, and 0: one that the system picks. */
  localPort?: Port | undefined;
  /** Where send() sends to by default. It filters nothing: datagrams from anyone are received (R-udp-default). */
  remoteAddress?: string | undefined;
  /** The port that send() sends to by default, 1 to 65535 (R-udp-default). */
  remotePort?: Port | undefined;
  /**
   * Bind also where the local port is in use by a socket that allows it too. Takes effect only where `localPort`
   * is given and not 0. On Windows false, and a port that the system picks, keep every other socket off it (R-udp-reuse). Default: true.
   */
  addressReuse?: boolean | undefined;
  /** Multicast that this socket sends is delivered on this host too (R-udp-loop). Default: false. */
  loopback?: boolean | undefined;
  /**
   * Several sockets with this option, also of other threads and processes of one user, share a local port and its
   * datagrams (SO_REUSEPORT). Where the system has no such sharing (macOS, Windows) true throws NotSupportedError
   * (R-platform). Default: false.
   */
  reusePort?: boolean | undefined;
  /** Datagrams may be sent to broadcast addresses (SO_BROADCAST). Default: false, that is an `error` ("EACCES"). */
  broadcast?: boolean | undefined;
  /**
   * Hops that a unicast datagram may take (TTL, hop limit). 1 to 255 (0 throws InvalidAccessError, else TypeError).
   * Default: the system's, mostly 64.
   */
  timeToLive?: number | undefined;
  /** Hops that a multicast datagram may take; 0 keeps it on this host. 0 to 255, else TypeError. Default: 1. */
  multicastTimeToLive?: number | undefined;
  /**
   * The interface that multicast leaves by: one of its addresses, its name (`"eth0"`), or its zone (`"2"`). On a dual-stack
   * socket an IPv4 address says it for IPv4 datagrams alone, anything else for both families. Without an IPv4 address on it
   * an IPv4 socket throws InvalidAccessError. Default: `localAddress`'s, else the system's choice.
   */
  multicastInterface?: string | undefined;
  /**
   * Bytes that the system may buffer for sending (SO_SNDBUF); it has bounds of its own, and Linux doubles them. 1 to
   * 4294967295 (0 throws InvalidAccessError, else TypeError). Default: the system's.
   */
  sendBufferSize?: number | undefined;
  /** The same for receiving (SO_RCVBUF): what comes while it is full is dropped. */
  receiveBufferSize?: number | undefined;
  /** An IPv6 wildcard takes no IPv4 (R-udp-bind). Default: false, both. */
  ipv6Only?: boolean | undefined;
  /**
   * send() returns false while more than this many bytes are buffered. 0 to 4294967295, else TypeError.
   * Default: 65536.
   */
  highWaterMark?: number | undefined;
  /**
   * How many bytes may wait that the system refuses to take. Beyond it the buffer is full: the socket closes
   * with an `error` (R-udp-full). 0 to 4294967295, else TypeError. Default: 67108864 (64 MiB).
   */
  maxBufferedAmount?: number | undefined;
  /**
   * Closes the socket when it is aborted. One that is aborted already makes the constructor throw its reason (R-abort).
   * TypeError where it is no AbortSignal. Default: none.
   */
  signal?: AbortSignal | undefined;
}

/** A datagram, as the streams of a UDPSocket and `for await` over one have it. Dictionary UDPMessage. */
export interface UDPMessage {
  /** Exactly one datagram. It is the receiver's own: an ordinary buffer. */
  data: Uint8Array<ArrayBuffer>;
  /** The sender's address; of a link-local IPv6 one with its zone. */
  remoteAddress: string;
  /** The sender's port. */
  remotePort: number;
}

/** A datagram, as `writable` of a UDPSocket takes it. */
export interface UDPMessageInit {
  /** What send() takes. */
  data: SendData;
  /** Where to. Default, and null: `options.remoteAddress`. */
  remoteAddress?: string | null | undefined;
  /** The port there, 1 to 65535. Default, and null: `options.remotePort`. */
  remotePort?: Port | null | undefined;
}

/**
 * What `opened` of a UDPSocket is fulfilled with. The streams are the socket's own, made when first read.
 * They are not enumerable: copying the object (`{ ...info }`, JSON) or printing it takes no stream (R-promises).
 */
export interface UDPSocketOpenInfo {
  readonly readable: ReadableStream<UDPMessage>;
  readonly writable: WritableStream<UDPMessageInit>;
  localAddress: string;
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
   * Makes a socket and binds it before it returns.
   *
   * @throws InvalidAccessError: an address or port is not one; the local ones cannot be had (`code`
   *   `"EADDRINUSE"`, `"EADDRNOTAVAIL"`, `"EACCES"`); `remoteAddress` is of a family that the socket cannot reach.
   * @throws NotSupportedError: an option that the system lacks (R-platform).
   * @throws NetworkError: the system lacks resources (`"EMFILE"`: file descriptors, `"EAGAIN"`: threads).
   * @throws SecurityError: Node's permission model denies network access (R-trust).
   * @throws TypeError: a number is out of range (R-range).
   * @throws the signal's reason, where it is aborted already (R-abort).
   */
  constructor(options?: UDPOptions);

  /** The local address that the socket is bound to, known at once (R-udp-bind). */
  readonly localAddress: string;
  /** The local port that the socket is bound to, known at once. */
  readonly localPort: number;
  /** Where send() sends to by default, as `options.remoteAddress` said; null without. */
  readonly remoteAddress: string | null;
  /** The port that send() sends to by default, as `options.remotePort` said; null without. */
  readonly remotePort: number | null;
  /** `options.addressReuse`, as requested. */
  readonly addressReuse: boolean;
  /** `options.loopback`, as requested. */
  readonly loopback: boolean;
  /**
   * Bytes that send() has taken and the system has not. Rises in send(), falls only in a later task. Stays at
   * 4294967295 where there is more. Keeps its last value once closed.
   */
  readonly bufferedAmount: number;
  /** `"open"` until close(), or until an `error` that closes the socket (R-udp-toolong). */
  readonly readyState: "open" | "closed";

  /** `drain`: send() returned false, and now nothing is buffered any more. Fires once for that (R-tcp-drain). */
  ondrain: ((this: UDPSocket, event: Event) => unknown) | null;
  /**
   * `error`: something failed. The socket stays open after what the system reports about one datagram or a Blob
   * that cannot be read (R-udp-neterr); readyState is `"closed"` after a datagram too long or a full buffer
   * (R-udp-toolong).
   */
  onerror: ((this: UDPSocket, event: ErrorEvent) => unknown) | null;
  /** `message`: a datagram has come, from anyone. While nobody listens they wait, within bounds (R-listen). */
  onmessage: ((this: UDPSocket, event: UDPMessageEvent) => unknown) | null;

  /**
   * Hands what is buffered to the system, leaves the multicast groups and closes. No event fires after it, and there
   * is no `close` event (R-udp-close). Once closed it does nothing.
   */
  close(): void;
  /**
   * No `message` fires from now on, until resume(); datagrams wait as long as there is room for them (R-udp-suspend).
   */
  suspend(): void;
  /** Undoes suspend(): what waited comes first, in order. */
  resume(): void;
  /**
   * Joins a multicast group.
   *
   * @throws InvalidAccessError: not a multicast address of the socket's family, joined already, or joined otherwise
   *   (R-udp-group).
   * @throws InvalidStateError: the socket is closed.
   * @throws NetworkError: no interface can join (`code` `"ENODEV"`); it is one more than the system allows (`"ENOBUFS"`; the
   *   message names the setting, on Linux `net.ipv4.igmp_max_memberships`, 20 at first).
   * @throws NotSupportedError: the system lacks `"all"`, or `sourceAddress` for such a group (R-platform).
   */
  joinMulticastGroup(multicastGroupAddress: string, options?: MulticastOptions): void;
  /**
   * Leaves a multicast group, named as it was joined.
   *
   * @throws InvalidAccessError: not a multicast address of the socket's family, or not joined so (R-udp-group).
   * @throws InvalidStateError: the socket is closed.
   */
  leaveMulticastGroup(multicastGroupAddress: string, options?: MulticastOptions): void;
  /**
   * Sends one datagram. Nothing leaves before the running code has ended, but where many wait (R-udp-full).
   * A datagram too long for UDP (over 65,507 bytes on IPv4, 65,527 on IPv6) and a full buffer make it return
   * false and close the socket with one `error` (R-udp-toolong).
   *
   * @param data The bytes; none makes an empty datagram (R-udp-empty).
   * @param remoteAddress Where to. Default, and null: `options.remoteAddress`.
   * @param remotePort The port there, 1 to 65535. Default, and null: `options.remotePort`.
   * @returns true: go on; false: more than `highWaterMark` bytes are buffered, wait for `drain`.
   * @throws InvalidStateError: the socket is closed.
   * @throws InvalidAccessError: `data` is nothing that can be sent, or a detached buffer (R-types); there is no
   *   destination; it is no address or port, or of a family that the socket cannot reach (R-udp-family).
   * @throws NetworkError: there is no memory to keep the bytes in (`code` `"ENOBUFS"`); nothing has changed (R-error).
   */
  send(data: SendData, remoteAddress?: string | null, remotePort?: Port | null): boolean;

  /** Fulfilled at once, the same promise at each read (R-promises). */
  readonly opened: Promise<UDPSocketOpenInfo>;
  /**
   * Fulfilled when the socket is closed and what was buffered is with the system; rejected with the `error` that has closed it
   * (R-udp-toolong). The same promise at each read; a rejection that nobody looks at is not an unhandled one (R-promises).
   */
  readonly closed: Promise<undefined>;
  /**
   * The datagrams that come, as a stream: from the first read of this attribute on they go there, and no `message` fires.
   * With nobody reading it, it holds up to 64 KiB of them; the rest waits in the system, which drops what finds no room.
   * suspend() holds it too. close() closes it. Cancelling it leaves the socket open, and what still comes is dropped (R-streams).
   */
  readonly readable: ReadableStream<UDPMessage>;
  /**
   * send() as a stream: write() is fulfilled at once or, where send() would return false, at `drain`. Closing it leaves the
   * socket open, aborting it closes the socket (R-streams). What send() throws, write() rejects with, and the stream has failed.
   */
  readonly writable: WritableStream<UDPMessageInit>;
  // run: client udp-echo 6789
  /**
   * One datagram for each next(), and none is taken from the system while nobody asks (R-iterate). Several loops share
   * what comes. close() ends them; an `error` that closes the socket is thrown. Leaving a loop leaves the socket open.
   *
   * @example
   * import { UDPSocket } from "tcp-udp-sockets";
   * const socket = new UDPSocket({ localPort: 6789 });
   * for await (const { data, remoteAddress, remotePort } of socket) socket.send(data, remoteAddress, remotePort);
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<UDPMessage, undefined, undefined>;
  /** `await using`: calls close(), and is fulfilled when `closed` settles, either way (R-dispose). */
  [Symbol.asyncDispose](): Promise<void>;

  /** The open socket keeps the process alive (again); so it is from the start (R-keep). */
  ref(): this;
  /** The socket does not keep the process alive. */
  unref(): this;
  /** Whether the socket keeps the process alive: ref'd and not closed. */
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
  /** Takes a listener away that addEventListener() has added with the same `capture`. */
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

/** Whether TLS is asked for. `"starttls"` is `"off"`, said for {@link TCPSocket.startTls} to follow. */
export type SecureTransportKind = "off" | "on" | "starttls";

/** A certificate or key: PEM in a string, PEM or DER in bytes. Bytes are copied at the call. */
export type PEMOrDER = string | ArrayBuffer | ArrayBufferView;

/** A certificate chain and its key, for one name of a server. An unknown member throws TypeError (R-unknown). */
export interface ServerCertificate {
  /** The chain, leaf first: in one PEM, or in a list. */
  cert: PEMOrDER | Iterable<PEMOrDER>;
  /** The leaf's key: PKCS#8, PKCS#1 or SEC1, not encrypted. */
  key: PEMOrDER;
}

/** The versions of TLS that there are. */
export type SecureTransportVersion = "TLSv1.2" | "TLSv1.3";

/**
 * The options of TLS. What cannot be used throws InvalidAccessError with a `code` such as `"ERR_TLS_BAD_PEM"`, and a message
 * that says what was found. docs/tls.md has the table of codes. An unknown member throws TypeError that names the nearest
 * known one (R-unknown).
 */
export interface SecureTransportOptions {
  /** Client: the name to ask for and to verify (R-tls-verify). Default: connect()'s host name, else the remote address. */
  sni?: string | undefined;
  /** Application protocols (ALPN), preferred first: `["h2", "http/1.1"]`. Default: none. */
  alpn?: (Iterable<string> & object) | undefined;
  /**
   * Trust these authorities and no others; a certificate in it is trusted as a leaf too, byte for byte (R-tls-verify).
   * Default: the system's roots; `SSL_CERT_FILE`, `SSL_CERT_DIR` and `NODE_EXTRA_CA_CERTS` are honoured.
   */
  ca?: PEMOrDER | Iterable<PEMOrDER> | undefined;
  /** The own certificate chain, leaf first. A server needs one (or `serverCertificates`), a client where the server asks. */
  cert?: PEMOrDER | Iterable<PEMOrDER> | undefined;
  /** The key of `cert`: PKCS#8, PKCS#1 or SEC1, not encrypted. */
  key?: PEMOrDER | undefined;
  /**
   * Server: certificates by the name that clients ask for, case ignored; `"*.example.org"` is any one label before it. An exact
   * name wins over a wildcard, and `cert` is for all other names (R-srv-secure).
   */
  serverCertificates?: Record<string, ServerCertificate> | undefined;
  /**
   * Client: verify the server. Server with `requestCert`: require a valid certificate. false is the only way to turn that off;
   * `secureTransportInfo` then tells what was wrong. Default: true.
   */
  rejectUnauthorized?: boolean | undefined;
  /** Server: ask clients for a certificate. Needs `ca`, unless `rejectUnauthorized` is false (R-srv-secure). Default: false. */
  requestCert?: boolean | undefined;
  /**
   * SHA-256 of certificates (DER) in hexadecimal, case and colons aside: beyond the usual checks the peer's leaf must be one of
   * these, also where `rejectUnauthorized` is false (R-tls-verify).
   */
  pinnedCertificates?: (Iterable<string> & object) | undefined;
  /** Default: `"TLSv1.2"`. */
  minVersion?: SecureTransportVersion | undefined;
  /** Append the session's secrets to the file that the environment variable `SSLKEYLOGFILE` names. Default: false. */
  keyLog?: boolean | undefined;
}

/** What a TLS handshake has agreed on, frozen. */
export interface SecureTransportInfo {
  readonly protocol: SecureTransportVersion;
  /** The standard's name of the cipher suite: `"TLS_AES_256_GCM_SHA384"`. */
  readonly cipher: string;
  /** The application protocol; null where none was agreed on. */
  readonly alpn: string | null;
  /** The host name that the client asked for; null where it asked for none (for an address there is none). */
  readonly sni: string | null;
  /** The peer's certificates as DER, leaf first; empty where it presented none. */
  readonly peerCertificates: readonly ArrayBuffer[];
  /** Whether the peer's certificate was verified and is good. */
  readonly authorized: boolean;
  /** Why it is not, as a code; null where it is good, and where none was asked for. */
  readonly authorizationError: string | null;
  /** Whether a session of before was resumed. */
  readonly resumed: boolean;
}

/** Options of the TCPSocket constructor. Draft, dictionary TCPOptions. */
export interface TCPOptions {
  /** The local address to connect from. Default: the system chooses (R-tcp-create). */
  localAddress?: string | undefined;
  /**
   * The local port to connect from. Default, and 0: one that the system picks. Where nobody listens and the local address and
   * port are the remote ones, picked or given, the attempt would meet itself: it is refused (`"ECONNREFUSED"`).
   */
  localPort?: Port | undefined;
  /**
   * TLS, with `secureTransport`'s options or the defaults. Contradicting `secureTransport` throws InvalidAccessError (R-tls-asked).
   * Default: false.
   */
  useSecureTransport?: boolean | undefined;
  /** TLS and its options: an object or `"on"` asks for it (R-tls-asked). Default: `"off"`. */
  secureTransport?: SecureTransportKind | SecureTransportOptions | undefined;
  /**
   * Milliseconds that TCP's and TLS's handshakes may take together; past it `error` with `code` `"ETIMEDOUT"`. 0: any time. It
   * counts for startTls() too, from its call. 0 to 4294967295, else TypeError. Default: the system's (startTls(): 10 s).
   */
  connectTimeout?: number | undefined;
  /** Nagle's algorithm is off: small sends leave at once (R-tcp-nodelay). Default: true. */
  noDelay?: boolean | undefined;
  /**
   * After this many milliseconds of silence the system asks whether the peer is still there (SO_KEEPALIVE); one that
   * does not answer 10 probes, one second apart, is a lost connection (`"ETIMEDOUT"`): an idle dead peer is noticed after the
   * delay and 10 s (R-keepalive). With bytes under way it is not the probes but the system's retransmissions that notice
   * it. Rounded up to whole seconds, at most 32767 of them; 0 leaves it off. 0 to 4294967295, else TypeError. Default: off.
   */
  keepAliveDelay?: number | undefined;
  /**
   * Bytes that the system may buffer for sending (SO_SNDBUF); it has bounds of its own, and Linux doubles them. 1 to
   * 4294967295 (0 throws InvalidAccessError, else TypeError). Default: the system's, which grows as needed.
   */
  sendBufferSize?: number | undefined;
  /** The same for receiving (SO_RCVBUF). It is set before connecting, since the window's scale depends on it. */
  receiveBufferSize?: number | undefined;
  /** IPV6_V6ONLY of an IPv6 socket. It changes nothing for the connection itself. Default: false. */
  ipv6Only?: boolean | undefined;
  /**
   * What the peer's FIN does. true: `halfclose` fires and sending goes on until close() or halfclose(). false: what
   * is buffered goes out, then the socket closes. Default: true where somebody listens for `halfclose` when the FIN
   * is delivered, else false (R-tcp-fin).
   */
  allowHalfOpen?: boolean | undefined;
  /**
   * Milliseconds that a closing socket waits for the peer to take what is buffered. The time starts again with each byte that
   * the peer's system acknowledges. When it is over, the connection is lost and reset: `error` with `code` `"ETIMEDOUT"`, then
   * `close` (R-tcp-close). It counts after close(), and while the socket closes because the peer has ended; halfclose() alone
   * has no limit. 0: any time. 0 to 4294967295, else TypeError. Default: 30000.
   *
   * A peer that reads very slowly has its system acknowledge in large steps: on Linux each step is a sixteenth of its receive
   * buffer, which may be megabytes. Where the system does not tell what is acknowledged (Windows), a byte that the system takes
   * from the socket counts instead. Once all is handed to the system and FIN is sent, this limit is over, and the system
   * goes on delivering also after `close`.
   */
  closeTimeout?: number | undefined;
  /**
   * send() returns false while more than this many bytes are buffered. 0 to 4294967295, else TypeError.
   * Default: 65536.
   */
  highWaterMark?: number | undefined;
  /**
   * How many bytes a sender that ignores `false` may buffer. Past it the buffer is full: the connection is reset, with
   * `error` and `close` (R-tcp-full). 0 to 4294967295, else TypeError. Default: 268435456 (256 MiB).
   */
  maxBufferedAmount?: number | undefined;
  /**
   * Resets the connection when it is aborted, at any time: `error` (code `"ABORT_ERR"`, its cause the signal's reason), then
   * `close` where the socket was past `"connecting"`. One that is aborted already makes the constructor throw its reason
   * (R-abort). TypeError where it is no AbortSignal. Default: none.
   * So `AbortSignal.timeout()` ends a healthy connection, too: a limit on connecting is `connectTimeout`.
   */
  signal?: AbortSignal | undefined;
}

/**
 * What `opened` of a TCPSocket is fulfilled with. The streams are the socket's own, made when first read.
 * They are not enumerable: copying the object (`{ ...info }`, JSON) or printing it takes no stream (R-promises).
 */
export interface TCPSocketOpenInfo {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<SendData>;
  remoteAddress: string;
  /** A number, as in Direct Sockets. */
  remotePort: number;
  localAddress: string;
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
   * Makes a socket and starts to connect before it returns. What goes wrong at the remote end is told by `error`.
   *
   * @param remoteAddress The address to connect to; a host name is connect()'s (R-address).
   * @param remotePort The port there, 1 to 65535 (R-port).
   * @throws InvalidAccessError: an address or port is not one; the local ones cannot be had (`code`
   *   `"EADDRINUSE"`, `"EADDRNOTAVAIL"`, `"EACCES"`).
   * @throws InvalidAccessError: TLS options that contradict each other or cannot be used (`"ERR_TLS_…"`).
   * @throws NetworkError: the system lacks resources (`"EMFILE"`: file descriptors, `"EAGAIN"`: threads).
   * @throws SecurityError: Node's permission model denies network access (R-trust).
   * @throws TypeError: a number is out of range (R-range).
   * @throws the signal's reason, where it is aborted already (R-abort).
   */
  constructor(remoteAddress: string, remotePort: Port, options?: TCPOptions);

  /** The peer's address, in canonical form (R-address). */
  readonly remoteAddress: string;
  /** The peer's port, as the string that the draft makes it. */
  readonly remotePort: string;
  /** The local address, known at once; the wildcard where connecting failed at once (R-tcp-create). */
  readonly localAddress: string;
  /** The local port, known at once; 0 where connecting failed at once (R-tcp-create). */
  readonly localPort: number;
  /**
   * Bytes that send() has taken and the system has not. Rises in send(), falls only in a later task. Stays at
   * 4294967295 where there is more. Keeps its last value once closed, so that it tells what was not sent
   * (R-tcp-send, R-tcp-lost).
   */
  readonly bufferedAmount: number;
  /** What the socket is at. What a call sets is set when it returns; other changes come just before their event. */
  readonly readyState: ReadyState;
  /** `"on"` once TLS is established; before that `"starttls"` where that was asked for, else `"off"`. */
  readonly secureTransport: SecureTransportKind;
  /** What the TLS handshake has agreed on, the same object at each read; null without TLS. */
  readonly secureTransportInfo: SecureTransportInfo | null;

  /** `drain`: send() returned false, and now nothing is buffered any more. Fires once for that (R-tcp-drain). */
  ondrain: ((this: TCPSocket, event: Event) => unknown) | null;
  /** `open`: the connection is established. Does not fire on an accepted socket (R-srv-connect). */
  onopen: ((this: TCPSocket, event: Event) => unknown) | null;
  /**
   * `close`: the connection was closed cleanly, by either side, or was lost; then `error` has fired before. Does not
   * fire where no connection came about.
   */
  onclose: ((this: TCPSocket, event: Event) => unknown) | null;
  /**
   * `halfclose`: the peer has half-closed: it will send no more, but still receives. A listener makes the socket
   * stay open for sending, until close() or halfclose() (R-tcp-fin).
   */
  onhalfclose: ((this: TCPSocket, event: Event) => unknown) | null;
  /**
   * `error`: before `open` the connection could not be made, and no `close` follows; after it the connection was
   * lost, and `close` follows. readyState is `"closed"` (R-tcp-lost).
   */
  onerror: ((this: TCPSocket, event: ErrorEvent) => unknown) | null;
  /** `message`: bytes have come. While nobody listens they wait, and the peer is held back (R-listen). */
  onmessage: ((this: TCPSocket, event: TCPMessageEvent) => unknown) | null;

  /**
   * Makes an open plain connection a TLS one, once. On an accepted socket this end is the TLS server. What was sent before leaves
   * in the clear, what is sent after waits for the handshake; what was received and not yet delivered belongs to the handshake
   * (R-tls-start). The promise is fulfilled before any `message`; it is rejected where the handshake fails, which is a lost
   * connection too.
   *
   * @returns What the handshake has agreed on. Rejects with InvalidStateError (not `"open"`, or TLS already), InvalidAccessError
   *   (the options cannot be used) or the NetworkError that `error` tells too.
   */
  startTls(options?: SecureTransportOptions): Promise<SecureTransportInfo>;
  /**
   * Closes in order: `"closing"` at once, no more `message`; what is buffered goes out, then FIN; `close` fires when the
   * peer has ended too, or has been silent for 2 s (30 s in all). A peer that takes none of what is buffered for `closeTimeout` is
   * a lost connection (`"ETIMEDOUT"`) (R-tcp-close). While connecting the attempt is given up: one `error` with `code`
   * `"ECONNABORTED"`, no `close` (R-tcp-close-connecting). Otherwise it does nothing.
   */
  close(): void;
  /**
   * Ends sending: `"halfclosed"` at once, what is buffered goes out, then FIN; data still comes in, and the peer's
   * own end closes the socket (R-tcp-halfclose). Does nothing once closing or closed.
   */
  halfclose(): void;
  /**
   * No `message` fires from now on, queued ones included, until resume(); nothing is lost, the peer is held back
   * (R-tcp-suspend).
   */
  suspend(): void;
  /** Undoes suspend(): what waited comes first, in order. */
  resume(): void;
  /**
   * Sends bytes behind what was sent before. Many small ones leave together when the running code has ended. A full
   * buffer makes it return false and ends the connection with `error` and `close` (R-tcp-full).
   *
   * @param data The bytes; none does nothing.
   * @returns true: go on; false: more than `highWaterMark` bytes are buffered, wait for `drain` (R-tcp-send).
   * @throws InvalidStateError: the socket is not `"open"`.
   * @throws InvalidAccessError: `data` is nothing that can be sent, or a detached buffer (R-types).
   * @throws NetworkError: there is no memory to keep the bytes in (`code` `"ENOBUFS"`); nothing has changed (R-error).
   */
  send(data: SendData): boolean;
  /**
   * Ends the connection with RST: `"closed"` at once; what is buffered or unread is dropped; `close` fires, no `error`.
   * While connecting it is close(); once closed it does nothing (R-reset).
   */
  reset(): void;

  // run: peer echo 127.0.0.1:6789
  /**
   * Fulfilled with `open` (at once on an accepted socket), rejected with the `error` of an attempt that failed. The same promise
   * at each read; a rejection that nobody looks at is not an unhandled one (R-promises).
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
   * Fulfilled by a `close` that no `error` came before, rejected with that `error` otherwise. The same promise at each read; a
   * rejection that nobody looks at is not an unhandled one (R-promises).
   */
  readonly closed: Promise<undefined>;
  // run: peer echo 127.0.0.1:6789
  /**
   * The bytes that come, as a stream of bytes (BYOB readers too): from the first read of this attribute on they go there, and no
   * `message` fires. With nobody reading it, it holds 64 KiB and TCP holds the peer back; suspend() does so too. It closes at the
   * peer's FIN and at close() and reset(), and errors with a loss, once what came before it is read. cancel() drops what still
   * comes, and leaves sending alone. Taking it counts as a `halfclose` listener: each direction ends by itself, and the socket
   * when both have (R-streams).
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
   * send() as a stream. write() waits for `open`, and is fulfilled at once or, where send() returned false, at `drain`. close() is
   * halfclose(), fulfilled when the last byte is the system's; abort() is reset(). close() and reset() of the socket make writes
   * reject. Taking it counts as a `halfclose` listener (R-streams). What send() throws, write() rejects with, and the
   * stream has failed.
   */
  readonly writable: WritableStream<SendData>;
  /** `await using`: calls close(), and is fulfilled when `closed` settles, either way (R-dispose). */
  [Symbol.asyncDispose](): Promise<void>;

  /** The open socket keeps the process alive (again); so it is from the start (R-keep). */
  ref(): this;
  /** The socket does not keep the process alive. */
  unref(): this;
  /** Whether the socket keeps the process alive: ref'd and not closed. */
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
  /** Takes a listener away that addEventListener() has added with the same `capture`. */
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

/** Options of connect(). Those of TCPOptions are for the socket that it makes. */
export interface ConnectOptions extends TCPOptions {
  /** Only addresses of this family are looked up and tried. Default: both. */
  dnsQueryType?: "ipv4" | "ipv6" | undefined;
  /**
   * Milliseconds until the next address is tried beside those that have not answered yet; where an attempt fails the
   * next one starts at once. Less than 10 counts as 10. 0 to 4294967295, else TypeError. Default: 250 (RFC 8305).
   */
  attemptDelay?: number | undefined;
  /**
   * Asked instead of the system's resolver, with the host: gives IPv4 and IPv6 literals, preferred first. Not
   * asked where the host is a literal itself. What it rejects with is the `cause` of connect()'s own exception.
   */
  lookup?: ((host: string) => PromiseLike<Iterable<string>> | Iterable<string>) | undefined;
  /**
   * Asked right before each attempt, literals too, with exactly the address that is about to be connected to: only
   * where it returns true that is done. So a name that resolves to an address inside your network (DNS
   * rebinding) gets nowhere. It has to answer at once: a promise makes connect() reject. `code` of what is
   * not allowed: `"ERR_ADDRESS_BLOCKED"`.
   */
  allowAddress?: ((address: string) => boolean) | undefined;
  /**
   * Milliseconds that all of it may take from the call on: the look-up, every attempt, TLS. Then connect() rejects with
   * `code` `"ETIMEDOUT"`. 0 to 4294967295, else TypeError. Default, and 0: as long as the system tries.
   */
  connectTimeout?: number | undefined;
}

// run: peer https example.com:443
/**
 * Connects to a host by name. The addresses that the system's resolver gives are tried in its order, IPv6 and IPv4
 * taking turns, each `attemptDelay` after the one before or as soon as that has failed; the first that
 * answers wins and the others are closed (RFC 8305, "Happy Eyeballs"). No attempt is cut off while it may still win.
 *
 * With TLS (`secureTransport`, `useSecureTransport`) the handshake follows on the connection that won, and the host's name is
 * verified unless `secureTransport.sni` gives another; no other address is tried where it fails. startTls() on
 * the socket verifies the host's name, too.
 *
 * It keeps the process alive until it is settled. R-connect.
 *
 * @param host A host name, or an IPv4 or IPv6 literal, also in brackets as in `URL.hostname`: a literal is never
 *   looked up, and the unspecified ones stand for this host's loopback address. A name with other than ASCII
 *   characters is converted as browsers do (IDNA).
 * @param port The port there, 1 to 65535 (R-port).
 * @returns A socket in `"open"`: its `open` event does not fire. Nothing is lost when its listeners are added later
 *   (R-listen). `remoteAddress` is the address that it is connected to. Every failure is a rejection, never thrown:
 *
 *   - NetworkError: no address could be connected to. `code` is that of the attempt that failed last, `cause` an
 *     AggregateError of all, in the order of the attempts. `"ENOTFOUND"`, `"EAI_AGAIN"` …: the look-up gave no
 *     address, or the options leave none of them. `"ERR_ADDRESS_BLOCKED"`: `allowAddress` allowed
 *     none. `"ETIMEDOUT"`: `connectTimeout` has passed. `"ERR_TLS_…"`: the handshake failed.
 *   - InvalidAccessError: the host or a port is not one; the local ones cannot be had; `lookup` gave what is no address;
 *     what `secureTransport` has cannot be used.
 *   - SecurityError: Node's permission model denies network access (R-trust).
 *   - TypeError: a number is out of range (R-range), `lookup` or `allowAddress` is no function.
 *   - What `allowAddress` throws, and the reason with which `signal` is aborted.
 *
 * @example
 * import { connect } from "tcp-udp-sockets";
 * const socket = await connect("example.com", 443, { connectTimeout: 10_000, secureTransport: "on" });
 * socket.onmessage = ({ data }) => console.log(new TextDecoder().decode(data));
 * socket.send("HEAD / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n");
 */
export declare function connect(host: string, port: Port, options?: ConnectOptions): Promise<TCPSocket>;

/** What relay() has passed on. */
export interface RelayResult {
  /** Bytes that came from `b`'s peer and went to `a`'s. */
  bytesToA: number;
  /** Bytes that came from `a`'s peer and went to `b`'s. */
  bytesToB: number;
}

/** With what relay() rejects where a connection is lost: the exception of its `error` event, which has the counts too by then. R-relay. */
export type RelayError = SocketError & Readonly<RelayResult>;

// run: peer echo backend.example.com:8080; client echo 6789
/**
 * Joins two open sockets: what comes in at one goes out at the other, until both peers have ended. The bytes never enter
 * JavaScript, and a peer that does not read holds the other's sender back. R-relay.
 *
 * What was sent before leaves first; what has come and was not yet told goes to the other socket. From the call on no
 * `message`, `drain` or `halfclose` fires on either, and send(), halfclose() and startTls() throw InvalidStateError. A peer's
 * end is passed on behind its bytes; when both have ended, both sockets are `"closed"` and `close` fires. A suspended
 * socket is resumed. close() of one closes both: what is under way still leaves. reset() of one, or its loss, resets
 * the other, which tells `close` only.
 *
 * @param a One of two different sockets, each in `"open"` and not relayed already.
 * @param b The other.
 * @returns How many bytes were passed on, when both sockets are `"closed"`, after close() and reset() too. Every failure is a
 *   rejection:
 *
 *   - RelayError: one of the two is lost. The exception of its `error` event, with the counts as `bytesToA` and `bytesToB`,
 *     when both sockets are `"closed"`;
 *   - InvalidStateError: a socket is not open, or relayed already, or its `readable` was taken; both are one. Nothing has
 *     changed then;
 *   - TypeError: one is no TCPSocket.
 *
 * @example
 * import { TCPServerSocket, connect, relay } from "tcp-udp-sockets";
 * const server = new TCPServerSocket({ localPort: 6789 });
 * server.onconnect = async ({ connectedSocket }) => {
 *   const { bytesToA, bytesToB } = await relay(connectedSocket, await connect("backend.example.com", 8080));
 *   console.log(`${bytesToB} bytes there, ${bytesToA} bytes back`); // 11 bytes there, 11 bytes back
 * };
 */
export declare function relay(a: TCPSocket, b: TCPSocket): Promise<RelayResult>;

// --- once() -------------------------------------------------------------------------------------------------

/** Options of once(). */
export interface OnceOptions {
  /**
   * Ends the wait when it is aborted: the promise rejects with its reason, at once where it is aborted already. TypeError where it
   * is no AbortSignal. Default: none.
   */
  signal?: AbortSignal | undefined;
}

/**
 * Waits for one event of a TCPSocket. R-once.
 *
 * It listens as addEventListener() with `{ once: true }` does, in the same order, and leaves nothing behind however it ends. Unlike
 * `once()` of node:events it never waits for an event that cannot come any more. In a loop it loses nothing: what comes between two
 * calls waits for the next one (R-listen). Waiting for `"message"` starts reading, and waiting for `"halfclose"` keeps the socket
 * open for sending (R-tcp-fin), as listeners do. On a suspended socket it waits for resume().
 *
 * @param socket The socket to wait for.
 * @param type `"open"`, `"message"`, `"drain"`, `"halfclose"`, `"error"` or `"close"`; anything else rejects with TypeError.
 * @returns The event. Every failure is a rejection, never thrown:
 *
 *   - the exception of an `error` event, which ends a connection or an attempt. Only `"error"`, and `"close"` of a connection that
 *     was open, are fulfilled all the same;
 *   - InvalidStateError: the event cannot come any more. `"message"`: the peer has ended, the socket is closing, its `readable` was
 *     taken, or it is relayed. `"open"`: it is open already. `"drain"`, `"halfclose"`: nothing is left that could bring it.
 *     `"close"`: it has come. Its `cause` is the exception of the `error` that came before, if there was one;
 *   - the reason of `signal`;
 *   - TypeError: `socket` is none of this package's, `type` is not known, or `options` are none.
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
  socket: TCPSocket,
  type: Type,
  options?: OnceOptions,
): Promise<TCPSocketEventMap[Type]>;
/**
 * Waits for one event of a UDPSocket. As with a TCPSocket, but for this: an `error` that leaves the socket open (R-udp-neterr) ends
 * only `once(socket, "error")`, which it fulfils. close() makes all of them reject with InvalidStateError. R-once.
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
 * Waits for one event of a TCPServerSocket. As with a TCPSocket, but for this: an `error` leaves the server open, and ends only
 * `once(server, "error")`, which it fulfils. close() makes all of them reject with InvalidStateError, `"connect"` behind the
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

// --- TCP server ---------------------------------------------------------------------------------------------

/** Options of the TCPServerSocket constructor. Draft, dictionary TCPServerOptions. */
export interface TCPServerOptions {
  /** The local address to listen on. Default: `"::"` for IPv6 and IPv4, `"0.0.0.0"` where there is no IPv6 (R-srv-bind). */
  localAddress?: string | undefined;
  /** The local port to listen on. Default, and 0: one that the system picks. */
  localPort?: Port | undefined;
  /** TLS. It needs a certificate, which `secureTransport` has: true alone throws InvalidAccessError (R-srv-secure). Default: false. */
  useSecureTransport?: boolean | undefined;
  /** TLS and its options, the certificate and key first of all (R-tls-asked, R-srv-secure). Default: `"off"`. */
  secureTransport?: SecureTransportKind | SecureTransportOptions | undefined;
  /**
   * Milliseconds that a client may take for the TLS handshake; past it the client is let go and `error` fires with `code`
   * `"ERR_TLS_HANDSHAKE_TIMEOUT"` (R-srv-error). 0: any time. 0 to 4294967295, else TypeError. Default: 10000.
   */
  handshakeTimeout?: number | undefined;
  /** An IPv6 wildcard takes no IPv4. Default: false, both. */
  ipv6Only?: boolean | undefined;
  /**
   * How many connections the system holds that are not accepted yet. 1 to 4294967295 (0 throws InvalidAccessError,
   * else TypeError); the system may have a limit of its own. Default: 511.
   */
  backlog?: number | undefined;
  /**
   * Several servers with this option, also of other threads and processes of one user, share a local port and its
   * connections (SO_REUSEPORT). Where the system has no such sharing (macOS, Windows) true throws NotSupportedError
   * (R-platform). Default: false.
   */
  reusePort?: boolean | undefined;
  /**
   * Accepted sockets that may be open at once. Past it each client is accepted, reset and told by one `error` with `code`
   * `"ECONNREFUSED"`, but never while nobody listens for `connect` or while suspended (R-srv-error). 0 to 4294967295,
   * else TypeError. Default: no limit.
   */
  maxConnections?: number | undefined;
  /** `noDelay` of every accepted socket. Default: true. */
  noDelay?: boolean | undefined;
  /** `keepAliveDelay` of every accepted socket. Default: off. */
  keepAliveDelay?: number | undefined;
  /** `allowHalfOpen` of every accepted socket. Default: decided by a `halfclose` listener. */
  allowHalfOpen?: boolean | undefined;
  /** `closeTimeout` of every accepted socket, in milliseconds. Default: 30000. */
  closeTimeout?: number | undefined;
  /** `highWaterMark` of every accepted socket. Default: 65536. */
  highWaterMark?: number | undefined;
  /** `maxBufferedAmount` of every accepted socket. Default: 268435456 (256 MiB). */
  maxBufferedAmount?: number | undefined;
  /**
   * Closes the server when it is aborted, not its connections. One that is aborted already makes the constructor throw its
   * reason (R-abort). TypeError where it is no AbortSignal. Default: none.
   */
  signal?: AbortSignal | undefined;
}

/**
 * What `opened` of a TCPServerSocket is fulfilled with. The stream is the server's own, made when first read.
 * It is not enumerable: copying the object (`{ ...info }`, JSON) or printing it takes no stream (R-promises).
 */
export interface TCPServerSocketOpenInfo {
  readonly readable: ReadableStream<TCPSocket>;
  localAddress: string;
  localPort: number;
}

// run: client echo 6789
/**
 * A TCP server: it listens on a local port and makes a TCPSocket of each connection. It keeps the process alive until it
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
   * Makes a server, binds it and listens before it returns.
   *
   * @throws InvalidAccessError: an address or port is not one; they cannot be had (`code` `"EADDRINUSE"`,
   *   `"EADDRNOTAVAIL"`, `"EACCES"`); `backlog` is 0.
   * @throws InvalidAccessError: TLS options that contradict each other or cannot be used (`"ERR_TLS_…"`).
   * @throws NetworkError: the system lacks resources (`"EMFILE"`: file descriptors, `"EAGAIN"`: threads).
   * @throws SecurityError: Node's permission model denies network access (R-trust).
   * @throws TypeError: a number is out of range (R-range).
   * @throws the signal's reason, where it is aborted already (R-abort).
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

  /** `connect`: a connection was accepted. While nobody listens connections wait in the backlog (R-listen). */
  onconnect: ((this: TCPServerSocket, event: ConnectEvent) => unknown) | null;
  /**
   * `error`: a connection could not be served, for want of file descriptors for example. The server stays open and
   * goes on when it can (R-srv-error).
   */
  onerror: ((this: TCPServerSocket, event: ErrorEvent) => unknown) | null;

  /**
   * Stops listening: `"closed"` at once, and the port is free. Accepted connections live on. No event fires for it
   * (R-srv-close). Once closed it does nothing.
   */
  close(): void;
  /**
   * Replaces all options of TLS, a renewed certificate for example, for handshakes from now on. Connections go on as they are.
   *
   * @throws InvalidStateError: the server is a plain one, or closed (R-srv-secure).
   * @throws InvalidAccessError: the options cannot be used (`code` `"ERR_TLS_…"`); nothing has changed.
   */
  setSecureContext(options?: SecureTransportOptions): void;
  /** Accepts nothing from now on, until resume(): connections wait in the backlog (R-srv-suspend). */
  suspend(): void;
  /** Undoes suspend(): the connections that waited are accepted. */
  resume(): void;

  /** Fulfilled at once, the same promise at each read (R-promises). */
  readonly opened: Promise<TCPServerSocketOpenInfo>;
  /** Fulfilled when the server is closed and the port free. The same promise at each read (R-promises). */
  readonly closed: Promise<undefined>;
  /**
   * The accepted connections, as a stream: from the first read of this attribute on they go there, and no `connect` fires.
   * While nobody reads, and once it is cancelled, they wait in the backlog. close() closes it (R-streams).
   */
  readonly readable: ReadableStream<TCPSocket>;
  // run: client echo 6789
  /**
   * One connection for each next(), and none is accepted while nobody asks (R-iterate). Several loops share what comes. close()
   * ends them. Leaving a loop leaves the server open.
   *
   * @example
   * import { TCPServerSocket } from "tcp-udp-sockets";
   * const server = new TCPServerSocket({ localPort: 6789 });
   * for await (const socket of server) socket.readable.pipeTo(socket.writable).catch(console.error);
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<TCPSocket, undefined, undefined>;
  /** `await using`: calls close(), and is fulfilled when `closed` settles, either way (R-dispose). */
  [Symbol.asyncDispose](): Promise<void>;

  /** The open server keeps the process alive (again); so it is from the start (R-keep). */
  ref(): this;
  /** The server does not keep the process alive. */
  unref(): this;
  /** Whether the server keeps the process alive: ref'd and not closed. */
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
  /** Takes a listener away that addEventListener() has added with the same `capture`. */
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
