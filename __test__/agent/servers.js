"use strict";

// Servers for the tests of agents, and requests to them.

const http = require("node:http");
const https = require("node:https");
const { authority } = require("../helpers/certificates");
const { defer } = require("../helpers/cleanup");
const { once } = require("node:events");

/**
 * Starts a server on a free port of 127.0.0.1, which ends after the test.
 *
 * @param {import("node:http").Server} server
 */
async function listen(server) {
  const sockets = new Set();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  defer(async () => {
    server.close();
    for (const socket of sockets) {
      socket.destroy();
    }
  });
  return { server, port: server.address().port, sockets };
}

/** An HTTP server. @param {http.RequestListener} [handler] the default answers with the method, the path and the size of the body */
function httpServer(handler = sizes) {
  return listen(http.createServer({ keepAliveTimeout: 60_000 }, handler));
}

/** An HTTPS server with a certificate for localhost. @param {https.ServerOptions} [options] @param {http.RequestListener} [handler] */
async function httpsServer(options = {}, handler = sizes) {
  const issued = authority();
  const server = https.createServer({ keepAliveTimeout: 60_000, cert: issued.server.cert, key: issued.server.key, ...options }, handler);
  return { ...(await listen(server)), issued, ca: issued.ca.cert };
}

function sizes(request, response) {
  let size = 0;
  request.on("data", (data) => {
    size += data.length;
  });
  request.on("end", () => response.end(`${request.method} ${request.url} ${size}`));
}

/**
 * Makes a request, and reads the whole response.
 *
 * @param {object} options of http.request(); `body` is sent; `module` is http or https
 */
function fetchText({ module = http, body, ...options }) {
  return new Promise((resolve, reject) => {
    const request = module.request({ host: "127.0.0.1", ...options }, (response) => {
      const { socket } = response;
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (data) => {
        text += data;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, text, socket, request, reused: request.reusedSocket }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** An agent that is destroyed after the test. */
function tracked(agent) {
  defer(() => agent.destroy());
  return agent;
}

module.exports = { fetchText, httpServer, httpsServer, listen, sizes, tracked };
