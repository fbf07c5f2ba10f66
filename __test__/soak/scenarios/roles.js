"use strict";

const { fork } = require("node:child_process");
const { setInterval, clearInterval, setTimeout } = require("node:timers");
const { report } = require("../../helpers/report");

/**
 * A scenario is a file with roles, each an async function in a process of its own. The main role is started by the test
 * with its parameters as JSON, and reports its result; it forks the others.
 *
 *   play({ async main(parameters) { … return result; }, async peer(parameters, parent) { … } });
 */
function play(roles) {
  const [role = "main", json = "{}"] = process.argv.slice(process.argv[1]?.endsWith(".js") ? 2 : 1);
  const parameters = JSON.parse(json);
  const parent = process.send ? channel(process) : undefined;
  roles[role](parameters, parent)
    .then((result) => {
      if (role === "main") {
        report(result);
      }
    })
    .catch((error) => {
      console.error(`${role}:`, error);
      process.exit(70);
    });
}

/** Messages from another process by type: `{ type: "ready", … }`, none lost. */
function channel(other) {
  const waiting = new Map();
  const arrived = new Map();
  other.on("message", (message) => {
    const take = waiting.get(message.type);
    if (take) {
      waiting.delete(message.type);
      take(message);
    } else {
      arrived.set(message.type, message);
    }
  });
  return {
    tell: (type, rest) => other.send({ type, ...rest }),
    hear: (type) =>
      new Promise((resolve) => {
        if (arrived.has(type)) {
          resolve(arrived.get(type));
          arrived.delete(type);
        } else {
          waiting.set(type, resolve);
        }
      }),
    close: () => other.connected && other.disconnect(),
  };
}

/**
 * Start another role of the scenario. It dies with this process; when it fails, so does this process.
 *
 * @param {string} file the scenario's
 */
function company(file, role, parameters) {
  const child = fork(file, [role, JSON.stringify(parameters)]);
  child.once("exit", (code, signal) => {
    if (code !== 0) {
      console.error(`${role} ended with ${signal ?? code}`);
      process.exit(71);
    }
  });
  process.once("exit", () => child.kill("SIGKILL"));
  return channel(child);
}

/** Watch this process's resident memory: `stop()` tells by how many bytes it grew at most since the start. */
function watchMemory() {
  const start = process.memoryUsage.rss();
  let peak = start;
  const look = () => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 20);
  timer.unref();
  return {
    look,
    stop() {
      clearInterval(timer);
      look();
      return peak - start;
    },
  };
}

const sleep = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** The next event of a type at an EventTarget or EventEmitter. */
function next(target, type) {
  return new Promise((resolve) => {
    if (typeof target.addEventListener === "function") {
      target.addEventListener(type, resolve, { once: true });
    } else {
      target.once(type, resolve);
    }
  });
}

module.exports = { play, company, watchMemory, sleep, next };
