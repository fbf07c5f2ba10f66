// The draft's example of a TCP client (section TCPSocket): it sends "Hello World" to the server on port 6789 and logs what
// comes back. Start tcp-echo-server.js first.
//
//   node tcp-echo-client.js [ADDRESS [PORT]]
//
// Changed against the draft: `error` is read from the event, where it is.

"use strict";

var { TCPSocket } = require("tcp-udp-sockets");

function arrayBufferToString(buffer) {
  return new TextDecoder().decode(buffer);
}

try {
  // Create a new TCP client socket and connect to remote host
  var mySocket = new TCPSocket(process.argv[2] || "127.0.0.1", process.argv[3] || 6789);

  mySocket.onopen = function () {
    try {
      // Send data to server
      var moreBufferingOK = mySocket.send("Hello World");
      console.log("Data sent to server! More may be sent at once: " + moreBufferingOK);

      // Receive response from server
      mySocket.onmessage = function (messageEvent) {
        // Convert received data from ArrayBuffer to string
        var data = arrayBufferToString(messageEvent.data);
        console.log("Data received from server: " + data);
        // Close the connection
        mySocket.close();
      };
    } catch (err) {
      // Sending failed
      console.error("Sending failed: " + err.name);
    }
  };

  // Connection has been closed
  mySocket.onclose = function () {
    console.log("Connection has been closed");
  };

  // Handle errors
  mySocket.onerror = function (errorEvent) {
    console.error("Error: " + errorEvent.error.message);
    process.exitCode = 1;
  };
} catch (err) {
  // Handle runtime exception
  console.error("Could not create a TCP socket: " + err.message);
  process.exitCode = 1;
}
