"use strict";

// A client's part of a transfer that the tests of this folder disturb. It runs in their child processes.

const { createHash } = require("node:crypto");

/**
 * Sends bytes on a socket that is connecting, to a peer that sends all back, and compares what comes.
 *
 * @param {any} socket
 * @param {{ size: number, piece: number, atQuarter: () => void }} how how many bytes there are in all, and in one send(); `atQuarter` is called once,
 *   when a quarter of them is back
 * @returns {Promise<{ error: string | undefined, whole: boolean }>} once it is closed: the code of its error, and whether all has come back
 */
function transfer(socket, { size, piece, atQuarter }) {
  return new Promise((resolve) => {
    const sent = createHash("sha1");
    const back = createHash("sha1");
    let out = 0;
    let got = 0;
    let isUnderWay = false;
    let error;
    const pump = () => {
      while (out < size) {
        const bytes = Buffer.alloc(piece, String(out));
        sent.update(bytes);
        out += bytes.length;
        if (!socket.send(bytes)) {
          return;
        }
      }
      socket.halfclose();
    };
    socket.onopen = pump;
    socket.ondrain = pump;
    socket.onmessage = ({ data }) => {
      back.update(new Uint8Array(data));
      got += data.byteLength;
      if (!isUnderWay && got > size / 4) {
        isUnderWay = true;
        atQuarter();
      }
    };
    socket.onerror = (event) => {
      error = event.error.code;
    };
    socket.onclose = () => resolve({ error, whole: got === size && sent.digest("hex") === back.digest("hex") });
  });
}

module.exports = { transfer };
