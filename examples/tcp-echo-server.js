// The draft's example of a TCP server (section TCPServerSocket). It listens on port 6789, and sends received data back.
//
//   node tcp-echo-server.js [PORT]
//
// Differences from the draft: it waits for drain when send() returns false, so that a client that only sends cannot fill the
// memory. And it prints where it listens.

"use strict";

var { TCPServerSocket } = require("tcp-udp-sockets");

try {
  // Create a new server socket that listens on port 6789
  var myServerSocket = new TCPServerSocket({ "localPort": process.argv[2] || 6789 });
  console.log("Listening on port " + myServerSocket.localPort);

  myServerSocket.onconnect = function (connectEvent) {
    var connectedSocket = connectEvent.connectedSocket;
    console.log("Connection from " + connectedSocket.remoteAddress + ", port " + connectedSocket.remotePort);

    // Read the data
    connectedSocket.onmessage = function (messageEvent) {
      var data = messageEvent.data;
      try {
        // Send data back to client
        var moreBufferingOK = connectedSocket.send(data);
        console.log("Response sent to client!");
        if (!moreBufferingOK) {
          // The client reads more slowly than it sends: stop reading until the buffer is empty
          connectedSocket.suspend();
        }
      } catch (err) {
        // Sending failed
        console.error("Sending failed: " + err.message);
      }
    };

    connectedSocket.ondrain = function () {
      connectedSocket.resume();
    };

    // Connection has been closed
    connectedSocket.onclose = function () {
      console.log("Connection has been closed");
    };

    // Handle errors
    connectedSocket.onerror = function (errorEvent) {
      console.error("Error: " + errorEvent.error.message);
    };
  };

  // Handle errors of the server: a connection could not be accepted
  myServerSocket.onerror = function (errorEvent) {
    console.error("Error: " + errorEvent.error.message);
  };
} catch (err) {
  // Handle runtime exception
  console.error("Could not create a TCP server socket: " + err.message);
  process.exitCode = 1;
}
