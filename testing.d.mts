// The ES module has the CommonJS one's exports.
export * from "./testing.js";
