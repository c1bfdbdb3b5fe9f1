import { z } from "zod";
import { checkOptions, strictOptions } from "../../batch/internal.ts";
import { InputSyntaxError } from "../../batch/mod.ts";
import type { GramKind } from "../../sg/mod.ts";
import english from "./prototypes.json" with { type: "json" };

/**
 * Phrases that show what the miner looks for, by example: some for each kind of gram, and some of
 * execution, the text that strategic grams must be told from. They are compared by the embedder and are
 * not themselves candidates.
 */
export interface Prototypes {
  /** Phrases that guide a solution, by what they do there; a kind without phrases is never given. */
  readonly kinds: Readonly<Partial<Record<GramKind, readonly string[]>>>;
  /** Phrases that carry a step out. */
  readonly execution: readonly string[];
}

const PHRASES = z.array(z.string().trim().min(1)).min(2);
const SCHEMA = strictOptions({
  format: z.literal("hicra-prototypes"),
  version: z.literal(1),
  kinds: strictOptions(
    {
      deduction: PHRASES.exactOptional(),
      branching: PHRASES.exactOptional(),
      backtracking: PHRASES.exactOptional(),
      other: PHRASES.exactOptional(),
    } satisfies Record<GramKind, z.ZodType>,
    "field",
  )
    .refine((kinds) => Object.keys(kinds).length > 0, "must hold at least one kind"),
  execution: PHRASES,
}, "field");

/**
 * Reads prototypes from the text of a file:
 * `{"format": "hicra-prototypes", "version": 1, "kinds": {"branching": [...], ...}, "execution": [...]}`,
 * at least two phrases each.
 *
 * @example Usage
 * ```ts
 * import { parsePrototypes } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const { kinds } = parsePrototypes(
 *   JSON.stringify({
 *     format: "hicra-prototypes",
 *     version: 1,
 *     kinds: { backtracking: ["warte, das stimmt nicht", "das muss ich noch einmal prüfen"] },
 *     execution: ["die Summe der", "ist gleich"],
 *   }),
 *   "german.json",
 * );
 * assert.deepEqual(Object.keys(kinds), ["backtracking"]);
 * ```
 *
 * @param text JSON.
 * @param name Name of the file, for errors.
 * @returns The prototypes.
 * @throws {SyntaxError} If the text is not JSON.
 * @throws {TypeError} If a field is unknown, missing or of another type; the message names it.
 * @throws {RangeError} If a value is not allowed.
 */
export function parsePrototypes(text: string, name: string): Prototypes {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read prototypes of "${name}" as they must be JSON: ${(error as Error).message}`,
      { cause: error },
    );
  }
  const { kinds, execution } = checkOptions(
    `read prototypes of "${name}"`,
    SCHEMA,
    value,
    "field",
  );
  return { kinds, execution };
}

/**
 * The prototypes that a miner uses by default: English, for worked solutions in mathematics. They were
 * written by hand from the paper's description of the three kinds, not drawn from any tagged text.
 *
 * @example Usage
 * ```ts
 * import { defaultPrototypes } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * assert.ok(defaultPrototypes().kinds.branching!.includes("let's try a different approach"));
 * ```
 *
 * @returns The prototypes.
 */
export function defaultPrototypes(): Prototypes {
  const { kinds, execution } = english;
  return { kinds, execution };
}
