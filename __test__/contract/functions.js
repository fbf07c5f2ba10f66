"use strict";

// The functions of the binding: which there are, and what they answer with where the native half has panicked.

const { body, found, known, number, passage, valueOf } = require("./reading.js");

/** @typedef {import("./reading.js").Texts} Texts */
/** @typedef {import("./items.js").Item} Item */

/** What docs/binding.md calls that JavaScript gives. */
const OTHERS = ["hasRef", "serve", "turn"];

/** The functions that are exported always, with what they answer with after a panic. @param {string} seam */
function exported(seam) {
  return [...body(/\bdefine! \{/, seam).matchAll(/"(\w+)" => [\w:]+, Panicked::(\w+)(?:\(([^;]*)\))?;/g)].map(([, name, kind, value]) => ({ name, kind, value }));
}

/** The functions that lib/ knows, with their types. @param {string} lib */
function typed(lib) {
  const [, inside = ""] = /@typedef \{object\} Binding\n([^]*?)\*\//.exec(lib) ?? [];
  return [...inside.matchAll(/@property \{(.*)\} (\w+)$/gm)].map(([, type, name]) => ({ name, type }));
}

/** @param {string[]} names */
const present = (names) => Object.fromEntries(names.map((name) => [name, true]));

/** @type {Item} */
const functions = {
  sides: {
    "src/": ({ seam }) => present(exported(seam).map(({ name }) => name)),
    "lib/": ({ lib }) => present(typed(lib).map(({ name }) => name)),
    "docs/binding.md": ({ binding }) => present([...binding.matchAll(/`(\w+)\(/g)].map(([, name]) => name).filter((name) => !OTHERS.includes(name))),
  },
};

/** JavaScript looks for a Failure only where one is promised: who answers with one has it in its type. @type {Item} */
const failures = {
  sides: {
    "src/": ({ seam }) => present(exported(seam).filter(({ kind }) => kind === "Failure").map(({ name }) => name)),
    "lib/": ({ seam, lib }) => {
      const asked = exported(seam).filter(({ kind }) => kind === "Failure").map(({ name }) => name);
      return present(typed(lib).filter(({ name, type }) => asked.includes(name) && / => .*\bFailure\b/.test(type)).map(({ name }) => name));
    },
  },
};

/** The members of a Failure. @type {Item} */
const failureMembers = {
  sides: {
    "src/": ({ seam }) => present([...seam.matchAll(/\bset\((?:env, )?failure, c"(\w+)"/g)].map(([, name]) => name)),
    "lib/": ({ lib }) => {
      const [, inside = ""] = /@typedef \{object\} Failure\n([^]*?)\*\//.exec(lib) ?? [];
      return present([...inside.matchAll(/@property \{.*?\} \[?(\w+)/g)].map(([, name]) => name));
    },
    "docs/binding.md": ({ binding }) => present(found(/\*\*Failure\*\* [^{]*\{([^}]*)\}/, binding)?.match(/\w+/g) ?? []),
  },
};

/** @type {Item} */
const panics = {
  sides: {
    "src/": ({ seam, src }) => {
      const answers = Object.fromEntries(exported(seam).map(({ name, kind, value }) => [name, value === undefined ? kind : valueOf(value, seam, src)]));
      const { readyState, bufferedAmount, connections, close, secureInfo, next } = answers;
      const sends = new Set(["send", "sendString", "sendScratch", "sendBlob"].map((name) => answers[name]));
      return known({ readyState, bufferedAmount, connections, close, secureInfo, next, send: sends.size === 1 ? [...sends][0] : "not all the same" });
    },
    "docs/binding.md": ({ binding }) => {
      const sentence = passage("`readyState` ", "## Starting", binding);
      return known({
        readyState: number(/`readyState` (\d+)/, sentence),
        bufferedAmount: number(/`bufferedAmount`(?: and `\w+`)* (\d+)/, sentence),
        connections: number(/`connections`(?: and `\w+`)* (\d+)/, sentence),
        close: found(/`close` (false)/, sentence) && "False",
        secureInfo: found(/`secureInfo` (null)/, sentence) && "Null",
        next: found(/`next` (no event)/, sentence) && "NoEvent",
        send: number(/\bsend (-?\d+)/, sentence),
      });
    },
  },
};

/** What attach() takes as `wake`. @type {Item} */
const wakeSources = {
  sides: {
    "src/": ({ seam }) => present([...seam.matchAll(/"(\w+)" => Some\((?:Self|Source)::\w+\)/g)].map(([, name]) => name)),
    "lib/": ({ lib }) => present([...(/@typedef \{([^}]*)\} Wake\b/.exec(lib)?.[1] ?? "").matchAll(/"(\w+)"/g)].map(([, name]) => name)),
    "docs/binding.md": ({ binding }) => present([...(/`options\.wake`: ([^(]*)/.exec(binding)?.[1] ?? "").matchAll(/`"(\w+)"`/g)].map(([, name]) => name)),
  },
};

module.exports = { failureMembers, failures, functions, panics, wakeSources };
