// Cuts a failing list of operations down: first it drops operations (delta debugging), then it makes what is left simpler.

/** How often a list is played that must fail again: real sockets do not repeat every race. */
const GIVE_UP = 2;

/**
 * Returns the smallest plan found that still breaks `rule`; undefined if the plan itself does not fail again.
 *
 * @param {any} plan
 * @param {(plan: any) => Promise<{ problems: { rule: string }[] }>} play
 * @param {string} rule
 * @param {number} ms how long it may take
 */
export async function shrink(plan, play, rule, ms) {
  const end = performance.now() + ms;
  const isTimeLeft = () => performance.now() < end;
  const fails = async (candidate) => isTimeLeft() && (await play(candidate)).problems.some((problem) => problem.rule === rule);
  let again = false;
  for (let i = 0; i < GIVE_UP && !again; i++) again = await fails(plan);
  if (!again) return undefined;
  let best = await dropOperations(plan, fails, isTimeLeft);
  best = await simplify(best, fails, isTimeLeft);
  return dropOperations(best, fails, isTimeLeft);
}

/** Drops as many operations as it can, in pieces of half of the list, then of a quarter, down to one. */
async function dropOperations(plan, fails, isTimeLeft) {
  let best = plan;
  for (let size = Math.ceil(best.operations.length / 2); size >= 1 && isTimeLeft(); size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.operations.length && isTimeLeft();) {
      const operations = [...best.operations.slice(0, at), ...best.operations.slice(at + size)];
      const candidate = { ...best, operations };
      if (await fails(candidate)) best = candidate;
      else at += size;
    }
  }
  return best;
}

/** Simpler values of each member of an operation, the simplest first. */
const SIMPLER = { when: ["now"], then: ["none", "turn"], size: [1, 1000], from: [0], count: [2], as: ["view"], how: ["add", "default", "read", "close"], rewrite: [false], aborted: [false], every: [0], passes: [0] };

/** Makes options and arguments simpler, one by one. */
async function simplify(plan, fails, isTimeLeft) {
  let best = plan;
  const attempt = async (candidate) => {
    if (isTimeLeft() && (await fails(candidate))) best = candidate;
  };
  if (best.early > 0) await attempt({ ...best, early: 0 });
  for (const index of best.ends?.keys() ?? []) {
    const { options } = best.ends[index];
    if (Object.keys(options).length > 0) await attempt({ ...best, ends: best.ends.map((one, at) => (at === index ? { ...one, options: {} } : one)) });
  }
  if (best.pairs?.length > 1 && best.relay !== true && best.operations.every(({ to }) => to < 2)) {
    await attempt({ ...best, pairs: best.pairs.slice(0, 1), ends: best.ends.slice(0, 2) });
  }
  for (const index of best.operations.keys()) {
    for (const [name, simpler] of Object.entries(SIMPLER)) {
      for (const value of simpler) {
        const operation = best.operations[index];
        if (!(name in operation) || operation[name] === value) break;
        const candidate = { ...best, operations: best.operations.map((one, at) => (at === index ? { ...one, [name]: value } : one)) };
        const before = best;
        // A value that its operation does not have makes the bench fail, which is another failure.
        await attempt(candidate);
        if (best !== before) break;
      }
    }
  }
  return best;
}
