// The bar chart of a run: each peer's cost. The package's cost is 1.

import { circumstances, linesOf } from "./report.mjs";

/** The width that the longest label leaves for the bars. */
const BARS = 450;
/** The approximate width of a label's character. */
const LETTER = 6.3;
const RIGHT = 70;
const BAR = 11;
const GAP = 12;
const TOP = 84;
/** The limit of a bar's length. Longer bars are cut off; their label gives the real length. */
const MOST = 4;
/** Colours, in the order of the run's peers without the subject. They also differ in brightness. */
const COLOURS = ["#d1495b", "#6c757d", "#edae49", "#5c80bc", "#8d6a9f", "#4f9d69"];
const OWN = "#00798c";

/** @param {string} text */
function escape(text) {
  return text.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
}

/**
 * @param {import("./report.mjs").Run} run
 * @returns {string} SVG
 */
export function chart(run) {
  const others = Object.keys(run.peers).filter((name) => name !== run.subject);
  const lines = linesOf(run).map((line) => ({ ...line, label: `${line.scenario.title}: ${line.metric.label}` }));
  const left = Math.ceil(Math.max(...lines.map(({ label }) => label.length)) * LETTER) + 20;
  const width = left + BARS + RIGHT;
  const scale = BARS / MOST;
  const one = left + scale;
  const parts = [];
  const text = (/** @type {number} */ x, /** @type {number} */ y, /** @type {string} */ said, rest = "") =>
    parts.push(`<text x="${x}" y="${y}" ${rest}>${escape(said)}</text>`);

  let y = TOP;
  for (const { label, cells } of lines) {
    const bars = cells.filter(({ peer, ratio }) => peer !== run.subject && ratio !== undefined);
    if (bars.length === 0) continue;
    const height = bars.length * BAR;
    // The line of the package's own cost, drawn behind the bars' labels.
    parts.push(`<line x1="${one}" y1="${y - GAP / 2}" x2="${one}" y2="${y + height + GAP / 2}" stroke="${OWN}" stroke-width="2"/>`);
    text(left - 10, y + height / 2 + 4, label, 'text-anchor="end"');
    bars.forEach(({ peer, ratio }, index) => {
      const length = Math.min(ratio, MOST) * scale;
      const top = y + index * BAR;
      const colour = COLOURS[others.indexOf(peer) % COLOURS.length];
      parts.push(`<rect x="${left}" y="${top}" width="${length.toFixed(1)}" height="${BAR - 2}" fill="${colour}"/>`);
      text(left + length + 5, top + BAR - 3, `${ratio.toFixed(2)}${ratio > MOST ? " →" : ""}`, 'font-size="10" stroke="#fff" stroke-width="3" paint-order="stroke"');
    });
    y += height + GAP;
  }
  text(one + 5, TOP - 12, `${run.subject === "package" ? "tcp-udp-sockets" : run.subject} = 1`, `fill="${OWN}"`);
  text(12, 24, "What a server costs, as a multiple of tcp-udp-sockets' cost (longer: dearer)", 'font-size="16" font-weight="bold"');
  others.forEach((peer, index) => {
    const x = 12 + index * 120;
    parts.push(`<rect x="${x}" y="38" width="12" height="12" fill="${COLOURS[index % COLOURS.length]}"/>`);
    text(x + 18, 48, peer);
  });
  const [machine, how] = circumstances(run).split("; medians");
  text(12, y + 14, machine, 'font-size="10" fill="#555"');
  text(12, y + 28, `Medians${how}`, 'font-size="10" fill="#555"');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 40}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<rect width="${width}" height="${y + 40}" fill="#fff"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}
