// Vite's configuration for looking at the built site on this machine only (npm run docs -- --serve).

export default { appType: "mpa", build: { outDir: "out" }, preview: { host: "127.0.0.1", strictPort: true } };
