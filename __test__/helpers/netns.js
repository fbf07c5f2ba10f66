"use strict";

const { spawn, spawnSync } = require("node:child_process");
const path = require("node:path");
const { setTimeout, clearTimeout } = require("node:timers");
const { defer } = require("./cleanup");
const { environment } = require("./environment");
const { showPanics } = require("./panics");

const ROOT = path.join(__dirname, "..", "..");

/** Why a test cannot have its own network namespace here; undefined if it can. */
const obstacle = (() => {
  if (process.platform !== "linux") {
    return "needs Linux";
  }
  const probe = spawnSync("unshare", ["-n", "-m", "sh", "-c", "ip link set lo up && ip link add p0 type veth peer name p1"]);
  return probe.status === 0 ? undefined : "needs root, unshare and ip";
})();

/** `test` if namespaces are possible here, else a skipped test whose name says why. */
function namespaceTest(name, body, timeout) {
  if (obstacle) {
    test.skip(`${name} (${obstacle})`, body);
  } else {
    test(name, body, timeout);
  }
}

/** The two ends of a link and their addresses. NEIGHBOUR does not exist unless a setup gives it a MAC address. */
const HERE = "198.51.100.1";
const NEIGHBOUR = "198.51.100.2";

/** Shell lines that set a namespace up. It vanishes with its process. */
const setups = {
  /** Only a loopback interface: every other address is unreachable. */
  loopback: "ip link set lo up",
  /** A link "v0" with HERE on it. Its other end "v1" is in the same namespace, and has no address. */
  link: `
    ip link set lo up
    ip link add v0 type veth peer name v1
    ip addr add ${HERE}/24 dev v0
    ip link set v1 arp off
    ip link set v0 up
    ip link set v1 up`,
  /** `link`, and a second link, "w0" and "w1". Both ends of each are in the same namespace, so that data arrives once. */
  get links() {
    return `${setups.link}
    ip link add w0 type veth peer name w1
    ip addr add 203.0.113.1/24 dev w0
    ip link set w0 up
    ip link set w1 up
    echo 1 > /proc/sys/net/ipv6/conf/v1/disable_ipv6
    echo 1 > /proc/sys/net/ipv6/conf/w1/disable_ipv6
    ip -6 addr add 2001:db8::1/64 dev v0 nodad
    ip -6 addr add 2001:db8::2/64 dev v0 nodad
    ip -6 addr add 2001:db8:1::1/64 dev w0 nodad`;
  },
  /**
   * After `link`: data for NEIGHBOUR waits in the kernel, and counts against the sender's buffer, until the kernel
   * gets NEIGHBOUR's MAC address: see `release()` in scripts.
   */
  silent: `
    echo 100000000 > /proc/sys/net/ipv4/neigh/v0/unres_qlen_bytes
    echo 3600 > /proc/sys/net/ipv4/neigh/v0/mcast_solicit`,
  /** After `silent`: NEIGHBOUR is the only name server, so look-ups of names outside /etc/hosts never end. */
  deaf: `
    t=$(mktemp -d)
    printf 'nameserver ${NEIGHBOUR}\noptions timeout:30 attempts:5\n' > $t/resolv.conf
    echo 'hosts: files dns' > $t/nsswitch.conf
    mount --bind $t/resolv.conf /etc/resolv.conf
    mount --bind $t/nsswitch.conf /etc/nsswitch.conf
    rm -r $t`,
};

/**
 * A setup line that replaces /etc/hosts with these names.
 *
 * @param {Record<string, string[]>} names
 */
function hosts(names) {
  const lines = Object.entries(names).flatMap(([name, addresses]) => addresses.map((address) => `${address} ${name}`));
  return `
    h=$(mktemp)
    printf '%s\n' ${lines.map((line) => `'${line}'`).join(" ")} > $h
    mount --bind $h /etc/hosts
    rm $h`;
}

/** The names that scripts may use without requiring them. */
const PRELUDE = `"use strict";
const { UDPSocket, TCPSocket, TCPServerSocket, connect } = require(${JSON.stringify(ROOT)});
const net = require("node:net");
const dgram = require("node:dgram");
const { execFileSync } = require("node:child_process");
const { once, record, turn, sleep, settle, eventually } = require(${JSON.stringify(path.join(__dirname, "events"))});
const HERE = "${HERE}";
const NEIGHBOUR = "${NEIGHBOUR}";
/** Gives the kernel NEIGHBOUR's MAC address: data that waited for it leaves. */
function release() {
  execFileSync("ip", ["neigh", "replace", NEIGHBOUR, "lladdr", "02:00:00:00:00:02", "dev", "v0", "nud", "permanent"]);
}
/** The error as plain data for JSON. */
function plain(error) {
  const { name, code, syscall, address, port, message } = error;
  return { name, code, syscall, address, port, message, isDOMException: error instanceof DOMException };
}
const { report } = require(${JSON.stringify(path.join(__dirname, "report"))});
`;

/**
 * Runs a script in its own network namespace. It must exit with 0 within its time. Returns the value that it report()s.
 *
 * @param {string} script source text; it may await
 * @param {object} [how]
 * @param {string} [how.setup] shell lines that run first: `setups.…`
 * @param {number} [how.timeout] ms
 */
function inNamespace(script, { setup = setups.loopback, timeout = 8000 } = {}) {
  const source = `${PRELUDE}(async () => {${script}\n})().catch((error) => { console.error(error); process.exit(70); });`;
  // It also has its own mounts, because a setup may replace a file of /etc.
  const child = spawn("unshare", ["-n", "-m", "sh", "-e", "-c", `${setup}\nexec "$@"`, "sh", process.execPath, "-e", source], {
    cwd: ROOT,
    env: environment(),
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "", reported: "" };
  for (const [name, stream] of Object.entries({ stdout: child.stdout, stderr: child.stderr, reported: child.stdio[3] })) {
    stream.setEncoding("utf8");
    stream.on("data", (chunk) => {
      output[name] += chunk;
    });
  }
  const done = new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), timeout);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      showPanics(output.stderr);
      if (code !== 0) {
        reject(new Error(`the script in a namespace ended with ${signal ?? code}:\n${output.stdout}\n${output.stderr}`));
      } else {
        resolve(JSON.parse(output.reported));
      }
    });
  });
  defer(async () => {
    child.kill("SIGKILL");
    await done.catch(() => {});
  });
  return done;
}

module.exports = { namespaceTest, inNamespace, setups, hosts, HERE, NEIGHBOUR };
