"use strict";

// Agents on hosts whose network is broken, and against names that lie (R-agent, R-connect). Each test has a network of its own.

const path = require("node:path");
const { HERE, hosts, inNamespace, namespaceTest, setups } = require("../helpers/netns");
const { clientTest, entry, folder, obstacle } = require("./clients");

jest.setTimeout(60_000);

/**
 * IPv6 leads nowhere: its packets leave by v0, to a neighbour that does not exist. The system gives up after about three seconds. glibc sorts
 * IPv6 first, so Node tries IPv6, IPv4 and IPv6 again.
 */
const broken = `${setups.link}
  echo 1 > /proc/sys/net/ipv6/conf/v1/disable_ipv6
  ip -6 addr add 2001:db8::1/64 dev v0 nodad
  ip -6 neigh add 2001:db8::98 lladdr 02:00:00:00:00:98 dev v0 nud permanent
  ip -6 neigh add 2001:db8::99 lladdr 02:00:00:00:00:99 dev v0 nud permanent
  echo 1 > /proc/sys/net/ipv4/tcp_syn_retries
  ${hosts({ "dual.test": ["2001:db8::98", "2001:db8::99", HERE] })}`;

/**
 * slow() gives the URL of a server that drops the first SYN, and answers the second, which comes after a second. outcome() gives the text that a
 * client has got, or the code of its error.
 */
const TOOLS = `
  const http = require("node:http");
  const { pathToFileURL } = require("node:url");
  const { Agent, connector } = require("./agent");
  const slow = async () => {
    const server = new TCPServerSocket({ localAddress: HERE, backlog: 1 });
    for (let count = 0; count < 2; count++) await once(net.connect(server.localPort, HERE).on("error", () => {}), "connect");
    setTimeout(() => {
      server.onconnect = ({ connectedSocket }) => {
        connectedSocket.onmessage = () => connectedSocket.send("HTTP/1.1 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nanswer");
      };
    }, 600);
    return "http://dual.test:" + server.localPort + "/";
  };
  const codeOf = (error) => error.code ?? codeOf(error.cause);
  const outcome = async (call) => {
    try {
      return await call(await slow());
    } catch (error) {
      return codeOf(error);
    }
  };
  const get = (url, options) => new Promise((resolve, reject) => {
    http.get(url, options, (response) => response.setEncoding("utf8").once("data", resolve)).on("error", reject);
  });
  const load = (file) => import(pathToFileURL(file).href);`;

/** @param {string} script */
const run = (script, setup = broken) => inNamespace(`${TOOLS}\n${script}\nprocess.exit(0);`, { setup, timeout: 40_000 });

/** A namespaceTest that needs clients, too. */
function networkTest(names, title, body) {
  if (names.some(obstacle)) {
    clientTest(names, title, body);
  } else {
    namespaceTest(title, body);
  }
}

namespaceTest("http.get: IPv6 is a black hole, IPv4 answers after a second. Node's default fails, Agent succeeds (R-agent)", async () => {
  const script = `report(await Promise.all([
    outcome((url) => get(url, { agent: new http.Agent() })),
    outcome((url) => get(url, { agent: new Agent() })),
  ]));`;
  expect(await run(script)).toEqual(["ETIMEDOUT", "answer"]);
});

networkTest(["undici"], "fetch and undici: the same (R-agent)", async () => {
  const script = `
    const undici = require(${JSON.stringify(path.join(folder, "undici"))});
    const dispatcher = () => new undici.Agent({ connect: connector() });
    const text = (response) => response.text();
    report(await Promise.all([
      outcome((url) => fetch(url).then(text)),
      outcome((url) => undici.fetch(url, { dispatcher: dispatcher() }).then(text)),
      outcome((url) => undici.request(url).then(({ body }) => body.text())),
      outcome((url) => undici.request(url, { dispatcher: dispatcher() }).then(({ body }) => body.text())),
    ]));`;
  expect(await run(script)).toEqual(["ETIMEDOUT", "answer", "ETIMEDOUT", "answer"]);
});

