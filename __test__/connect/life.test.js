"use strict";

const { run, runJSON } = require("../helpers");
const { HERE, hosts, inNamespace, namespaceTest, setups } = require("../helpers/netns");

const nobodyAnswers = setups.link + setups.silent;
const noNameServer = nobodyAnswers + setups.deaf;

describe("connect() and the life of the process (R-keep, R-end-of-life, R-connect)", () => {
  test("the socket keeps the process alive, and a process ends by itself once it is closed", async () => {
    const result = await runJSON(`
      const server = net.createServer((peer) => peer.end("bye")).listen(0, "127.0.0.1", async () => {
        const socket = await connect("localhost", server.address().port, { connectTimeout: 60_000 });
        server.close();
        socket.onmessage = () => {};
        socket.onclose = () => report(socket.hasRef());
      });`);
    expect(result).toBe(false);
  });

  test("a connect() that failed leaves nothing that keeps the process alive", async () => {
    const result = await runJSON(`
      const options = { connectTimeout: 60_000, attemptDelay: 60_000, lookup: async () => ["127.0.0.1", "127.0.0.2"] };
      connect("any.test", 1, options).catch(({ code }) => report(code));`);
    expect(result).toBe("ECONNREFUSED");
  });

  test("a look-up of the caller's own keeps the process alive until it is answered", async () => {
    const result = await runJSON(`
      const options = { lookup: () => new Promise((resolve) => setTimeout(resolve, 100, []).unref()) };
      connect("any.test", 1, options).catch(({ code }) => report(code));`);
    expect(result).toBe("ENOTFOUND");
  });

  test("process.exit() during a connect() ends the process", async () => {
    const { code, timedOut } = await run(`
      connect("localhost", 1).catch(() => {});
      connect("any.test", 1, { lookup: () => new Promise(() => {}), connectTimeout: 60_000 }).catch(() => {});
      process.exit(7);`);
    expect([code, timedOut]).toEqual([7, false]);
  });

  test("workers that end during look-ups take nothing down", async () => {
    const result = await runJSON(
      `const { Worker } = require("node:worker_threads");
      const source = \`
        const { connect } = require("tcp-udp-sockets");
        for (let i = 0; i < 20; i++) {
          connect("localhost", 1).catch(() => {});
          connect("127.0.0.1", 1, { lookup: () => new Promise(() => {}) }).catch(() => {});
          connect("any.test", 1, { lookup: () => new Promise(() => {}), connectTimeout: 5 }).catch(() => {});
        }
        require("node:worker_threads").parentPort.postMessage("under way");\`;
      (async () => {
        let ended = 0;
        for (let i = 0; i < 20; i++) {
          const worker = new Worker(source, { eval: true });
          await once(worker, "message");
          await worker.terminate();
          ended++;
        }
        report(ended);
      })();`,
      { timeout: 25_000 },
    );
    expect(result).toBe(20);
  });

  test("a connect() that waits is not garbage collected, and its socket neither", async () => {
    const result = await runJSON(
      `const server = net.createServer((peer) => setTimeout(() => peer.end("late"), 50)).listen(0, "127.0.0.1", () => {
        let answer;
        const lookup = () => new Promise((resolve) => (answer = resolve));
        connect("any.test", server.address().port, { lookup }).then((socket) => {
          socket.onmessage = ({ data }) => {
            server.close();
            report(new TextDecoder().decode(data));
          };
        });
        const collect = setInterval(gc, 5);
        setTimeout(() => answer(["127.0.0.1"]), 30);
        setTimeout(() => clearInterval(collect), 150);
      });`,
      { nodeArgs: ["--expose-gc"] },
    );
    expect(result).toBe("late");
  });

  namespaceTest("the system's resolver that never answers keeps the process alive, and holds nothing up", async () => {
    const result = await inNamespace(
      `const { Worker } = require("node:worker_threads");
      const start = performance.now();
      const error = await connect("never.test", 9, { connectTimeout: 300 }).catch((reason) => reason);
      // More of them than there are threads, and a name that is known all the same.
      const names = Array.from({ length: 25 }, (_, n) => "never" + n + ".test");
      const hanging = names.map((name) => connect(name, 9, { connectTimeout: 3000 }).catch(({ code }) => code));
      const server = net.createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const socket = await connect("known.test", server.address().port);
      const worker = new Worker(
        'const { connect } = require("tcp-udp-sockets"); connect("worker.test", 9).catch(() => {});' +
          'setTimeout(() => require("node:worker_threads").parentPort.postMessage(0), 50);',
        { eval: true },
      );
      await once(worker, "message");
      const before = performance.now();
      await worker.terminate();
      const terminating = performance.now() - before;
      const codes = await Promise.all(hanging);
      connect("last.test", 9).catch(() => {});
      report({ error: plain(error), address: socket.remoteAddress, codes: [...new Set(codes)], terminating });
      // With one under way.
      process.exit(0);`,
      { setup: noNameServer + hosts({ "known.test": ["127.0.0.1"] }), timeout: 20_000 },
    );
    expect(result.error).toMatchObject({ name: "NetworkError", code: "ETIMEDOUT" });
    expect(result.error.message).toContain("never.test");
    expect(result).toMatchObject({ address: "127.0.0.1", codes: ["ETIMEDOUT"] });
    // The resolver itself would have gone on for minutes.
    expect(result.terminating).toBeLessThan(10_000);
  });
});

