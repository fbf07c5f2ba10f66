// Whoever imports and whoever requires gets the same classes.
export { Agent, HttpsAgent, connector } from "./agent.js";