networkTest(["axios", "got", "node-fetch"], "axios, got and node-fetch: the same (R-agent)", async () => {
  const script = `
    const [{ default: axios }, { got }, { default: nodeFetch }] =
      await Promise.all(${JSON.stringify(["axios", "got", "node-fetch"].map(entry))}.map(load));
    const agent = new Agent();
    report(await Promise.all([
      outcome((url) => axios(url).then(({ data }) => data)),
      outcome((url) => axios(url, { httpAgent: agent }).then(({ data }) => data)),
      outcome((url) => got(url, { retry: { limit: 0 } }).text()),
      outcome((url) => got(url, { retry: { limit: 0 }, agent: { http: agent } }).text()),
      outcome((url) => nodeFetch(url).then((response) => response.text())),
      outcome((url) => nodeFetch(url, { agent }).then((response) => response.text())),
    ]));`;
  expect(await run(script)).toEqual(["ETIMEDOUT", "answer", "ETIMEDOUT", "answer", "ETIMEDOUT", "answer"]);
});

namespaceTest("a name that turns private between check and connect is refused, and no SYN leaves (R-agent)", async () => {
  // ActiveOpens counts the connections that this network has begun, that is, the SYNs.
  const script = `
    const fs = require("node:fs");
    const opens = () => {
      const [names, values] = fs.readFileSync("/proc/net/snmp", "utf8").split("\\n").filter((line) => line.startsWith("Tcp:")).map((line) => line.split(" "));
      return Number(values[names.indexOf("ActiveOpens")]);
    };
    const server = http.createServer((request, response) => response.end("secret")).listen(0, "0.0.0.0");
    await once(server, "listening");
    const { port } = server.address();
    let asked = 0;
    const lookup = async () => [asked++ % 2 === 0 ? HERE : "127.0.0.1"];
    const isPublic = (address) => !address.startsWith("127.");
    const check = async () => (await lookup()).every(isPublic);
    const before = opens();
    const results = [];
    for (const agent of [new Agent({ lookup }), new Agent({ lookup, allowAddress: isPublic })]) {
      results.push(await check(), await get("http://rebind.test:" + port, { agent }).catch(codeOf), opens() - before);
    }
    report(results);`;
  // Without a filter the check is useless, and one SYN leaves. With it none follows.
  expect(await run(script, setups.link)).toEqual([true, "secret", 1, true, "ERR_ADDRESS_BLOCKED", 1]);
});

namespaceTest("look-ups that hang hold up neither the file system's threads nor names that the host knows; Node's do (R-agent)", async () => {
  // libuv keeps half of its threads free of look-ups, if it has more than one. So with Node's agent other names wait, and with one thread files,
  // too. Each case runs in a process of its own, which is killed: look-ups of Node hold up its exit as well.
  const script = `
    const { spawn } = require("node:child_process");
    const server = http.createServer((request, response) => response.end("answer")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const done = (module, threads, action) => new Promise((resolve) => {
      const source = \`
        const fs = require("node:fs");
        const http = require("node:http");
        const { Agent } = require("\${module}");
        const agent = new Agent();
        const done = () => console.log("done");
        for (let number = 0; number < 4; number++) http.get("http://silent-" + number + ".example/", { agent }).on("error", () => {});
        setTimeout(() => console.log("late"), 1500);
        \${action};\`;
      const child = spawn(process.execPath, ["-e", source], { env: { ...process.env, UV_THREADPOOL_SIZE: threads } });
      child.stdout.setEncoding("utf8").once("data", (text) => {
        child.kill("SIGKILL");
        resolve(text.trim());
      });
    });
    const file = 'fs.readFile("/etc/hosts", done)';
    const name = 'http.get("http://known.test:' + server.address().port + '/", { agent }, done)';
    const results = [];
    for (const module of ["./agent", "node:http"]) {
      results.push(await Promise.all([done(module, 4, file), done(module, 1, file), done(module, 4, name)]));
    }
    report(results);`;
  const deaf = `${setups.link}\n${setups.silent}\n${setups.deaf}\n${hosts({ "known.test": ["127.0.0.1"] })}`;
  expect(await run(script, deaf)).toEqual([["done", "done", "done"], ["done", "late", "late"]]);
});