describe("names of the system's, raced (R-connect)", () => {
  const both = { "both.test": ["2001:db8::2", "127.0.0.1"], "dead.test": ["2001:db8::2", HERE.replace(/1$/, "2")] };
  const dualStack = `${nobodyAnswers}
    echo 1 > /proc/sys/net/ipv6/conf/v0/accept_dad || true
    ip addr add 2001:db8::1/64 dev v0 nodad
    echo 3600 > /proc/sys/net/ipv6/neigh/v0/mcast_solicit`;

  namespaceTest("an IPv6 address that answers nobody does not keep IPv4 from winning", async () => {
    const result = await inNamespace(
      `const server = net.createServer((peer) => peer.on("error", () => {})).listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address();
      const asked = [];
      const start = performance.now();
      const socket = await connect("both.test", port, { allowAddress: (address) => asked.push(address) > 0 });
      const took = performance.now() - start;
      socket.reset();
      server.close();
      report({ asked, took, remoteAddress: socket.remoteAddress });`,
      { setup: dualStack + hosts(both) },
    );
    expect(result.remoteAddress).toBe("127.0.0.1");
    if (result.asked[0] === "2001:db8::2") {
      // RFC 8305's delay.
      expect(result.took).toBeGreaterThan(245);
    }
  });

  namespaceTest("connectTimeout ends what neither family answers", async () => {
    const error = await inNamespace(
      `const error = await connect("dead.test", 9, { connectTimeout: 600, attemptDelay: 20 }).catch((reason) => reason);
      report({ ...plain(error), codes: error.cause.errors.map(({ code, address }) => code + " " + address).sort() });`,
      { setup: dualStack + hosts(both) },
    );
    expect(error).toMatchObject({ name: "NetworkError", code: "ETIMEDOUT", isDOMException: true });
    expect(error.codes).toEqual(["ETIMEDOUT 198.51.100.2", "ETIMEDOUT 2001:db8::2"]);
  });

  namespaceTest("where there is no route attempts fail at once, without the delays", async () => {
    const error = await inNamespace(
      `const error = await connect("far.test", 9, { attemptDelay: 600_000 }).catch((reason) => reason);
      report({ ...plain(error), codes: error.cause.errors.map(({ code }) => code) });`,
      { setup: setups.loopback + hosts({ "far.test": ["192.0.2.1", "2001:db8::2", "192.0.2.2"] }) },
    );
    expect(error.code).toMatch(/^E(NETUNREACH|ADDRNOTAVAIL)$/);
    expect(error.codes).toHaveLength(3);
    expect(error.message).toContain("far.test:9");
  });

  namespaceTest("a link-local address keeps its zone", async () => {
    const result = await inNamespace(
      `const server = new TCPServerSocket({ localAddress: "fe80::1%v0" });
      const socket = await connect("fe80::1%v0", server.localPort);
      const looked = await connect("any.test", server.localPort, { lookup: async () => ["fe80::1%v0"] });
      report([socket.remoteAddress, looked.remoteAddress]);
      process.exit(0);`,
      { setup: `${setups.link}\n    ip addr add fe80::1/64 dev v0 nodad` },
    );
    expect(result).toEqual(["fe80::1%v0", "fe80::1%v0"]);
  });
});

describe("connect() and AsyncLocalStorage (R-context)", () => {
  test("the socket's events, lookup and allowAddress run in the context of the call", async () => {
    const seen = await runJSON(`
      const { AsyncLocalStorage, createHook } = require("node:async_hooks");
      const storage = new AsyncLocalStorage();
      const seen = [];
      const tell = (what) => seen.push(what + " " + storage.getStore());
      const server = net.createServer((peer) => peer.end("x")).listen(0, "127.0.0.1", () => storage.run("elsewhere", async () => {
        const options = {
          attemptDelay: 10,
          lookup: async () => {
            tell("lookup");
            // What it enters stays its own.
            storage.enterWith("inside");
            await null;
            return ["127.0.0.2", "127.0.0.1"];
          },
          allowAddress: () => {
            tell("allow");
            return true;
          },
        };
        const socket = await storage.run("call", () => connect("any.test", server.address().port, options));
        tell("await");
        socket.onmessage = () => tell("message");
        socket.onclose = () => {
          tell("close");
          server.close();
          report(seen);
        };
      }));`);
    expect(seen).toEqual(["lookup call", "allow call", "allow call", "await elsewhere", "message call", "close call"]);
  });

  test("the async resource is one TCPSOCKET for each call, and is destroyed with its socket or its failure", async () => {
    const result = await runJSON(`
      const { createHook } = require("node:async_hooks");
      const living = new Set();
      let made = 0;
      const keep = [];
      createHook({
        init(id, type, trigger, resource) {
          if (type === "TCPSOCKET") {
            made++;
            setImmediate(() => keep.push(resource.hasRef()));
            living.add(id);
          }
        },
        destroy: (id) => living.delete(id),
      }).enable();
      const server = net.createServer((peer) => peer.end()).listen(0, "127.0.0.1", async () => {
        const socket = await connect("localhost", server.address().port);
        await once(socket, "close");
        const lookup = async () => ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
        await connect("any.test", 1, { lookup }).catch(() => {});
        await connect("", 1).catch(() => {});
        server.close();
        setTimeout(() => report({ made, living: living.size, keep }), 20);
      });`);
    expect(result).toEqual({ made: 2, living: 0, keep: [true, true] });
  });
});
