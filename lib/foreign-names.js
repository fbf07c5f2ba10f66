"use strict";

// The names that other libraries (node:tls, node:net, node:dgram, Bun, Deno, undici, ws, Direct Sockets and others) use for our options, for
// R-unknown. Names are compared in lower case.

/** What the options are for. @typedef {"client" | "connect" | "server" | "udp" | "unix" | "unixServer"} OptionsKind */

/** The members of SecureTransportOptions, each with the names that other libraries use for it. */
const TLS_MEMBERS = {
  alpn: "alpnProtocols ALPNProtocol NPNProtocols",
  ca: "caCert caCerts caCertificate caCertificates caFile caPath certificateAuthority rootCerts rootCertificates",
  cert: "certs certFile certPath certChain certChainFile certificate certificates certificateChain clientCert clientCertificate",
  certificateFor: "SNICallback getCertificate certificateCallback certCallback certificateProvider certificateResolver onServerName",
  key: "keyFile keyPath privateKey privateKeyFile clientKey",
  keyLog: "keylogFile",
  minVersion: "secureProtocol secureOptions minTLSVersion tlsMinVersion minProtocolVersion",
  pinnedCertificates: "pins pinnedCertificate fingerprint fingerprint256 serverCertificateHashes",
  rejectUnauthorized:
    "insecure skipVerify insecureSkipVerify strictSSL verifyPeer unsafelyIgnoreCertificateErrors unsafelyDisableHostnameVerification " +
    "allowPartialTrustChain",
  requestCert: "requestCertificate clientAuth",
  serverCertificates: "sniCertificates",
  sni: "serverName tlsServerName hostnameVerification verifyHostname",
};

/** Names of options that ask for TLS, or that hold all TLS options. */
const TLS_AS_A_WHOLE =
  "tls ssl secure https starttls startTLS requireTLS useTLS useSSL enableTLS enableSSL secureTransport useSecureTransport secureConnection " +
  "secureContext tlsOptions sslOptions tlsConfig requestTls proxyTls secureConnect isServer";

/** Names of TLS options that this package does not have, each with the advice what to do instead. */
const TLS_LACKS = [
  [
    "checkServerIdentity",
    "the name is verified always; secureTransport.sni gives another one, and secureTransport.pinnedCertificates narrows down whom to trust",
  ],
  ["pfx", "there is no PKCS#12 here: convert it to PEM, and give that as secureTransport.cert and secureTransport.key"],
  ["passphrase keyPassphrase keyPassword", "keys are taken without encryption: decrypt it, and give that as secureTransport.key"],
  ["crl crlFile", "there are no revocation lists here: secureTransport.pinnedCertificates narrows down whom to trust"],
  [
    "ciphers cipherSuites cipherSuite ecdhCurve curves sigalgs signatureAlgorithms dhparam dhParamsFile minDHSize honorCipherOrder maxVersion " +
      "tlsMaxVersion maxTlsVersion",
    "ciphers, curves and the newest version are not a matter of options; secureTransport.minVersion sets the oldest version",
  ],
  [
    "session sessionIdContext sessionTimeout ticketKeys ticketLifetimeHint maxCachedSessions requestOCSP OCSPStapling",
    "sessions and stapled answers are not a matter of options; ask for TLS by secureTransport",
  ],
  [
    "pskCallback pskIdentityHint ALPNCallback enableTrace clientCertEngine privateKeyEngine privateKeyIdentifier keyFormat " +
      "clientRenegotiationLimit clientRenegotiationWindow lowMemoryMode",
    "secureTransport has nothing like it",
  ],
];

/**
 * Names of options that turn TLS on in other libraries. The value `false` is accepted for them, because no TLS is the default (R-unknown).
 */
const switches = new Set(["tls", "ssl", "secure"]);

/** The advice of TLS_LACKS, by the name of the option in lower case. @type {ReadonlyMap<string, string>} */
const lacking = new Map(TLS_LACKS.flatMap(([others, advice]) => names(others, advice)));

/**
 * The advice for each option that belongs to TLS, by the name of the option in lower case.
 *
 * @type {ReadonlyMap<string, string>}
 */
const tls = new Map([
  ...Object.entries(TLS_MEMBERS).flatMap(([ours, others]) => names(`${ours} ${others}`, `use secureTransport.${ours}`)),
  ...names(TLS_AS_A_WHOLE, 'TLS is asked for by secureTransport: "on", or an object with its options'),
  ...lacking,
]);

/** Options that all kinds have. */
const COMMON = {
  highWaterMark: "readableHighWaterMark writableHighWaterMark hwm",
  localAddress: "localAddr localHost localHostname bindAddress bindAddr bindHost",
  signal: "abortSignal",
};

/** Options of TCPSocket and UDPSocket. A server does not have them, because the system decides these sizes for accepted connections. */
const BUFFER_NAMES = {
  receiveBufferSize: "recvBufferSize recvBuffer receiveBuffer rcvbuf SO_RCVBUF",
  sendBufferSize: "sendBuffer sndbuf SO_SNDBUF",
};

/** What other libraries call idleTimeout. */
const IDLE_TIMEOUT_NAMES = "socketTimeout inactivityTimeout keepAliveTimeout bodyTimeout";

