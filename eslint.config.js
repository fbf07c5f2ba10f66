"use strict";

const js = require("@eslint/js");

/** Rules beyond the recommended ones. Each has found a real mistake somewhere. */
const strict = {
  "array-callback-return": "error",
  curly: ["error", "multi-line"],
  "default-case-last": "error",
  eqeqeq: ["error", "always", { null: "ignore" }],
  "grouped-accessor-pairs": ["error", "getBeforeSet"],
  "no-constructor-return": "error",
  "no-else-return": ["error", { allowElseIf: false }],
  "no-eval": "error",
  "no-extend-native": "error",
  "no-implicit-coercion": ["error", { allow: ["!!", "+"] }],
  "no-implicit-globals": "error",
  "no-implied-eval": "error",
  "no-new-func": "error",
  "no-new-wrappers": "error",
  "no-return-assign": ["error", "except-parens"],
  "no-self-compare": "error",
  "no-sequences": ["error", { allowInParentheses: false }],
  "no-shadow": ["error", { builtinGlobals: false, hoist: "functions", allow: ["resolve", "reject", "done"] }],
  "no-template-curly-in-string": "error",
  "no-throw-literal": "error",
  "no-unmodified-loop-condition": "error",
  "no-unreachable-loop": "error",
  "no-unused-expressions": ["error", { enforceForJSX: false }],
  "no-unused-vars": ["error", { args: "after-used", argsIgnorePattern: "^_", caughtErrors: "all" }],
  "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
  "no-useless-call": "error",
  "no-useless-computed-key": ["error", { enforceForClassMembers: true }],
  "no-useless-rename": "error",
  "no-useless-return": "error",
  "no-var": "error",
  "object-shorthand": ["error", "properties"],
  "prefer-const": ["error", { destructuring: "all" }],
  "prefer-promise-reject-errors": "error",
  radix: "error",
  "require-atomic-updates": "error",
  "unicode-bom": "error",
  yoda: "error",
};

/** The globals that Node, Bun and Deno all have, and none that only a browser has. */
const globals = Object.fromEntries(
  [
    "AbortController", "AbortSignal", "Blob", "Buffer", "DOMException", "Event", "EventTarget", "MessageChannel",
    "MessageEvent", "MessagePort", "ReadableStream", "SharedArrayBuffer", "TextDecoder", "TextDecoderStream", "TextEncoder", "TransformStream",
    "URL", "WebAssembly", "WritableStream", "console", "performance", "process", "queueMicrotask", "structuredClone",
  ].map((name) => [name, "readonly"]),
);

const timers = ["clearImmediate", "clearInterval", "clearTimeout", "setImmediate", "setInterval", "setTimeout"];
const timerGlobals = Object.fromEntries(timers.map((name) => [name, "readonly"]));

const commonjs = { __dirname: "readonly", __filename: "readonly", exports: "writable", module: "writable", require: "readonly" };

const jest = Object.fromEntries(
  ["afterAll", "afterEach", "beforeAll", "beforeEach", "describe", "expect", "it", "jest", "test"].map((name) => [name, "readonly"]),
);

/** Syntax that no file of lib/ may use. */
const libSyntax = [
  {
    selector: "BinaryExpression[operator='instanceof'][right.name=/^(ArrayBuffer|SharedArrayBuffer|DataView|Uint8Array|Blob)$/]",
    message: "Values come from other realms (jest, vm): ask node:util/types or a brand, never instanceof.",
  },
];

const requires = "CallExpression[callee.name='require'][arguments.0.value";

/** Only lib/load-binding.js may load the native half, and only lib/native.js may require that file. */
const aboveTheBinding = [
  { selector: `${requires}=/\\.node$|^@tcp-udp-sockets\\//]`, message: "Only lib/load-binding.js loads the native half." },
  { selector: `${requires}=/load-binding/]`, message: "Only lib/native.js requires lib/load-binding.js." },
];

/** The interfaces, and what is built on them. No other file of lib/ may require these. */
const belowTheInterfaces = {
  selector: `${requires}=/\\/(udp-socket|tcp-socket|tcp-server-socket|unix-socket|unix-server-socket|stream-socket|server-socket|streams|connect|race|relay|once|testing|agent|index|globals)(\\.js)?$/]`,
  message: "Interfaces know what they stand on, never the other way round (CONTRIBUTING.md, \"Where things are\").",
};

/** The same, as files. */
const interfaces = [
  "udp-socket", "tcp-socket", "tcp-server-socket", "unix-socket", "unix-server-socket", "stream-socket", "server-socket", "streams", "connect", "race",
  "relay", "once", "testing",
].map((name) => `lib/${name}.js`).concat("lib/agent/**/*.js");

module.exports = [
  { ignores: ["dist/", "**/target/", "coverage/", "**/*.ts", "**/*.mts"] },
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: "error" }, rules: strict },
  {
    files: ["**/*.js"],
    languageOptions: {
      ecmaVersion: 2024,
      sourceType: "commonjs",
      globals: { ...globals, ...commonjs, ...timerGlobals },
    },
    rules: { strict: ["error", "global"] },
  },
  {
    files: ["**/*.mjs"],
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: { ...globals, ...timerGlobals } },
  },
  {
    files: ["lib/**/*.js", "index.js", "index.mjs", "globals.js", "testing.js", "testing.mjs", "agent.js", "agent.mjs"],
    rules: {
      // Fake timers replace the global functions (jest, vitest, sinon). lib/ takes those of node:timers at load.
      "no-restricted-globals": ["error", ...timers.map((name) => ({ name, message: "Take it from node:timers, at load." }))],
      "no-restricted-syntax": ["error", ...libSyntax, ...aboveTheBinding],
      "no-console": "error",
    },
  },
  {
    // The files that the interfaces stand on.
    files: ["lib/**/*.js"],
    ignores: interfaces,
    rules: { "no-restricted-syntax": ["error", ...libSyntax, ...aboveTheBinding, belowTheInterfaces] },
  },
  {
    files: ["lib/native.js"],
    rules: { "no-restricted-syntax": ["error", ...libSyntax, aboveTheBinding[0], belowTheInterfaces] },
  },
  {
    files: ["lib/load-binding.js"],
    rules: {
      "no-restricted-syntax": ["error", ...libSyntax, belowTheInterfaces],
      // Bundlers report a missing package as an error unless its require() is in a try.
      "no-useless-catch": "off",
    },
  },
  {
    files: ["__test__/**/*.js"],
    languageOptions: { globals: jest },
    rules: {
      // Tests read variables that handlers change, and read getters to see what they throw.
      "no-sequences": "off",
      "no-shadow": "off",
      "no-unmodified-loop-condition": "off",
      "no-useless-assignment": "off",
      "no-unused-expressions": "off",
      "require-atomic-updates": "off",
    },
  },
  {
    // These files run in the Web IDL harness's own context.
    files: ["__test__/idl/**/*.js"],
    languageOptions: {
      globals: Object.fromEntries(
        [
          "IdlArray", "TCPServerSocket", "TCPSocket", "UDPSocket", "UnixServerSocket", "UnixSocket", "add_completion_callback", "done",
          "idl_test", "promise_test", "setup", "test",
        ].map((name) => [name, "readonly"]),
      ),
    },
  },
  // Loops there wait for variables that callbacks change.
  { files: ["bench/**"], rules: { "no-unmodified-loop-condition": "off" } },
  // Users copy the examples, so they are written in the draft's style.
  { files: ["examples/**"], rules: { "no-var": "off", "no-unused-vars": ["error", { args: "none" }] } },
];
