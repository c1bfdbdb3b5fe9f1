import { join } from "node:path";
import { readSolutions, type Solution, writeJsonl } from "../../files/mod.ts";

/** Parts of a corpus that growth is measured over: 1x, 2x and 4x. */
export const SHARES = [0.25, 0.5, 1] as const;

/**
 * Writes nested shares of a corpus, by prompts, so that a solution is in a share with all others of its prompt.
 *
 * @param rollouts The files of the corpus.
 * @param folder Where to write.
 * @returns A file of rollouts for each of {@linkcode SHARES}.
 */
export async function writeShares(
  rollouts: readonly string[],
  folder: string,
): Promise<string[]> {
  const ranks = new Map<string, number>();
  const solutions: (Solution & { readonly rank: number })[] = [];
  for await (const solution of readSolutions(rollouts)) {
    let rank = ranks.get(solution.promptId);
    if (rank === undefined) ranks.set(solution.promptId, rank = ranks.size);
    solutions.push({ ...solution, rank });
  }
  return await Promise.all(SHARES.map(async (share) => {
    const path = join(folder, `share-${share}.jsonl`);
    await writeJsonl(
      path,
      solutions.filter(({ rank }) => rank % 4 < 4 * share).map((solution) => ({
        prompt_id: solution.promptId,
        completion: solution.text,
        reward: solution.succeeded === undefined ? null : Number(solution.succeeded),
      })),
    );
    return path;
  }));
}
