// The ES module has the CommonJS one's exports.
export * from "./agent.js";
