// From measurements to figures, and to a Markdown table.

import { scenarios } from "./scenarios.mjs";

/** @typedef {import("./processes.mjs").Measurement} Measurement */
/** @typedef {import("./scenarios.mjs").Metric} Metric */

/**
 * A whole run, as --json writes it.
 *
 * @typedef {object} Run
 * @property {{ cpu: string, cores: number, kernel: string, pinned: boolean, load: number }} machine `load`: of other programs, before the run
 * @property {string} date
 * @property {{ rounds: number, seconds: number }} options
 * @property {string} subject
 * @property {Record<string, string>} peers each one's runtime, the subject's first
 * @property {{ scenario: string, peer: string, measurements: Measurement[], error?: string }[]} results
 */

/** @param {number[]} values */
export function medianOf(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @param {Metric} metric
 * @param {Measurement[]} measurements
 */
function figure({ of, scale }, measurements) {
  const isShare = of === "cpu" || of === "script";
  const values = measurements.map((one) => (isShare ? one[of] / one.units : /** @type {number} */ (one[of])));
  return medianOf(values) * scale;
}

/**
 * One line of the table for each metric of each scenario in the run.
 *
 * @param {Run} run
 */
export function linesOf(run) {
  return scenarios.flatMap((scenario) => {
    const results = run.results.filter((result) => result.scenario === scenario.name);
    if (results.length === 0) return [];
    return scenario.metrics.map((metric) => {
      const cells = Object.keys(run.peers).map((peer) => {
        const result = results.find((candidate) => candidate.peer === peer);
        if (result === undefined) return { peer };
        if (result.measurements.length === 0) return { peer, error: result.error };
        const rate = medianOf(result.measurements.map(({ units, seconds }) => units / seconds));
        return { peer, cost: figure(metric, result.measurements), rate };
      });
      const own = cells.find(({ peer }) => peer === run.subject)?.cost;
      const rated = cells.map((cell) => {
        const ratio = cell.cost === undefined || own === undefined ? undefined : cell.cost / own;
        return { ...cell, ratio };
      });
      return { scenario, metric, cells: rated };
    });
  });
}

/** @param {number} value */
function short(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/**
 * @param {number} rate
 * @param {boolean} bulk
 */
function shortRate(rate, bulk) {
  if (bulk) return `${short(rate / 1e6)} MB/s`;
  return rate >= 1e4 ? `${short(rate / 1e3)} k/s` : `${rate.toFixed(0)} /s`;
}

/**
 * @param {Run} run
 * @returns {string}
 */
export function table(run) {
  const peers = Object.keys(run.peers);
  const others = peers.filter((name) => name !== run.subject);
  const ratioTitle = (/** @type {string} */ name) => (name === "raw" ? `${run.subject} ÷ raw` : `${name} ÷ ${run.subject}`);
  const head = ["scenario", "figure", ...peers, ...others.map(ratioTitle)];
  const rows = linesOf(run).map(({ scenario, metric, cells }) => {
    const showsRate = metric.of === "cpu" && scenario.name !== "tcp-sparse";
    const shown = cells.map(({ cost, rate, error }) => {
      if (cost === undefined) return error === undefined ? "–" : "failed";
      const beside = showsRate ? ` (${shortRate(rate, scenario.bulk ?? false)})` : "";
      return `${short(cost)} ${metric.unit}${beside}`;
    });
    const ratios = cells
      .filter(({ peer }) => peer !== run.subject)
      .map(({ peer, ratio }) => (ratio === undefined ? "–" : `${(peer === "raw" ? 1 / ratio : ratio).toFixed(2)}x`));
    return [scenario.title, metric.label, ...shown, ...ratios];
  });
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, index) => (index < 2 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/**
 * The conditions of the run, as a sentence.
 *
 * @param {Run} run
 */
export function circumstances({ machine, date, options, peers }) {
  const runtimes = [...new Set(Object.values(peers))].filter((name) => name !== "epoll").join(", ");
  return (
    `${date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores${machine.pinned ? " (server on one, load on the other)" : ""}, ` +
    `Linux ${machine.kernel}, ${runtimes}; medians of ${options.rounds} interleaved rounds of ${options.seconds} s; ` +
    `load average before the run ${machine.load.toFixed(1)}`
  );
}
