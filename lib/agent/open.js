"use strict";

// Opens the connections of agents and connectors: by what connect() is made of (race.js), or as a UnixSocket. connect() itself would check
// again, for each connection, options that the agent has checked once.

const net = require("node:net");
const process = require("node:process");
const { observeConnect } = require("../diagnostics.js");
const { invalidAccess, networkError } = require("../errors.js");
const { parseHost } = require("../host.js");
const { binding } = require("../native.js");
const { requirePermission } = require("../permission.js");
const { Race } = require("../race.js");
const { cut, shown } = require("../shown.js");
const { recordOf: tcpRecordOf } = require("../tcp-socket.js");
const { UnixSocket, recordOf: unixRecordOf } = require("../unix-socket.js");
const { checkPort } = require("../webidl.js");
const { SocketStream } = require("./node-stream.js");
const { addressFilter, filters, queryType, toSettings } = require("./options.js");

/** @typedef {import("./options.js").OwnOptions} OwnOptions */
/** @typedef {import("./node-stream.js").SocketRecord} SocketRecord */
/** @typedef {InstanceType<typeof SocketStream>} Stream */

/** The beginning of the message of each exception. */
const WHERE = "connect()";

/** The hosts of the latest connections, parsed. @type {Map<string, import("../host.js").Host>} */
const hosts = new Map();
/** The most hosts that are kept. */
const MOST_HOSTS = 256;

/**
 * A stream that connects to where the options lead. As with net.connect(), it is returned at once, and emits `connect` or `error` later.
 *
 * @param {Record<string, any>} options those of net.connect()
 * @param {OwnOptions} own
 * @param {number} defaultPort
 * @returns {Stream | net.Socket}
 */
function openStream(options, own, defaultPort) {
  const path = options.path || options.socketPath;
  const stream = path ? openPath(path, options, own) : openHost(options, own, defaultPort);
  if (options.timeout) {
    stream.setTimeout(options.timeout);
  }
  return stream;
}

/**
 * @param {Record<string, any>} options
 * @param {OwnOptions} own
 * @param {number} defaultPort
 */
function openHost(options, own, defaultPort) {
  const host = String(options.host || options.hostname || "localhost");
  const port = Number(options.port || defaultPort);
  const settings = toSettings(options, own);
  return new SocketStream(
    (stream, report) => {
      requirePermission(WHERE);
      checkPort(port, 1, `${WHERE}: port`);
      const target = parsed(host);
      const { localAddress } = settings;
      const name = target.address === undefined ? host : null;
      const settled = {
        /** @param {any} socket */
        resolve: (socket) => report.opened(socket, /** @type {SocketRecord} */ (tcpRecordOf(socket))),
        reject: report.refused,
      };
      const { settle, begin } = observeConnect({ host: target.text, port }, settled);
      const race = new Race(
        target,
        port,
        {
          allowAddress: addressFilter(own, (address) => stream.attempted(name, address, port)),
          attemptDelay: own.attemptDelay,
          connectTimeout: own.connectTimeout,
          dnsQueryType: own.dnsQueryType ?? queryType(options),
          family: localAddress === undefined ? undefined : familyOf(localAddress),
          kind: "off",
          lookup: own.lookup,
          secure: undefined,
          settings,
          signal: undefined,
          trace: null,
        },
        settle,
      );
      begin(() => race.start(target.address));
      return {
        abort: () => race.abort(networkError("the stream was destroyed", { code: "ECONNABORTED" })),
        reference: (/** @type {boolean} */ isReferenced) => race.reference(isReferenced),
      };
    },
    toStreamOptions(options, { keepAliveDelay: settings.keepAliveDelay ?? 0, noDelay: settings.noDelay }),
  );
}

/** The host, parsed; throws if it is none. @param {string} host */
function parsed(host) {
  let target = hosts.get(host);
  if (target === undefined) {
    target = parseHost(host, WHERE);
    hosts.set(host, target);
    if (hosts.size > MOST_HOSTS) {
      const [oldest] = hosts.keys();
      hosts.delete(oldest);
    }
  }
  return target;
}

/** The family of localAddress. @param {string} localAddress */
function familyOf(localAddress) {
  const answer = binding.parseAddress(localAddress);
  if (!("address" in answer && "family" in answer)) {
    throw invalidAccess(`${WHERE}: options.localAddress ${shown(localAddress)} is no address: ${answer.reason}`);
  }
  return answer.family;
}

/**
 * @param {string} path
 * @param {Record<string, any>} options
 * @param {OwnOptions} own
 */
function openPath(path, options, own) {
  if (filters(own)) {
    return new SocketStream(() => {
      // A path has no address that a filter could judge, and what listens there is on this host.
      throw networkError(`cannot connect to ${cut(String(path))}: the agent filters addresses, and a path has none`, {
        code: "ERR_ADDRESS_BLOCKED",
        address: String(path),
      });
    }, toStreamOptions(options));
  }
  if (process.platform === "win32") {
    // A named pipe.
    return net.connect({ path, ...toStreamOptions(options) });
  }
  return new SocketStream((_stream, report) => {
    const socket = /** @type {any} */ (new UnixSocket(path, { connectTimeout: own.connectTimeout }));
    const controller = new AbortController();
    const { signal } = controller;
    const opened = () => {
      controller.abort();
      report.opened(socket, /** @type {SocketRecord} */ (unixRecordOf(socket)));
    };
    socket.addEventListener("open", opened, { signal });
    socket.addEventListener("error", (/** @type {any} */ { error }) => report.refused(error), { signal });
    return {
      abort: () => socket.close(),
      reference: (/** @type {boolean} */ isReferenced) => (isReferenced ? socket.ref() : socket.unref()),
    };
  }, toStreamOptions(options));
}

/**
 * @param {Record<string, any>} options
 * @param {Record<string, unknown>} [settings]
 */
function toStreamOptions({ allowHalfOpen, highWaterMark }, settings = undefined) {
  return { allowHalfOpen: Boolean(allowHalfOpen), highWaterMark: highWaterMark ?? undefined, settings };
}

module.exports = { openStream };
