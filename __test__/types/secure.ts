// TLS, as users write it: compiles without an error under every tsconfig beside this file.

import { TCPServerSocket, TCPSocket } from "tcp-udp-sockets";
import type {
  CertificateCallback,
  PEMOrDER,
  SecureTransportInfo,
  SecureTransportKind,
  SecureTransportOptions,
  SecureTransportVersion,
  ServerCertificate,
} from "tcp-udp-sockets";
import { equal } from "./equal.js";

declare const file: Uint8Array;
declare const bytes: ArrayBuffer;
declare const view: DataView;

const pem: PEMOrDER[] = ["-----BEGIN CERTIFICATE-----", file, bytes, view, new Uint8Array(4)];
const certificate: ServerCertificate = { cert: [file, "…"], key: bytes };

const keeping: ServerCertificate = { ...certificate, ttl: 60_000 };
const answers = new Map([["a.test", keeping]]);
const callbacks: CertificateCallback[] = [
  (serverName) => answers.get(serverName),
  async (serverName) => (serverName === "a.test" ? { ...certificate, ttl: undefined } : null),
  () => null,
];

// Everything may be left out or undefined.
const all: SecureTransportOptions = {
  sni: "example.com",
  alpn: ["h2", "http/1.1"],
  ca: pem,
  cert: file,
  key: "-----BEGIN PRIVATE KEY-----",
  serverCertificates: { "example.com": certificate, "*.example.com": { cert: "…", key: "…" } },
  certificateFor: async (serverName) => answers.get(serverName) ?? null,
  rejectUnauthorized: true,
  requestCert: false,
  pinnedCertificates: ["00:11"],
  minVersion: "TLSv1.3",
  keyLog: false,
};
const none: SecureTransportOptions = {
  sni: undefined,
  alpn: undefined,
  ca: undefined,
  cert: undefined,
  key: undefined,
  serverCertificates: undefined,
  certificateFor: undefined,
  rejectUnauthorized: undefined,
  requestCert: undefined,
  pinnedCertificates: undefined,
  minVersion: undefined,
  keyLog: undefined,
};

new TCPSocket("127.0.0.1", 443, { useSecureTransport: true });
new TCPSocket("127.0.0.1", 443, { secureTransport: "on", connectTimeout: 5000 });
new TCPSocket("127.0.0.1", 443, { secureTransport: "starttls", connectTimeout: undefined });
new TCPSocket("127.0.0.1", 443, { secureTransport: all });
new TCPServerSocket({ secureTransport: none, handshakeTimeout: 0 });
new TCPServerSocket({ useSecureTransport: true, secureTransport: all, handshakeTimeout: undefined });

const kinds: SecureTransportKind[] = ["off", "on", "starttls"];
const versions: SecureTransportVersion[] = ["TLSv1.2", "TLSv1.3"];

export async function upgrade(socket: TCPSocket, server: TCPServerSocket): Promise<string> {
  equal<typeof socket.secureTransport, SecureTransportKind>(true);
  equal<typeof socket.secureTransportInfo, SecureTransportInfo | null>(true);
  const info = await socket.startTls({ sni: "mail.example.com" });
  await socket.startTls();
  equal<typeof info, SecureTransportInfo>(true);
  equal<typeof info.alpn, string | null>(true);
  equal<typeof info.group, string | null>(true);
  equal<typeof info.authorizationError, string | null>(true);
  equal<(typeof info.peerCertificates)[number], ArrayBuffer>(true);
  equal<ReturnType<typeof server.setSecureContext>, void>(true);
  server.setSecureContext({ cert: file, key: file });
  if (kinds.includes(socket.secureTransport) && versions.length > 0 && info.authorized && !info.resumed) {
    return `${info.protocol} ${info.cipher} ${info.sni ?? "-"}`;
  }
  // @ts-expect-error read-only
  socket.secureTransport = "on";
  // @ts-expect-error frozen
  info.alpn = "h2";
  // @ts-expect-error frozen
  info.group = "X25519";
  // @ts-expect-error no such version
  await socket.startTls({ minVersion: "TLSv1.1" });
  // @ts-expect-error a key is required beside a certificate
  server.setSecureContext({ serverCertificates: { "a.test": { cert: file } } });
  new TCPServerSocket({ secureTransport: { certificateFor: callbacks[0] } });
  // @ts-expect-error a key is required beside a certificate
  server.setSecureContext({ certificateFor: async () => ({ cert: file }) });
  // @ts-expect-error not a function
  server.setSecureContext({ certificateFor: certificate });
  // @ts-expect-error an option of TLS
  new TCPServerSocket({ certificateFor: callbacks[0] });
  // @ts-expect-error a list
  new TCPSocket("127.0.0.1", 443, { secureTransport: { alpn: "h2" } });
  // @ts-expect-error no such kind
  new TCPSocket("127.0.0.1", 443, { secureTransport: "yes" });
  // @ts-expect-error an option of servers only
  new TCPSocket("127.0.0.1", 443, { handshakeTimeout: 1 });
  // @ts-expect-error an option of clients only
  new TCPServerSocket({ connectTimeout: 1 });
  return "";
}
