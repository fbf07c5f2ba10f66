"use strict";

const { run, runJSON } = require("../helpers");

/** Script lines that define `socket`, of which an event of the given type comes twice after `provoke()`. */
const sources = {
  "UDPSocket message": `
    const type = "message";
    const socket = new UDPSocket({ localAddress: "127.0.0.1" });
    const provoke = () => {
      socket.send("1", "127.0.0.1", socket.localPort);
      socket.send("2", "127.0.0.1", socket.localPort);
    };
    const end = () => socket.close();`,
  "UDPSocket error": `
    const type = "error";
    const socket = new UDPSocket({ localAddress: "127.0.0.1" });
    const provoke = () => {
      socket.send("1", "127.255.255.255", 9);
      socket.send("2", "127.255.255.255", 9);
    };
    const end = () => socket.close();`,
  "TCPServerSocket connect": `
    const type = "connect";
    const socket = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const provoke = () => {
      net.connect(socket.localPort, "127.0.0.1").on("error", () => {}).unref();
      net.connect(socket.localPort, "127.0.0.1").on("error", () => {}).unref();
    };
    const end = () => process.exit(0);`,
  "TCPSocket message": `
    const type = "message";
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const socket = new TCPSocket("127.0.0.1", server.localPort);
    const provoke = () => {
      server.onconnect = ({ connectedSocket }) => {
        connectedSocket.send("1");
        setTimeout(() => connectedSocket.send("2"), 50);
      };
    };
    const end = () => process.exit(0);`,
};

describe("handlers that throw (R-handler)", () => {
  test.each(Object.keys(sources))(
    "%s: each exception goes to uncaughtException, the other listeners run, the next event comes",
    async (source) => {
      const { seen, caught } = await runJSON(
        `${sources[source]}
        const seen = [];
        const caught = [];
        process.on("uncaughtException", (error) => {
          caught.push(error.message);
          if (caught.length === 4) {
            report({ seen, caught });
            end();
          }
        });
        let count = 0;
        socket.addEventListener(type, () => {
          seen.push("listener before");
          throw new Error("listener " + (count += 1));
        });
        socket["on" + type] = () => {
          seen.push("handler");
          throw new Error("handler " + count);
        };
        socket.addEventListener(type, () => seen.push("listener behind"));
        provoke();`,
      );
      const round = ["listener before", "handler", "listener behind"];
      expect(seen).toEqual([...round, ...round]);
      expect(caught).toEqual(["listener 1", "handler 1", "listener 2", "handler 2"]);
    },
  );

  test("the very value that was thrown arrives, whatever it is", async () => {
    const caught = await runJSON(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      const caught = [];
      process.on("uncaughtException", (value) => caught.push(value));
      const values = [0, "text", null, { plain: true }];
      let count = 0;
      socket.onmessage = () => {
        count += 1;
        if (count === 5) {
          socket.close();
          setImmediate(() => report(caught));
          return;
        }
        throw values[count - 1];
      };
      for (let i = 0; i < 5; i++) {
        socket.send("x", "127.0.0.1", socket.localPort);
      }`,
    );
    expect(caught).toEqual([0, "text", null, { plain: true }]);
  });

  test("a handler that throws at every datagram of a flood loses none of them", async () => {
    const { messages, caught } = await runJSON(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      let messages = 0;
      let caught = 0;
      process.on("uncaughtException", () => {
        caught += 1;
        if (caught === 200) {
          report({ messages, caught });
          socket.close();
        }
      });
      socket.onmessage = () => {
        messages += 1;
        throw new Error("no");
      };
      for (let i = 0; i < 200; i++) {
        socket.send("x", "127.0.0.1", socket.localPort);
      }`,
    );
    expect([messages, caught]).toEqual([200, 200]);
  });
});

describe("an error that nobody hears (R-unheard)", () => {
  test("throws nothing; the first prints one warning named UnheardSocketError, later ones none", async () => {
    const { code, stdout, stderr } = await run(
      `process.on("warning", (warning) => process.stdout.write(warning.name + ";"));
      const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      for (let i = 0; i < 3; i++) {
        socket.send("x", "127.255.255.255", 9);
      }
      setTimeout(() => {
        socket.send("x", "127.255.255.255", 9);
        setTimeout(() => socket.close(), 50);
      }, 50);`,
    );
    expect(code).toBe(0);
    expect(stdout).toBe("UnheardSocketError;");
    expect(stderr.match(/UnheardSocketError/g)).toHaveLength(1);
  });

  test("with a handler or a listener there is no warning", async () => {
    const { code, stderr } = await run(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      socket.onerror = () => {
        socket.onerror = null;
        socket.addEventListener("error", () => socket.close());
        socket.send("x", "127.255.255.255", 9);
      };
      socket.send("x", "127.255.255.255", 9);`,
    );
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("a TCP connection that fails unheard warns too, and the process goes on", async () => {
    const { code, stdout, stderr } = await run(
      `const server = net.createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address();
        server.close(() => {
          const socket = new TCPSocket("127.0.0.1", port);
          setTimeout(() => process.stdout.write(socket.readyState), 200);
        });
      });`,
    );
    expect([code, stdout]).toEqual([0, "closed"]);
    expect(stderr).toContain("UnheardSocketError");
    expect(stderr).toContain("ECONNREFUSED");
  });
});
