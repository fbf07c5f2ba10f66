// Splits the text of a Rust file into tokens. It knows comments and strings, and no other syntax.

/**
 * `close`: the index of the bracket that closes this one; -1 if it is none that opens.
 *
 * @typedef {{ text: string, line: number, isName: boolean, close: number }} Token
 */

/** The beginning of the next token, or white space. */
const TOKEN = new RegExp(
  [
    /\s+/,
    /\/\/[^\n]*/,
    /(?<comment>\/\*)/,
    /[bc]?r(?<hashes>#*)"/,
    /(?<string>[bc]?")/,
    // The literal of a character or a byte. If this does not match, the quotation mark begins a lifetime (the next line).
    /b?'(?:\\(?:u\{[^}]*\}|x..|[^])|[^\\'\n])'/,
    /'[\p{L}_][\p{L}\p{N}_]*/u,
    /(?:r#)?(?<name>[\p{L}_][\p{L}\p{N}_]*)/u,
    /\d\w*(?:\.\d\w*)?/,
    /::/,
    /[^]/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "uy",
);
/** A bracket that opens. */
export const OPENER = /^[([{]$/;
/** A bracket that closes. */
export const CLOSER = /^[)\]}]$/;

/**
 * Splits text into tokens, without comments. The text of a string's token is one quotation mark and the content of the string.
 *
 * @param {string} text
 * @returns {Token[]}
 */
export function tokenize(text) {
  /** @type {Token[]} */
  const tokens = [];
  /** @type {Token[]} */
  const open = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const found = /** @type {RegExpExecArray} */ (TOKEN.exec(text));
    const { comment, hashes, string, name } = /** @type {Record<string, string | undefined>} */ (found.groups);
    let end = TOKEN.lastIndex;
    if (comment) end = endOfComment(text, end);
    else if (hashes !== undefined) end = after(text, `"${hashes}`, end);
    else if (string) end = endOfString(text, end);
    const whole = text.slice(at, end);
    if (!/^(\s|\/[/*])/.test(whole)) {
      const isString = string !== undefined || hashes !== undefined;
      const held = isString ? `"${text.slice(TOKEN.lastIndex, end - 1 - (hashes ?? "").length)}` : (name ?? whole);
      const token = { text: held, line, isName: name !== undefined, close: -1 };
      if (OPENER.test(token.text)) open.push(token);
      else if (CLOSER.test(token.text)) {
        const opener = open.pop();
        if (opener) opener.close = tokens.length;
      }
      tokens.push(token);
    }
    line += whole.split("\n").length - 1;
    at = end;
  }
  return tokens;
}

/** @param {string} text @param {string} what @param {number} from */
function after(text, what, from) {
  const found = text.indexOf(what, from);
  return found < 0 ? text.length : found + what.length;
}

/** The index after a block comment; these comments nest. @param {string} text @param {number} from */
function endOfComment(text, from) {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = from;
  for (let depth = 1; depth > 0; ) {
    const found = edge.exec(text);
    if (!found) return text.length;
    depth += found[0] === "/*" ? 1 : -1;
  }
  return edge.lastIndex;
}

/** @param {string} text @param {number} from */
function endOfString(text, from) {
  const rest = /(?:[^"\\]|\\[^])*"/y;
  rest.lastIndex = from;
  return rest.test(text) ? rest.lastIndex : text.length;
}
