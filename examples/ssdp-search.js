// The draft's first example (section UDPSocket): UPnP-SSDP M-SEARCH discovery with a multicast UDPSocket. It lists the
// devices of the local network that answer, such as televisions, routers, printers and loudspeakers.
//
//   node ssdp-search.js [SERVICE TYPE [SECONDS]]
//
// Differences from the draft: ServiceType has a value. The program also catches errors of making the socket and of joining the
// group. It closes the socket when the time to answer (MX, in seconds) is over. Until then the socket keeps the program running.
// If no device has answered, the program says so, and exits with code 1.

"use strict";

var { UDPSocket } = require("tcp-udp-sockets");

function arrayBufferToString(buffer) {
  return new TextDecoder().decode(buffer);
}

var ServiceType = process.argv[2] || "ssdp:all";
var MX = Number(process.argv[3] || 10);
if (!(MX >= 1 && MX <= 60)) {
  console.error("SECONDS must be a number from 1 to 60, not " + process.argv[3]);
  process.exit(2);
}

// Build an SSDP M-SEARCH multicast message
var MSearch = "M-SEARCH * HTTP/1.1\r\n" +
              "ST: " + ServiceType + "\r\n" +
              "MAN: \"ssdp:discover\"\r\n" +
              "HOST: 239.255.255.250:1900\r\n" +
              "MX: " + MX + "\r\n\r\n";
var SSDPMulticastAddress = "239.255.255.250";
var SSDPMulticastPort = 1900;
var answers = 0;

try {
  // Create a UDP socket
  var mySocket = new UDPSocket();
  // Join multicast group
  mySocket.joinMulticastGroup(SSDPMulticastAddress);
  // Send SSDP M-SEARCH multicast message
  var moreBufferingOK = mySocket.send(MSearch, SSDPMulticastAddress, SSDPMulticastPort);
  console.log("M-SEARCH sent! More may be sent at once: " + moreBufferingOK);

  // Receive M-SEARCH responses
  mySocket.onmessage = function (udpMessageEvent) {
    // Convert received data from ArrayBuffer to string
    var data = arrayBufferToString(udpMessageEvent.data);
    answers += 1;
    console.log("Remote address: " + udpMessageEvent.remoteAddress +
                " Remote port: " + udpMessageEvent.remotePort +
                " Received data:\n" + data);
  };

  // Handle errors, such as an unreachable network
  mySocket.onerror = function (errorEvent) {
    console.error("Error: " + errorEvent.error.message);
    process.exitCode = 1;
  };

  setTimeout(function () {
    mySocket.close();
    if (answers === 0) {
      console.error("No device has answered.");
      process.exitCode = 1;
    }
  }, (MX + 1) * 1000);
} catch (err) {
  // Sending failed
  console.error("Sending M-SEARCH failed: " + err.message);
  if (mySocket) {
    mySocket.close();
  }
  process.exitCode = 1;
}
