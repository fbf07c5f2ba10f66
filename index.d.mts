// The ES module has the CommonJS one's exports: one copy of each class.
export * from "./index.js";
