// The draft's second example (section UDPSocket). It receives UPnP-SSDP NOTIFY multicast messages, by which devices announce
// themselves in the local network. Stop it with Ctrl+C.
//
//   node ssdp-notify.js
//
// Differences from the draft: it prints that it listens, and catches errors.

"use strict";

var { UDPSocket } = require("tcp-udp-sockets");

function arrayBufferToString(buffer) {
  return new TextDecoder().decode(buffer);
}

var SSDPMulticastAddress = "239.255.255.250";
var SSDPMulticastPort = 1900;

try {
  // Create a UDP socket and bind it to the SSDP local port. Other programs of this machine may use it too: addressReuse is true
  var mySocket = new UDPSocket({ "localPort": SSDPMulticastPort });

  // Join multicast group
  mySocket.joinMulticastGroup(SSDPMulticastAddress);
  console.log("Listening to " + SSDPMulticastAddress + ", port " + mySocket.localPort);

  // Receive SSDP NOTIFY
  mySocket.onmessage = function (udpMessageEvent) {
    // Convert received data from ArrayBuffer to string
    var data = arrayBufferToString(udpMessageEvent.data);
    console.log("Remote address: " + udpMessageEvent.remoteAddress +
                " Remote port: " + udpMessageEvent.remotePort +
                " Received data:\n" + data);
  };

  // Handle errors
  mySocket.onerror = function (errorEvent) {
    console.error("Error: " + errorEvent.error.message);
    process.exitCode = 1;
  };
} catch (err) {
  console.error("Could not listen: " + err.message);
  if (mySocket) {
    mySocket.close();
  }
  process.exitCode = 1;
}