/** Options of TCP connections. */
const STREAM = {
  keepAliveCount: "keepAliveProbes TCP_KEEPCNT",
  keepAliveDelay: "keepAlive keepAliveInitialDelay keepAliveMsecs SO_KEEPALIVE TCP_KEEPIDLE",
  keepAliveInterval: "TCP_KEEPINTVL",
  typeOfService: "tos dscp trafficClass IP_TOS",
  userTimeout: "tcpUserTimeout TCP_USER_TIMEOUT",
  noDelay: "tcpNoDelay setNoDelay TCP_NODELAY",
  idleTimeout: IDLE_TIMEOUT_NAMES,
};

/** Options of the constructor of TCPSocket, and of connect(). */
const CLIENT = {
  ...COMMON,
  ...BUFFER_NAMES,
  ...STREAM,
  connectTimeout: "timeout connectionTimeout connTimeout handshakeTimeout",
};

/** Options of a server and of a UDPSocket. */
const LISTENING = {
  ...COMMON,
  localAddress: `${COMMON.localAddress} host hostname address addr ip`,
  localPort: "port",
};

/** What a Unix socket has no option for, since it has neither addresses nor ports. */
const NO_ADDRESS = { "a path (a Unix socket has no address and no port)": "host hostname address addr ip port localAddress localPort" };

/** What other libraries call a server's handshakeTimeout. */
const HANDSHAKE_TIMEOUT_NAMES = "timeout connectTimeout";

/** What other libraries call a server's backlog. */
const BACKLOG = "maxBacklog listenBacklog";

/**
 * For each kind: the names that other libraries use, by the option of ours that takes their place. Where we have no such option, the key is
 * a text that says what to use.
 *
 * @type {Record<OptionsKind, Record<string, string>>}
 */
const FOREIGN_NAMES = {
  client: {
    ...CLIENT,
    "the constructor's first argument": "host hostname address addr ip remoteAddress remoteHost",
    "the constructor's second argument": "port remotePort",
    "connect(), which takes that option": "lookup dnsQueryType attemptDelay autoSelectFamilyAttemptTimeout",
    "connect(), which tries both families": "family autoSelectFamily",
  },
  connect: {
    ...CLIENT,
    attemptDelay: "autoSelectFamilyAttemptTimeout happyEyeballsDelay",
    "connect()'s first argument": "host hostname address addr ip remoteAddress remoteHost",
    "connect()'s second argument": "port remotePort",
    "dnsQueryType (connect() tries both families without it)": "family autoSelectFamily",
  },
  server: {
    ...LISTENING,
    ...STREAM,
    backlog: BACKLOG,
    handshakeTimeout: HANDSHAKE_TIMEOUT_NAMES,
    "reusePort (without it no other socket gets the port)": "exclusive",
    "reusePort (a port in TIME_WAIT is free without it)": "reuseAddr reuseAddress SO_REUSEADDR",
  },
  udp: {
    ...LISTENING,
    ...BUFFER_NAMES,
    addressReuse: "reuseAddr reuseAddress exclusive multicastAllowAddressSharing SO_REUSEADDR",
    connected: "connect",
    "localAddress or remoteAddress, which have a family": "type family dnsQueryType",
    loopback: "multicastLoopback multicastLoop setMulticastLoopback",
    multicastTimeToLive: "multicastTTL",
    networkInterface: "interface interfaceName device bindToDevice bindDevice SO_BINDTODEVICE",
    packetInfo: "pktinfo recvPktInfo receivePacketInfo IP_PKTINFO",
    remoteAddress: "remoteHost remoteHostname remoteAddr",
    timeToLive: "ttl hopLimit",
    typeOfService: STREAM.typeOfService,
  },
  unix: {
    ...BUFFER_NAMES,
    idleTimeout: IDLE_TIMEOUT_NAMES,
    connectTimeout: CLIENT.connectTimeout,
    highWaterMark: COMMON.highWaterMark,
    signal: COMMON.signal,
    "the constructor's first argument": "path remotePath socketPath remoteAddress remotePort",
    ...NO_ADDRESS,
  },
  unixServer: {
    backlog: BACKLOG,
    idleTimeout: IDLE_TIMEOUT_NAMES,
    handshakeTimeout: HANDSHAKE_TIMEOUT_NAMES,
    highWaterMark: COMMON.highWaterMark,
    mode: "readableAll writableAll chmod permissions permission fileMode umask",
    path: "socketPath localPath file filename",
    signal: COMMON.signal,
    ...NO_ADDRESS,
  },
};

/** The tables that foreign() has made. @type {Map<OptionsKind, ReadonlyMap<string, string>>} */
const tables = new Map();

/**
 * Returns the table for options of one kind. It maps the name that another library uses, in lower case, to what to use here. The table is
 * made at the first call.
 *
 * @param {OptionsKind} kind
 */
function foreign(kind) {
  let table = tables.get(kind);
  if (table === undefined) {
    table = new Map(Object.entries(FOREIGN_NAMES[kind]).flatMap(([ours, others]) => names(others, ours)));
    tables.set(kind, table);
  }
  return table;
}

/**
 * Makes the entries of a Map: one for each name of a list, in lower case, all with the same value.
 *
 * @param {string} list names, with spaces between them
 * @param {string} value
 * @returns {[string, string][]}
 */
function names(list, value) {
  return list.split(" ").map((name) => [name.toLowerCase(), value]);
}

module.exports = { FOREIGN_NAMES, foreign, lacking, switches, tls };
