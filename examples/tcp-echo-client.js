// The draft's example of a TCP client (section TCPSocket). It sends "Hello World" to the server on port 6789, and logs the
// answer. Start tcp-echo-server.js first.
//
//   node tcp-echo-client.js [ADDRESS [PORT]]
//
// Differences from the draft: it reads `error` from the event. The answer may come in pieces. After an error, and if the server
// ends without an answer, the program exits with code 1.

"use strict";

var { TCPSocket } = require("tcp-udp-sockets");

function arrayBufferToString(buffer) {
  return new TextDecoder().decode(buffer);
}

var message = "Hello World";
var answer = "";
process.exitCode = 1; // Until the answer is there.

try {
  // Create a new TCP client socket and connect to remote host
  var mySocket = new TCPSocket(process.argv[2] || "127.0.0.1", process.argv[3] || 6789);

  mySocket.onopen = function () {
    try {
      // Send data to server
      var moreBufferingOK = mySocket.send(message);
      console.log("Data sent to server! More may be sent at once: " + moreBufferingOK);

      // Receive response from server
      mySocket.onmessage = function (messageEvent) {
        // Convert received data from ArrayBuffer to string
        var data = arrayBufferToString(messageEvent.data);
        console.log("Data received from server: " + data);
        answer += data;
        if (answer === message) {
          process.exitCode = 0;
        } else if (message.startsWith(answer)) {
          return; // The rest has not arrived yet.
        } else {
          console.error("That is not what was sent: the server is no echo server");
        }
        // Close the connection
        mySocket.close();
      };
    } catch (err) {
      // Sending failed
      console.error("Sending failed: " + err.message);
      mySocket.close();
    }
  };

  // Connection has been closed
  mySocket.onclose = function () {
    console.log("Connection has been closed");
    if (message.startsWith(answer) && answer !== message) {
      console.error("The server has not sent back what it was sent");
    }
  };

  // Handle errors
  mySocket.onerror = function (errorEvent) {
    console.error("Error: " + errorEvent.error.message);
  };
} catch (err) {
  // Handle runtime exception
  console.error("Could not create a TCP socket: " + err.message);
}
