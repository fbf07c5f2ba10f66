// The place where blocks run: a folder with the package, installed as npm would. Each scene gets a folder with the files that the
// pages name. If the system permits it, each scene gets a network of its own, where every address, port and name is free.

import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, linkSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { root } from "../build.mjs";
import { HOSTS } from "./peers.mjs";

const require = createRequire(import.meta.url);
/** @type {typeof import("../../__test__/helpers/certificates.js")} */
const { authority, selfSigned } = require("../../__test__/helpers/certificates.js");

/** Bytes of movie.mkv: several times as much as a socket and the system buffer. */
const MOVIE = 8 << 20;

/** An echo server that runs in each runtime, whether a .js file is CommonJS or an ES module there. */
const SERVER = `
new TCPServerSocket({ localPort: 6789 }).onconnect = ({ connectedSocket }) => {
  connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
};
`;

/** A TLS client that logs its secrets. */
const APP = `const { TCPSocket } = require("tcp-udp-sockets");
const socket = new TCPSocket("192.0.2.10", 443, { secureTransport: { sni: "example.com", keyLog: true } });
socket.onopen = () => socket.close();
`;

/** The addresses that the loopback interface has by itself. */
const isLoopback = (/** @type {string} */ host) => host === "127.0.0.1" || host === "localhost";

/** Shell lines that set up a network namespace, which vanishes with its last process. `$1` is the file with the names. */
const SETUP = `
ip link set lo up
for address in ${Object.values(HOSTS).flat().filter((address) => address.startsWith("192.")).join(" ")}; do ip addr add $address/32 dev lo; done
ip route add 239.0.0.0/8 dev lo
mount --bind "$1" /etc/hosts
shift
exec "$@"`;

/** The options with which unshare makes a network namespace; undefined if this system, or this user, cannot make one. */
const unshare = findUnshare();

function findUnshare() {
  if (process.platform !== "linux") return undefined;
  const ways = process.getuid?.() === 0 ? [["-n", "-m"]] : [["-r", "-n", "-m"]];
  return ways.find((way) => spawnSync("unshare", [...way, "sh", "-e", "-c", SETUP, "sh", "/etc/hosts", "true"]).status === 0);
}

/** @typedef {import("./blocks.mjs").Block} Block */

/** Why these blocks cannot run on this machine; undefined if they can. @param {Block[]} blocks */
export function obstacle(blocks) {
  if (process.platform === "win32" && blocks.some(({ language }) => language === "sh")) return "needs a POSIX shell";
  for (const program of blocks.flatMap(({ run }) => run.needs)) {
    const [, major] = /^node (\d+)$/.exec(program) ?? [];
    if (major !== undefined) {
      if (Number(process.versions.node.split(".")[0]) < Number(major)) return `needs Node ${major}, and this is ${process.versions.node}`;
    } else if (program !== "namespace" && spawnSync(program, ["--version"]).error !== undefined) {
      return `needs ${program}, which is not installed`;
    }
  }
  if (unshare !== undefined) return undefined;
  const beyond = blocks.flatMap(({ run }) => [...run.peers, ...run.clients.map((client) => ({ host: "localhost", ...client }))]);
  const isNeeded = beyond.some(({ host, port }) => !isLoopback(host) || port < 1024) || blocks.some(({ run }) => run.needs.includes("namespace"));
  return isNeeded ? "needs a network of its own: Linux, unshare and ip, as root or with user namespaces" : undefined;
}

/** How many scenes may run at once. Without namespaces all scenes share the ports, so only one may run. */
export const concurrency = unshare === undefined ? 1 : 3;

/** Makes the place for one run of the checker. close() removes it. */
export function makePlace() {
  const folder = mkdtempSync(path.join(os.tmpdir(), "docs-"));
  installPackage(path.join(folder, "node_modules"));
  const shared = path.join(folder, "files");
  const movie = path.join(folder, "movie.mkv");
  mkdirSync(shared);
  writeFileSync(movie, Buffer.alloc(MOVIE, "a frame of a film, "));
  for (const [name, data] of Object.entries(files())) writeFileSync(path.join(shared, name), data);
  const names = Object.entries(HOSTS).flatMap(([name, addresses]) => addresses.map((address) => `${address} ${name}\n`));
  writeFileSync(path.join(folder, "hosts"), names.join(""));
  let scenes = 0;
  return {
    folder,
    /** Makes a folder for a scene, with its own files. */
    scene() {
      const its = path.join(folder, `scene-${++scenes}`);
      cpSync(shared, its, { recursive: true });
      linkSync(movie, path.join(its, "movie.mkv"));
      symlinkSync(path.join(folder, "node_modules"), path.join(its, "node_modules"), "junction");
      symlinkSync(path.join(root, "examples"), path.join(its, "examples"), "junction");
      return its;
    },
    /** Changes a command so that it runs in a network of its own, if that is possible. @param {string[]} command */
    command: (command) =>
      unshare === undefined ? command : ["unshare", ...unshare, "sh", "-e", "-c", SETUP, "sh", path.join(folder, "hosts"), ...command],
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Installs the package and this platform's package, as they are published. @param {string} modules */
function installPackage(modules) {
  const own = path.join(modules, "tcp-udp-sockets");
  mkdirSync(own, { recursive: true });
  const { files: published } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const whole = published.filter((/** @type {string} */ name) => !name.includes("*"));
  for (const name of ["package.json", ...whole]) cpSync(path.join(root, name), path.join(own, name), { recursive: true });
  for (const binary of readdirSync(root).filter((name) => /^tcp-udp-sockets\..*\.node$/.test(name))) {
    const target = binary.split(".")[1];
    const platform = path.join(modules, "@tcp-udp-sockets", target);
    cpSync(path.join(root, "npm", target), platform, { recursive: true });
    copyFileSync(path.join(root, binary), path.join(platform, binary));
  }
}

/** The files that pages name, except those that their commands make. @returns {Record<string, string>} */
function files() {
  const { ca, server, issue } = authority();
  const pairs = {
    server,
    mail: issue({ dns: ["mail.example.com"] }),
    "example.com": issue({ dns: ["example.com"] }),
    wildcard: issue({ dns: ["*.example.com"] }),
    renewed: selfSigned(),
  };
  const own = selfSigned();
  return {
    "ca.pem": ca.cert,
    "cert.pem": own.cert,
    "key.pem": own.key,
    ...Object.fromEntries(Object.entries(pairs).flatMap(([name, { cert, key }]) => [[`${name}.pem`, cert], [`${name}.key`, key]])),
    "server.js": `const { TCPServerSocket } = require("tcp-udp-sockets");${SERVER}`,
    "server.mjs": `import { TCPServerSocket } from "tcp-udp-sockets";${SERVER}`,
    "app.js": APP,
  };
}
