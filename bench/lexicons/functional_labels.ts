import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { InputRangeError, InputSyntaxError, InputTypeError } from "../../batch/mod.ts";
import type { Lexicon } from "../../sg/mod.ts";
import { distinctGrams } from "../grams.ts";
import type { Interval } from "./bootstrap.ts";
import { normalizePhrase } from "../normalize.ts";
import { wilsonInterval } from "./wilson.ts";

/** What the labels say of the grams of a lexicon. */
export interface FunctionalScore {
  /** Functional grams over labeled grams, with its 95 % Wilson interval; NaN of no labeled gram. */
  readonly precision: Interval;
  /** Distinct grams with a label. */
  readonly labeled: number;
  /** Labeled grams that guide the process or propose a plan. */
  readonly functional: number;
  /** Distinct grams without a label. */
  readonly unlabeled: number;
}

/** Labels by normalized phrase: true if it guides the process or proposes a plan. */
export type FunctionalLabels = ReadonlyMap<string, boolean>;

/** The labels that the repository ships. */
export const LABELS_FILE: string = fileURLToPath(new URL("labels.jsonl", import.meta.url));

/**
 * Reads labels: a JSON object a line, `text` (the phrase) and `label` (true or false). Labels know
 * nothing of where the phrase came from. Blank lines are skipped.
 *
 * @param content Content of the file.
 * @param name Its name, for messages.
 * @returns The labels; phrases that are equal once normalized are one.
 * @throws {SyntaxError} If a line is no JSON.
 * @throws {TypeError} If a field is missing, unknown or of the wrong type.
 * @throws {RangeError} If a phrase has both labels.
 */
export function parseLabels(content: string, name: string): FunctionalLabels {
  const labels = new Map<string, boolean>();
  for (const [l, line] of content.split("\n").entries()) {
    if (line.trim() === "") continue;
    const { text, label } = parseLabel(line, `${name}, line ${l + 1}`);
    const phrase = normalizePhrase(text);
    if ((labels.get(phrase) ?? label) !== label) {
      throw new InputRangeError(
        `Cannot read labels as a phrase must have one label: ${name}, line ${l + 1} contradicts ` +
          `an earlier line on "${phrase}"`,
      );
    }
    labels.set(phrase, label);
  }
  return labels;
}

/**
 * Reads a label file, see {@linkcode parseLabels}.
 *
 * @param path The file.
 * @returns The labels, or undefined if there is no such file.
 */
export async function loadLabels(
  path: string = LABELS_FILE,
): Promise<FunctionalLabels | undefined> {
  let content: string;
  try {
    content = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return parseLabels(content, path);
}

/**
 * Scores the grams of a lexicon by labels; grams that normalize to the same text count once.
 *
 * @param lexicon The lexicon.
 * @param labels The labels.
 * @returns Functional precision of the labeled grams, and how many have no label.
 */
export function scoreFunction(lexicon: Lexicon, labels: FunctionalLabels): FunctionalScore {
  const known = distinctGrams(lexicon).map((text) => labels.get(text));
  const labeled = known.filter((label) => label !== undefined).length;
  const functional = known.filter((label) => label === true).length;
  return {
    precision: wilsonInterval(functional, labeled),
    labeled,
    functional,
    unlabeled: known.length - labeled,
  };
}

function parseLabel(line: string, where: string): { text: string; label: boolean } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    throw new InputSyntaxError(`Cannot read labels as every line must be JSON: ${where} is not`, {
      cause: error,
    });
  }
  const { text, label, ...rest } = (parsed ?? {}) as { text?: unknown; label?: unknown };
  if (
    typeof text !== "string" || typeof label !== "boolean" || Object.keys(rest).length > 0
  ) {
    throw new InputTypeError(
      `Cannot read labels as a line must hold text and a label of true or false: ${where} is ` +
        line,
    );
  }
  return { text, label };
}
