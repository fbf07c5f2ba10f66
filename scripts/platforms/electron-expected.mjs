// What fails in Electron 25, and why.

const NODE_18 = "Electron 25 has Node 18, and the test uses what Node 20 brought";
const BORINGSSL = "the test's own node:tls is made with BoringSSL there, which lacks this";
const MALLOC = "Electron's malloc() is Chromium's";
const ADDRESS_SPACE = "V8's sandbox reserves a terabyte of address space, so the test cannot limit it";

/** @type {import("./suite.mjs").Expected[]} */
export const EXPECTED = [
  // AbortSignal.any(), and an abort that other listeners cannot stop.
  { test: /by AbortSignal\.timeout\(\) and AbortSignal\.any\(\) is reset as well/, cause: NODE_18 },
  { test: /an abort ends them before any listener of the signal that was added later runs/, cause: NODE_18 },
  { test: /what is no signal, and what is no listener, is refused or ignored/, cause: NODE_18 },
  { test: /what another listener of the signal does to the abort event keeps no socket from it/, cause: NODE_18 },
  // fs.openAsBlob(), and a File without a warning.
  { test: /a Blob on a file is sent|(what was sent before )?a Blob that cannot be read|a File and a slice of a Blob/, cause: NODE_18 },
  // URL.canParse().
  { test: /load-balancer\.js/, cause: NODE_18 },
  // An event's currentTarget after its dispatch.
  { test: /is dispatched once, with currentTarget and phase back at rest afterwards/, cause: NODE_18 },
  // readdir() of a whole tree.
  { test: /docs\/tls\.md has every code that the sources make/, cause: NODE_18 },
  // Its loader of modules keeps resources of its own.
  { test: /opens no descriptor, starts no thread and registers no active resource/, cause: NODE_18 },
  // Its libuv fills abstract names up with zeros, and says nothing about its own.
  { test: /node:net and we meet where its libuv uses a name as it is/, cause: NODE_18 },
  { test: /ed25519 key/, cause: BORINGSSL },
  { test: /a server of TLS 1\.1 is refused, and not silently met/, cause: BORINGSSL },
  { test: /R-tls-verify: short RSA keys/, cause: BORINGSSL },
  { test: /a server takes it whatever the client likes best, and another where the client has only that/, cause: BORINGSSL },
  { test: /TCP_UDP_SOCKETS_HEAP=off leaves malloc\(\) as it is/, cause: MALLOC },
  { test: /lifecycle\/no-memory\.test\.js: /, cause: ADDRESS_SPACE },
];
