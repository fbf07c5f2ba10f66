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
 * The ratio of two costs, round by round: the two of a round were measured right after each other, so what slows the machine down slows both.
 * `spread` is half of the distance between the quartiles.
 *
 * @param {Metric} metric
 * @param {Measurement[]} peer
 * @param {Measurement[]} own
 */
function ratioOf(metric, peer, own) {
  const rounds = Math.min(peer.length, own.length);
  const ratios = Array.from({ length: rounds }, (_, round) => figure(metric, [peer[round]]) / figure(metric, [own[round]])).sort((a, b) => a - b);
  const quartile = (/** @type {number} */ share) => ratios[Math.round(share * (rounds - 1))];
  return { ratio: medianOf(ratios), spread: (quartile(0.75) - quartile(0.25)) / 2 };
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
      const own = results.find((candidate) => candidate.peer === run.subject)?.measurements ?? [];
      const rated = cells.map((cell) => {
        const measurements = results.find((candidate) => candidate.peer === cell.peer)?.measurements ?? [];
        return measurements.length === 0 || own.length === 0 ? cell : { ...cell, ...ratioOf(metric, measurements, own) };
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
      .map(({ peer, ratio, spread = 0 }) => {
        if (ratio === undefined) return "–";
        // The column of raw shows the package's share of it.
        const [shownRatio, shownSpread] = peer === "raw" ? [1 / ratio, spread / ratio ** 2] : [ratio, spread];
        const isLevel = Math.abs(ratio - 1) < spread;
        return `${isLevel ? "level, " : ""}${shownRatio.toFixed(2)}x ±${shownSpread.toFixed(2)}`;
      });
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
    `Linux ${machine.kernel}, ${runtimes}; medians of ${options.rounds} interleaved rounds of ${options.seconds} s, ± half of the distance between the quartiles of the ratios; ` +
    `load average before the run ${machine.load.toFixed(1)}`
  );
}
