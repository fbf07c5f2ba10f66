// Whether memory and descriptors stay flat over a run: the median of the second quarter of its samples against that of the last.

const MIB = 1 << 20;
/** What the engine's heap and the allocator's may vary by, in bytes. */
const SLACK = 24 * MIB;
/** Fewer samples than this say nothing. */
const LEAST = 40;

/** @param {number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/**
 * @param {{ rss: number, heapUsed: number, arrayBuffers: number, descriptors: number | undefined }[]} samples in the order of time
 * @returns {{ what: string, from: string, to: string, limit: string, isFlat: boolean }[]}
 */
export function growth(samples) {
  if (samples.length < LEAST) return [{ what: "samples", from: "0", to: String(samples.length), limit: `${LEAST} at least`, isFlat: false }];
  const quarter = samples.length >> 2;
  const early = samples.slice(quarter, 2 * quarter);
  const late = samples.slice(-quarter);
  const bytes = (value) => `${(value / MIB).toFixed(1)} MiB`;
  const rows = ["rss", "heapUsed", "arrayBuffers"].map((what) => {
    const [from, to] = [early, late].map((part) => median(part.map((sample) => sample[what])));
    const limit = from + Math.max(SLACK, from / 10);
    return { what, from: bytes(from), to: bytes(to), limit: bytes(limit), isFlat: to <= limit };
  });
  if (samples[0].descriptors !== undefined) {
    const [from, to] = [early, late].map((part) => median(part.map((sample) => sample.descriptors)));
    rows.push({ what: "descriptors", from: String(from), to: String(to), limit: String(from), isFlat: to <= from });
  }
  return rows;
}
