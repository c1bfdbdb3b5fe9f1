/**
 * What `deno task test` leaves out, so that a newcomer's first run is short: it sets HICRA_TESTS to "quick", and
 * each test that is left out is ignored under a name that says which task runs it. Any other run of a file runs all
 * of it.
 */
export const isQuick: boolean = Deno.env.get("HICRA_TESTS") === "quick";

/** What `deno task test:full` filters by. */
const FULL = "(full)";

/** Registers a test that `deno task test` leaves out and `deno task test:full` runs. */
export function fullTest(name: string, run: () => void | Promise<void>): void {
  if (isQuick) Deno.test.ignore(`${name} ${FULL} (deno task test:full)`, () => {});
  else Deno.test(`${name} ${FULL}`, run);
}

/** Runs of a property: a tenth of them by `deno task test`, all by any other run. */
export function numRuns(all: number): number {
  return isQuick ? Math.ceil(all / 10) : all;
}
