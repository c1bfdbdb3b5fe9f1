import { distance } from "fastest-levenshtein";

/** More slips than this and a guess misleads. */
const MAX_SLIPS = 2;

/**
 * What an error message adds of a name that is near to a known one: `, did you mean "trl"?`, or nothing.
 *
 * @param name What was given.
 * @param known The names that there are.
 * @returns The end of a message.
 */
export function didYouMean(name: string, known: readonly string[]): string {
  const given = name.toLowerCase();
  const meant = known.find((candidate) => given !== "" && candidate.startsWith(given)) ??
    known
      .map((candidate) => ({ candidate, slips: distance(given, candidate.toLowerCase()) }))
      .filter(({ slips }) => slips <= MAX_SLIPS)
      .sort((a, b) => a.slips - b.slips)[0]?.candidate;
  return meant === undefined ? "" : `, did you mean "${meant}"?`;
}
