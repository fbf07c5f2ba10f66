"use strict";

// The options that the kernel has for a socket of this process, plain or TLS. Perl asks for them: Node has no getsockopt(2), and every Debian
// has Perl. The descriptor is found by the socket's ports.

const { execFileSync, spawnSync } = require("node:child_process");
const fs = require("node:fs");

/** Why options cannot be read here; undefined if they can. */
const obstacle =
  process.platform === "linux" && spawnSync("perl", ["-e", "use Socket; 1"]).status === 0 ? undefined : "needs Linux and Perl";

/** `test` where options can be read, else a skipped test whose name says why. */
function kernelTest(name, body, timeout) {
  if (obstacle) {
    test.skip(`${name} (${obstacle})`, body);
  } else {
    test(name, body, timeout);
  }
}

const [SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_IPV6] = [1, 0, 6, 41];
const IPPROTO_UDP = 17;

/** Linux's numbers: the level and the option. */
const NUMBERS = {
  SO_BROADCAST: [SOL_SOCKET, 6],
  SO_BINDTOIFINDEX: [SOL_SOCKET, 62],
  SO_SNDBUF: [SOL_SOCKET, 7],
  SO_RCVBUF: [SOL_SOCKET, 8],
  SO_KEEPALIVE: [SOL_SOCKET, 9],
  TCP_NODELAY: [IPPROTO_TCP, 1],
  TCP_KEEPIDLE: [IPPROTO_TCP, 4],
  TCP_KEEPINTVL: [IPPROTO_TCP, 5],
  TCP_KEEPCNT: [IPPROTO_TCP, 6],
  TCP_USER_TIMEOUT: [IPPROTO_TCP, 18],
  IP_TOS: [IPPROTO_IP, 1],
  IP_TTL: [IPPROTO_IP, 2],
  IP_PKTINFO: [IPPROTO_IP, 8],
  IP_RECVTOS: [IPPROTO_IP, 13],
  IP_MULTICAST_IF: [IPPROTO_IP, 32],
  IP_MULTICAST_TTL: [IPPROTO_IP, 33],
  IP_MULTICAST_LOOP: [IPPROTO_IP, 34],
  IPV6_UNICAST_HOPS: [IPPROTO_IPV6, 16],
  IPV6_MULTICAST_IF: [IPPROTO_IPV6, 17],
  IPV6_MULTICAST_HOPS: [IPPROTO_IPV6, 18],
  IPV6_MULTICAST_LOOP: [IPPROTO_IPV6, 19],
  IPV6_RECVPKTINFO: [IPPROTO_IPV6, 49],
  IPV6_RECVTCLASS: [IPPROTO_IPV6, 66],
  IPV6_TCLASS: [IPPROTO_IPV6, 67],
  UDP_GRO: [IPPROTO_UDP, 104],
};

/** Prints the value of each "level,option" in the arguments, for the socket at descriptor 3. An option of one byte counts as one of four. */
const ASK = `
  open(my $socket, "+<&=", 3) or die "open: $!";
  print join(",", map {
    my $packed = getsockopt($socket, (split /,/)[0], (split /,/)[1]);
    defined $packed or die "getsockopt $_: $!";
    unpack("l", $packed . "\\0\\0\\0");
  } @ARGV);`;

/**
 * Returns the value of each option, by its name in NUMBERS.
 *
 * @param {{ localPort: number, remotePort?: string | number | null }} socket
 * @param {string[]} names
 * @returns {Record<string, number>}
 */
function kernelOptions(socket, names) {
  const asked = names.map((name) => NUMBERS[name].join(","));
  const printed = execFileSync("perl", ["-e", ASK, "--", ...asked], { stdio: ["ignore", "pipe", "inherit", descriptorOf(socket)], encoding: "utf8" });
  return Object.fromEntries(printed.split(",").map((value, index) => [names[index], Number(value)]));
}

/** The descriptor of a socket of this process. */
function descriptorOf({ localPort, remotePort }) {
  const port = (number) => Number(number).toString(16).toUpperCase().padStart(4, "0");
  const inodes = ["tcp", "tcp6", "udp", "udp6"].flatMap((table) =>
    fs.readFileSync(`/proc/self/net/${table}`, "utf8").split("\n").slice(1).filter(Boolean).map((line) => line.trim().split(/\s+/))
      .filter(([, local, remote]) => local.endsWith(`:${port(localPort)}`) && (remotePort == null || remote.endsWith(`:${port(remotePort)}`)))
      .map((fields) => fields[9]));
  const found = fs.readdirSync("/proc/self/fd").filter((descriptor) => {
    try {
      return inodes.some((inode) => fs.readlinkSync(`/proc/self/fd/${descriptor}`) === `socket:[${inode}]`);
    } catch {
      return false;
    }
  });
  if (found.length !== 1) throw new Error(`${found.length} descriptors have local port ${localPort} and remote port ${remotePort}`);
  return Number(found[0]);
}

module.exports = { kernelOptions, kernelTest };
