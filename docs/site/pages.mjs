// The pages of the documentation site: which source each comes from, and where it stands in the navigation. It is data, and needs no
// package. A test compares it with the files of docs/ and the headings of docs/api.md (__test__/docs/site.test.js).

/**
 * A page: the whole source, or these sections of it (headings of level 2 or 3, with all below them).
 *
 * @typedef {{ page: string, title: string, source: string, sections?: string[] }} Page
 */

/** The sections of README.md that the home page shows, below what comes before the first section. */
export const HOME = ["Install", "Performance"];

/** The sections of README.md that no page shows, because the navigation has the same. */
export const LEFT_OUT = ["More"];

/** The groups of the navigation, in order. @type {{ title: string, pages: Page[] }[]} */
export const GROUPS = [
  {
    title: "Guide",
    pages: [
      { page: "overview", title: "The interfaces at a glance", source: "README.md", sections: ["API at a glance"] },
      { page: "streams", title: "Promises, streams, loops", source: "README.md", sections: ["Promises, streams, loops"] },
      {
        page: "behaviour",
        title: "Back-pressure and errors",
        source: "README.md",
        sections: ["Back-pressure", "TLS", "Unix sockets", "Errors", "What it does not do"],
      },
      { page: "recipes", title: "Recipes", source: "docs/recipes.md" },
      { page: "tls", title: "TLS", source: "docs/tls.md" },
      { page: "unix-sockets", title: "Unix sockets", source: "docs/unix-sockets.md" },
      { page: "agents", title: "Agents for HTTP", source: "docs/agents.md" },
      { page: "states", title: "States of a socket", source: "docs/states.md" },
      { page: "troubleshooting", title: "Troubleshooting", source: "docs/troubleshooting.md" },
    ],
  },
  {
    title: "Coming from",
    pages: [
      { page: "compared", title: "At a glance", source: "README.md", sections: ["Compared with node:net and node:dgram"] },
      { page: "from-node-net", title: "node:net", source: "docs/from-node-net.md" },
      { page: "from-node-dgram", title: "node:dgram", source: "docs/from-node-dgram.md" },
      { page: "from-node-tls", title: "node:tls", source: "docs/from-node-tls.md" },
      { page: "from-bun", title: "Bun", source: "docs/from-bun.md" },
      { page: "from-deno", title: "Deno", source: "docs/from-deno.md" },
      { page: "from-workers", title: "Cloudflare Workers", source: "docs/from-workers.md" },
    ],
  },
  {
    title: "API by topic",
    pages: [
      api("tcp", "TCP connections", ["TCPSocket", "TCPOptions", "TCPLiveOptions", "TCPStats", "TCPMessageEvent", "TCPSocketOpenInfo"]),
      api("connect", "Connecting by host name", ["connect()", "ConnectOptions"]),
      api("tcp-servers", "TCP servers", [
        "TCPServerSocket", "TCPServerOptions", "TCPServerLiveOptions", "ShutdownOptions", "ConnectEvent", "TCPServerSocketOpenInfo",
      ]),
      api("udp", "UDP and multicast", [
        "UDPSocket", "UDPOptions", "UDPLiveOptions", "UDPSendOptions", "MulticastOptions", "UDPMessageEvent", "UDPMessage", "UDPMessageInit",
        "UDPSocketOpenInfo",
      ]),
      api("tls", "TLS", [
        "SecureTransportOptions", "SecureTransportInfo", "SecureTransportKind", "SecureTransportVersion", "PEMOrDER", "ServerCertificate",
        "CertificateCallback",
      ]),
      api("reading", "Reading: reader and framing", ["TCPReader", "ReadOptions", "ReadUntilOptions", "FramingOptions"]),
      api("relay", "Joining two connections", ["relay()", "RelayResult", "RelayError"]),
      api("unix", "Unix sockets", [
        "UnixSocket", "UnixServerSocket", "UnixOptions", "UnixLiveOptions", "UnixServerOptions", "UnixServerLiveOptions", "PeerCredentials",
        "UnixConnectEvent", "UnixSocketOpenInfo", "UnixServerSocketOpenInfo",
      ]),
      api("events", "Events, errors and states", [
        "once()", "OnceOptions", "ReadyState", "SocketError", "ErrorEvent", "SocketEventListener", "SocketListenerOptions", "SendData", "Port",
      ]),
      api("features", "What this system can do", ["features", "Features"]),
      api("agent", "tcp-udp-sockets/agent", ["tcp-udp-sockets/agent"]),
      api("testing", "tcp-udp-sockets/testing", ["tcp-udp-sockets/testing"]),
    ],
  },
  {
    title: "In production",
    pages: [
      { page: "runtimes", title: "Runtimes", source: "docs/runtimes.md" },
      { page: "platforms", title: "Platforms", source: "docs/platforms.md" },
      { page: "diagnostics", title: "Diagnostics", source: "docs/diagnostics.md" },
      { page: "performance", title: "Performance", source: "docs/performance.md" },
      { page: "changelog", title: "Changes", source: "CHANGELOG.md" },
    ],
  },
  {
    title: "How it works",
    pages: [
      { page: "draft", title: "The draft and the rulings", source: "README.md", sections: ["The draft and the rulings"] },
      { page: "conformance", title: "Conformance", source: "docs/conformance.md" },
      { page: "architecture", title: "Architecture", source: "docs/architecture.md" },
      { page: "binding", title: "The binding", source: "docs/binding.md" },
      { page: "reliability", title: "Reliability", source: "docs/reliability.md" },
      { page: "unsafe", title: "Unsafe code", source: "docs/unsafe.md" },
      { page: "security", title: "Security", source: "SECURITY.md" },
      { page: "contributing", title: "Contributing", source: "CONTRIBUTING.md" },
    ],
  },
];

/** A page of the API: sections of docs/api.md. @param {string} name @param {string} title @param {string[]} sections @returns {Page} */
function api(name, title, sections) {
  return { page: `api-${name}`, title, source: "docs/api.md", sections };
}

/** The page that begins with what docs/api.md says before its first section. */
export const API_INDEX = "api";

/** The sections of docs/api.md that only hold others. */
export const API_HOLDERS = ["Options and other types"];
