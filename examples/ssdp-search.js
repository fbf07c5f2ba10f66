// The draft's first example (section UDPSocket): UPnP-SSDP M-SEARCH discovery with a multicast UDPSocket. It lists the
// devices of the local network that answer: televisions, routers, printers, loudspeakers.
//
//   node ssdp-search.js [SERVICE TYPE]
//
// Changed against the draft: ServiceType has a value, a failure to join the group is caught too, and the socket is closed
// when the time to answer (MX, in seconds) is over. Until it is closed it keeps the program running.

"use strict";

var { UDPSocket } = require("tcp-udp-sockets");

function arrayBufferToString(buffer) {
  return new TextDecoder().decode(buffer);
}

var ServiceType = process.argv[2] || "ssdp:all";

// Create a UDP socket
var mySocket = new UDPSocket();

// Build an SSDP M-SEARCH multicast message
var MSearch = "M-SEARCH * HTTP/1.1\r\n" +
              "ST: " + ServiceType + "\r\n" +
              "MAN: \"ssdp:discover\"\r\n" +
              "HOST: 239.255.255.250:1900\r\n" +
              "MX: 10\r\n\r\n";
var SSDPMulticastAddress = "239.255.255.250";
var SSDPMulticastPort = 1900;

try {
  // Join multicast group
  mySocket.joinMulticastGroup(SSDPMulticastAddress);
  // Send SSDP M-SEARCH multicast message
  var moreBufferingOK = mySocket.send(MSearch, SSDPMulticastAddress, SSDPMulticastPort);
  console.log("M-SEARCH sent! More may be sent at once: " + moreBufferingOK);
} catch (err) {
  // Sending failed
  console.error("Sending M-SEARCH failed: " + err.message);
  mySocket.close();
  process.exitCode = 1;
}

// Receive M-SEARCH responses
mySocket.onmessage = function (udpMessageEvent) {
  // Convert received data from ArrayBuffer to string
  var data = arrayBufferToString(udpMessageEvent.data);
  console.log("Remote address: " + udpMessageEvent.remoteAddress +
              " Remote port: " + udpMessageEvent.remotePort +
              " Received data:\n" + data);
};

// Handle errors: the network cannot be reached, for example
mySocket.onerror = function (errorEvent) {
  console.error("Error: " + errorEvent.error.message);
};

setTimeout(function () {
  mySocket.close();
}, 11000).unref();
