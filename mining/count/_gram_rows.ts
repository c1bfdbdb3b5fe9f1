import { MAX_EXAMPLES } from "./_examples.ts";

/** Fields of a row: what is known of a gram, 32 integers or two cache lines. */
export const Field = {
  low: 0,
  high: 1,
  /** Prefix hash. */
  range: 2,
  textStart: 3,
  textLength: 4,
  /** FNV-1a of the text, for the priorities of examples. */
  textHash: 5,
  numWords: 6,
  occurrences: 7,
  solutions: 8,
  lastSolution: 9,
  sentenceStarts: 10,
  paragraphStarts: 11,
  mathSentences: 12,
  followedByMath: 13,
  lastPrompt: 14,
  numExamples: 15,
  /** Four fields each of up to four examples, best first. */
  examples: 16,
} as const;

/** Fields of an example: those of {@linkcode Quotation}. */
const EXAMPLE = 4;
export const ROW: number = Field.examples + EXAMPLE * MAX_EXAMPLES;

/** Where an example is cut out of the text of a solution, and its priority as a signed integer. */
export interface Quotation {
  readonly priority: number;
  /** Number of the solution in the corpus. */
  readonly solution: number;
  readonly from: number;
  readonly to: number;
}

/** Whether an example of that priority may be one of the best of the gram at `row`. */
export function takesExample(rows: Int32Array, row: number, priority: number): boolean {
  const worst = row + ROW - EXAMPLE;
  return rows[row + Field.numExamples]! < MAX_EXAMPLES || priority >>> 0 <= rows[worst]! >>> 0;
}

/**
 * Keeps the best examples of the gram at `row`: those of the least unsigned priority, then of the first
 * solution, one a solution. Of equal ones of a solution the first call counts.
 */
export function addExample(
  rows: Int32Array,
  row: number,
  { priority, solution, from, to }: Quotation,
): void {
  const first = row + Field.examples;
  let end = first + EXAMPLE * rows[row + Field.numExamples]!;
  const comesBefore = (place: number): boolean =>
    priority >>> 0 < rows[place]! >>> 0 ||
    (priority === rows[place]! && solution < rows[place + 1]!);
  let place = first;
  while (place < end && rows[place + 1] !== solution) place += EXAMPLE;
  if (place < end) {
    if (!comesBefore(place)) return;
    end -= EXAMPLE;
  } else if (end === row + ROW) {
    place = end -= EXAMPLE;
    if (!comesBefore(place)) return;
  }
  // The example at `place` is replaced, and moves up past those it comes before.
  while (place > first && comesBefore(place - EXAMPLE)) {
    rows.copyWithin(place, place - EXAMPLE, place);
    place -= EXAMPLE;
  }
  rows[place] = priority;
  rows[place + 1] = solution;
  rows[place + 2] = from;
  rows[place + 3] = to;
  rows[row + Field.numExamples] = (end - first) / EXAMPLE + 1;
}

/** The examples of the gram at `row`, best first. */
export function examplesOf(rows: Int32Array, row: number): Quotation[] {
  return Array.from({ length: rows[row + Field.numExamples]! }, (_, example) => {
    const at = row + Field.examples + EXAMPLE * example;
    return {
      priority: rows[at]!,
      solution: rows[at + 1]!,
      from: rows[at + 2]!,
      to: rows[at + 3]!,
    };
  });
}
