"use strict";

// The names by which other libraries (node:tls, node:net, node:dgram, Bun, Deno, undici, ws, Direct Sockets and their like) call what
// our options are, for R-unknown. Names are compared in lower case.

/** Whose options they are. @typedef {"client" | "connect" | "server" | "udp"} Kind */

/** Members of SecureTransportOptions, each with others' names for it. */
const TLS_MEMBERS = {
  alpn: "alpnProtocols ALPNProtocol NPNProtocols",
  ca: "caCert caCerts caCertificate caCertificates caFile caPath certificateAuthority rootCerts rootCertificates",
  cert: "certs certFile certPath certChain certChainFile certificate certificates certificateChain clientCert clientCertificate",
  key: "keyFile keyPath privateKey privateKeyFile clientKey",
  keyLog: "keylogFile",
  minVersion: "secureProtocol secureOptions minTLSVersion tlsMinVersion minProtocolVersion",
  pinnedCertificates: "pins pinnedCertificate fingerprint fingerprint256 serverCertificateHashes",
  rejectUnauthorized:
    "insecure skipVerify insecureSkipVerify strictSSL verifyPeer unsafelyIgnoreCertificateErrors unsafelyDisableHostnameVerification " +
    "allowPartialTrustChain",
  requestCert: "requestCertificate clientAuth",
  serverCertificates: "SNICallback certificateFor sniCertificates",
  sni: "serverName tlsServerName hostnameVerification verifyHostname",
};

/** Names that ask for TLS, or carry its options, as a whole. */
const TLS_AS_A_WHOLE =
  "tls ssl secure https starttls startTLS requireTLS useTLS useSSL enableTLS enableSSL secureTransport useSecureTransport secureConnection " +
  "secureContext tlsOptions sslOptions tlsConfig requestTls proxyTls secureConnect isServer";

/** Names of what there is not, and what is to be done instead. */
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

/** `false` for these asks for no TLS, which is what there is (R-unknown). */
const switches = new Set(["tls", "ssl", "secure"]);

/** What there is not, and what is to be done instead. @type {ReadonlyMap<string, string>} */
const lacking = new Map(TLS_LACKS.flatMap(([others, advice]) => names(others, advice)));

/**
 * What belongs to TLS, and where it is to be given.
 *
 * @type {ReadonlyMap<string, string>}
 */
const tls = new Map([
  ...Object.entries(TLS_MEMBERS).flatMap(([ours, others]) => names(`${ours} ${others}`, `use secureTransport.${ours}`)),
  ...names(TLS_AS_A_WHOLE, 'TLS is asked for by secureTransport: "on", or an object with its options'),
  ...lacking,
]);

const COMMON = {
  highWaterMark: "readableHighWaterMark writableHighWaterMark hwm",
  localAddress: "localAddr localHost localHostname bindAddress bindAddr bindHost",
  signal: "abortSignal",
};

/** Not of a server: there the system's own sizes apply. */
const BUFFERS = {
  receiveBufferSize: "recvBufferSize recvBuffer receiveBuffer rcvbuf SO_RCVBUF",
  sendBufferSize: "sendBuffer sndbuf SO_SNDBUF",
};

const STREAM = {
  keepAliveDelay: "keepAlive keepAliveInitialDelay keepAliveMsecs SO_KEEPALIVE",
  noDelay: "tcpNoDelay setNoDelay TCP_NODELAY",
};

const CLIENT = {
  ...COMMON,
  ...BUFFERS,
  ...STREAM,
  connectTimeout: "timeout connectionTimeout connTimeout handshakeTimeout",
};

const LISTENING = {
  ...COMMON,
  localAddress: `${COMMON.localAddress} host hostname address addr ip`,
  localPort: "port",
};

/** By kind: options of ours, or what stands for them, each with others' names for it. @type {Record<Kind, Record<string, string>>} */
const NAMES = {
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
    backlog: "maxBacklog listenBacklog",
    handshakeTimeout: "timeout connectTimeout",
    "reusePort (without it no other socket gets the port)": "exclusive",
    "reusePort (a port in TIME_WAIT is free without it)": "reuseAddr reuseAddress SO_REUSEADDR",
  },
  udp: {
    ...LISTENING,
    ...BUFFERS,
    addressReuse: "reuseAddr reuseAddress exclusive multicastAllowAddressSharing SO_REUSEADDR",
    "localAddress or remoteAddress, which have a family": "type family dnsQueryType",
    loopback: "multicastLoopback multicastLoop setMulticastLoopback",
    multicastTimeToLive: "multicastTTL",
    remoteAddress: "remoteHost remoteHostname remoteAddr",
    timeToLive: "ttl hopLimit",
  },
};

/** @type {Map<Kind, ReadonlyMap<string, string>>} */
const tables = new Map();

/**
 * Others' names for options of one kind, and what to use. The table is made when it is first asked for.
 *
 * @param {Kind} kind
 */
function foreign(kind) {
  let table = tables.get(kind);
  if (table === undefined) {
    table = new Map(Object.entries(NAMES[kind]).flatMap(([ours, others]) => names(others, ours)));
    tables.set(kind, table);
  }
  return table;
}

/**
 * @param {string} list
 * @param {string} value
 * @returns {[string, string][]}
 */
function names(list, value) {
  return list.split(" ").map((name) => [name.toLowerCase(), value]);
}

module.exports = { NAMES, foreign, lacking, switches, tls };
