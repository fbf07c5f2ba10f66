"use strict";

// Look-ups that a silent name server holds up (R-connect): they must not hold up what the host knows by itself.

const { hosts, inNamespace, namespaceTest, setups } = require("../helpers/netns");

jest.setTimeout(30_000);

const setup = `${setups.link}\n${setups.silent}\n${setups.deaf}\n${hosts({ localhost: ["127.0.0.1"], "known.test": ["127.0.0.1"] })}`;

/** So many connect()s whose look-up is never answered, and a server that connect() by `open()` reaches. */
const TOOLS = `
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  server.onconnect = ({ connectedSocket }) => connectedSocket.close();
  const silence = (count) => {
    const controllers = Array.from({ length: count }, () => new AbortController());
    for (const [index, { signal }] of controllers.entries()) {
      connect(\`silent-\${index}.example\`, 9, { signal }).catch(() => {});
    }
    return () => controllers.forEach((controller) => controller.abort());
  };
  const open = async (host, connectTimeout = 5000) => {
    try {
      const socket = await connect(host, server.localPort, { connectTimeout });
      socket.close();
      return "open";
    } catch ({ code }) {
      return code;
    }
  };`;

/** @param {string} script */
const run = (script) => inNamespace(`${TOOLS}\n${script}\nprocess.exit(0);`, { setup, timeout: 25_000 });

namespaceTest("more look-ups wait than used to be under way at once, and a name of /etc/hosts is found all the same", async () => {
  expect(await run(`silence(50); report(await open("known.test"));`)).toBe("open");
});

namespaceTest("localhost never waits, however many do", async () => {
  const script = `silence(400); report([await open("localhost"), await open("LOCALHOST"), await open("127.0.0.1")]);`;
  expect(await run(script)).toEqual(["open", "open", "open"]);
});

namespaceTest("who has given up makes room: for what is queued already, and for what comes", async () => {
  const script = `
    const giveUp = silence(100);
    const queued = open("known.test", 20_000);
    const blocked = await open("known.test", 500);
    giveUp();
    report([blocked, await queued, await open("known.test")]);`;
  expect(await run(script)).toEqual(["ETIMEDOUT", "open", "open"]);
});

namespaceTest("giving up again and again does not use the room up within a minute's look-ups", async () => {
  const script = `
    for (let round = 0; round < 3; round++) {
      const giveUp = silence(60);
      await sleep(50);
      giveUp();
    }
    report(await open("known.test"));`;
  expect(await run(script)).toBe("open");
});
