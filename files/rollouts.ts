import {
  checkBatch,
  type CheckedBatch,
  Flag,
  InputRangeError,
  InputSyntaxError,
  InputTypeError,
} from "../batch/mod.ts";
import { rolloutName } from "./rollout_name.ts";

/**
 * One line of a rollout file: a JSON object. Fields that are not named here pass through untouched.
 * Either `token_ids` or `completion` is there; the ids win, as the text may not encode to them again.
 */
export interface Rollout {
  /** Equal for the rollouts of one prompt: they are a group. */
  readonly "prompt_id": string;
  /** The sampled text. */
  readonly completion?: string;
  /** `[tokens]`: the sampled token ids; any 32-bit integer, such as -100, where `loss_mask` is 0. */
  readonly "token_ids"?: readonly number[];
  /** Scalar reward of the rollout. */
  readonly reward?: number;
  /** The host's advantage of the whole rollout. */
  readonly advantage?: number;
  /** `[tokens]`: the host's token advantages; they win over `advantage`. */
  readonly advantages?: readonly number[];
  /** `[tokens]`, 0 or 1: sampled by the policy and trained on. All 1 when left out. */
  readonly "loss_mask"?: readonly number[];
  /** `[tokens]`: message or turn of each token. All 0 when left out. */
  readonly "segment_ids"?: readonly number[];
  /**
   * `[tokens]`, nats: log-probabilities of the tokens under the rollout-time policy; `null` where one was
   * not measured.
   */
  readonly logprobs?: readonly (number | null)[];
  /** `[tokens]`, nats: entropies of the next-token distributions; `null` where one was not measured. */
  readonly entropies?: readonly (number | null)[];
  /** The completion was cut at the length limit. */
  readonly truncated?: boolean;
  /** Anything else the user wants to see again in the output. */
  readonly [field: string]: unknown;
}

/** Options of {@linkcode rolloutsToBatch}. */
export interface RolloutsToBatchOptions {
  /**
   * Encodes a completion, without adding special tokens, where a rollout has no `token_ids`. See
   * `loadTokenizer`.
   */
  readonly encode?: (text: string) => ArrayLike<number>;
  /** Number of the first rollout in error messages, where a file is packed in parts. Default: 0. */
  readonly firstIndex?: number;
}

/** What {@linkcode rolloutsToBatch} returns. */
export interface RolloutBatch {
  /** One sequence per rollout, in order. */
  readonly batch: CheckedBatch;
  /** `[groups]`: the `prompt_id` of group `g`; groups are numbered in order of first appearance. */
  readonly promptIds: readonly string[];
}

/** Says what is wrong with a value, or null. */
type Rule = (value: unknown) => string | null;

const FIELD_RULES: Readonly<Record<string, Rule>> = {
  "prompt_id": oneOf((value) => typeof value === "string", "a string"),
  "completion": oneOf((value) => typeof value === "string", "a string"),
  "truncated": oneOf((value) => typeof value === "boolean", "true or false"),
  "reward": oneOf(Number.isFinite, "a finite number"),
  "advantage": oneOf(Number.isFinite, "a finite number"),
  "token_ids": arrayOf(isInt32, "32-bit integers"),
  "segment_ids": arrayOf(isInt32, "32-bit integers"),
  "loss_mask": arrayOf((value) => value === 0 || value === 1, "0 and 1"),
  "advantages": arrayOf(Number.isFinite, "finite numbers"),
  "logprobs": arrayOf(isMeasure, "finite numbers and null"),
  "entropies": arrayOf(isMeasure, "finite numbers and null"),
};

const TOKEN_FIELDS = ["advantages", "loss_mask", "segment_ids", "logprobs", "entropies"] as const;

/** Options of {@linkcode parseRollout}. */
export interface ParseRolloutOptions {
  /** Fields that are checked; all others stay as they are. Default: those that a rollout names. */
  readonly fields?: readonly string[];
}

/**
 * Parses one line of a rollout file and checks every field that {@linkcode Rollout} names. A named
 * field that is `null` counts as left out and is dropped, as Python writes `None` so.
 *
 * @example Usage
 * ```ts
 * import { parseRollout } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * const rollout = parseRollout('{"prompt_id": "p", "token_ids": [5, 6], "reward": 1, "note": "x"}');
 * assert.deepEqual(rollout, { prompt_id: "p", token_ids: [5, 6], reward: 1, note: "x" });
 * assert.throws(
 *   () => parseRollout('{"prompt_id": "p"}', "a.jsonl line 3"),
 *   /Cannot read a.jsonl line 3 as a rollout must have token_ids or completion/,
 * );
 * ```
 *
 * @param line One JSON object.
 * @param where What error messages call the line, for instance file and line number.
 * @param options Which fields are checked.
 * @returns The rollout, with unknown fields untouched.
 * @throws {SyntaxError} If the line is not JSON: cut off, or with NaN or Infinity in it.
 * @throws {TypeError} If a field is missing or breaks its rule, or two fields differ in length.
 */
export function parseRollout(
  line: string,
  where: string = "the line",
  { fields = Object.keys(FIELD_RULES) }: ParseRolloutOptions = {},
): Rollout {
  const rollout = parseObject(line, where);
  for (const field of fields) {
    const value = rollout[field];
    if (value === null) delete rollout[field];
    if (value === null || value === undefined) continue;
    const rule = FIELD_RULES[field];
    if (rule === undefined) {
      throw new InputRangeError(
        `Cannot read rollouts as fields must be among ${Object.keys(FIELD_RULES).join(", ")}: ` +
          `current value is "${field}"`,
      );
    }
    const broken = rule(value);
    if (broken !== null) {
      throw new InputTypeError(`Cannot read ${where} as ${field} ${broken}`);
    }
  }
  if (rollout.prompt_id === undefined) {
    throw new InputTypeError(
      `Cannot read ${where} as a rollout must have prompt_id: current fields are ` +
        Object.keys(rollout).join(", "),
    );
  }
  if (rollout.token_ids === undefined && rollout.completion === undefined) {
    throw new InputTypeError(
      `Cannot read ${where} as a rollout must have token_ids or completion: current fields are ` +
        Object.keys(rollout).join(", "),
    );
  }
  const checked = rollout as unknown as Rollout;
  if (checked.token_ids !== undefined) {
    checkLengths(checked, checked.token_ids.length, where, fields);
    checkTrainedIds(checked.token_ids, checked.loss_mask, where);
  }
  return checked;
}

/**
 * Packs rollouts into the batch contract, one sequence per rollout, in order.
 *
 * `token_ids` win over `completion`, `advantages` over `advantage`. `prompt_id` becomes `groupIds`,
 * numbered from 0 in order of first appearance. `loss_mask` defaults to ones, `segment_ids` to zeros,
 * `truncated` to false. Every other field must be in all rollouts or in none.
 *
 * @example Usage
 * ```ts
 * import { rolloutsToBatch } from "@hicra/hicra/files";
 * import assert from "node:assert/strict";
 *
 * const { batch, promptIds } = rolloutsToBatch([
 *   { prompt_id: "sum", token_ids: [5, 6], reward: 1 },
 *   { prompt_id: "sum", completion: "ab", reward: 0 },
 * ], { encode: (text) => Array.from(text, (character) => character.charCodeAt(0)) });
 * assert.deepEqual(batch.tokenIds, Int32Array.of(5, 6, 97, 98));
 * assert.deepEqual(batch.rewards, Float32Array.of(1, 0));
 * assert.deepEqual(batch.groupIds, Int32Array.of(0, 0));
 * assert.deepEqual(promptIds, ["sum"]);
 * ```
 *
 * @param rollouts As {@linkcode parseRollout} returns them.
 * @param options The encoder for rollouts without `token_ids`.
 * @returns The checked batch, and the `prompt_id` of each group.
 * @throws {TypeError} If a field is in some rollouts only, a length disagrees with the number of
 * tokens, or `options.encode` is needed and missing.
 * @throws {RangeError} If a value breaks the batch contract, or `options.encode` throws.
 */
export function rolloutsToBatch(
  rollouts: readonly Rollout[],
  { encode, firstIndex = 0 }: RolloutsToBatchOptions = {},
): RolloutBatch {
  const tokenIds = rollouts.map((rollout, index) => {
    const where = rolloutName(firstIndex + index, rollout.prompt_id);
    const ids = rollout.token_ids ?? encodeCompletion(rollout, where, encode);
    checkLengths(rollout, ids.length, where);
    return ids;
  });
  const offsets = new Int32Array(rollouts.length + 1);
  for (let s = 0; s < rollouts.length; s++) offsets[s + 1] = offsets[s]! + tokenIds[s]!.length;
  const numTokens = offsets[rollouts.length]!;

  const has = (field: string): boolean => rollouts.some((rollout) => rollout[field] !== undefined);
  const perSequence = (field: "reward" | "advantage"): Float32Array => {
    requireAll(rollouts, field);
    return Float32Array.from(rollouts, (rollout) => rollout[field]!);
  };
  const perToken = <A extends Int32Array | Uint8Array | Float32Array>(
    out: A,
    valuesOf: (rollout: Rollout, index: number) => ArrayLike<number> | undefined,
  ): A => {
    rollouts.forEach((rollout, s) => {
      const values = valuesOf(rollout, s);
      if (values !== undefined) out.set(values, offsets[s]!);
    });
    return out;
  };
  const floats = (field: "logprobs" | "entropies"): Float32Array => {
    requireAll(rollouts, field);
    return perToken(
      new Float32Array(numTokens),
      (rollout) => rollout[field]!.map((value) => value ?? NaN),
    );
  };

  const { groupIds, promptIds } = numberGroups(rollouts);
  const batch = checkBatch({
    offsets,
    tokenIds: perToken(new Int32Array(numTokens), (_, s) => tokenIds[s]),
    lossMask: perToken(new Uint8Array(numTokens).fill(1), (rollout) => rollout.loss_mask),
    groupIds,
    ...(has("reward") && { rewards: perSequence("reward") }),
    ...(has("advantages")
      ? {
        advantages: tokenAdvantages(rollouts, offsets),
        advantagesPer: "token" as const,
      }
      : has("advantage") && {
        advantages: perSequence("advantage"),
        advantagesPer: "sequence" as const,
      }),
    ...(has("logprobs") && { oldLogprobs: floats("logprobs") }),
    ...(has("entropies") && { entropies: floats("entropies") }),
    ...(has("segment_ids") && {
      segmentIds: perToken(new Int32Array(numTokens), (rollout) => rollout.segment_ids),
    }),
    ...(has("truncated") && {
      flags: Uint8Array.from(rollouts, (rollout) => rollout.truncated ? Flag.truncated : 0),
    }),
  });
  return { batch, promptIds };
}

function parseObject(line: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read ${where} as it must be one JSON object: ${(error as Error).message}` +
        syntaxHint(line),
      { cause: error },
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InputTypeError(
      `Cannot read ${where} as it must be one JSON object: current value is ${abbreviate(value)}`,
    );
  }
  return value as Record<string, unknown>;
}

function syntaxHint(line: string): string {
  if (/[:[,]\s*-?(NaN|Infinity)\b/.test(line)) {
    return "; JSON has no NaN and no Infinity: write null in logprobs and entropies, else drop the rollout";
  }
  return line.trimEnd().endsWith("}") ? "" : "; the line seems to be cut off";
}

function isMeasure(value: unknown): boolean {
  return value === null || Number.isFinite(value);
}

function isInt32(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) === ((value as number) | 0);
}

function oneOf(isValid: (value: unknown) => boolean, what: string): Rule {
  return (value) =>
    isValid(value) ? null : `must be ${what}: current value is ${abbreviate(value)}`;
}

function arrayOf(isValid: (value: unknown) => boolean, what: string): Rule {
  return (value) => {
    if (!Array.isArray(value)) {
      return `must be an array of ${what}: current value is ${abbreviate(value)}`;
    }
    const index = value.findIndex((element) => !isValid(element));
    if (index === -1) return null;
    return `must hold only ${what}: the value at index ${index} is ${abbreviate(value[index])}`;
  };
}

/** A parsed JSON value as text; a number too large for JSON parses to Infinity. */
function abbreviate(value: unknown): string {
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return text.length > 60 ? text.slice(0, 57) + "..." : text;
}

function checkLengths(
  rollout: Rollout,
  numTokens: number,
  where: string,
  fields: readonly string[] = TOKEN_FIELDS,
): void {
  for (const field of TOKEN_FIELDS) {
    if (!fields.includes(field)) continue;
    const values = rollout[field];
    if (values !== undefined && values.length !== numTokens) {
      throw new InputTypeError(
        `Cannot read ${where} as ${field} must hold one value per token: current length is ` +
          `${values.length}, the number of tokens is ${numTokens}`,
      );
    }
  }
}

/** What is not trained on is not looked up in a vocabulary: hosts write -100 there. */
function checkTrainedIds(
  tokenIds: readonly number[],
  lossMask: readonly number[] | undefined,
  where: string,
): void {
  const index = tokenIds.findIndex((id, i) => id < 0 && lossMask?.[i] !== 0);
  if (index === -1) return;
  throw new InputTypeError(
    `Cannot read ${where} as token_ids must be 0 or more where loss_mask is 1: the value at index ` +
      `${index} is ${tokenIds[index]}`,
  );
}

function encodeCompletion(
  rollout: Rollout,
  where: string,
  encode: RolloutsToBatchOptions["encode"],
): ArrayLike<number> {
  if (rollout.completion === undefined) {
    throw new InputTypeError(
      `Cannot pack ${where} as it must have token_ids or completion: has neither`,
    );
  }
  if (encode === undefined) {
    throw new InputTypeError(
      `Cannot pack ${where} as it has a completion and no token_ids: pass options.encode`,
    );
  }
  try {
    return encode(rollout.completion);
  } catch (error) {
    throw new InputRangeError(
      `Cannot pack ${where} as it cannot be encoded: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

function requireAll(rollouts: readonly Rollout[], field: string): void {
  const missing = rollouts.findIndex((rollout) => rollout[field] === undefined);
  if (missing === -1) return;
  const given = rollouts.findIndex((rollout) => rollout[field] !== undefined);
  throw new InputTypeError(
    `Cannot pack the rollouts as ${field} must be in all of them or in none: ` +
      `${rolloutName(given, rollouts[given]!.prompt_id)} has it, ${
        rolloutName(missing, rollouts[missing]!.prompt_id)
      } has not`,
  );
}

/** Where one rollout has token advantages, a scalar in another is repeated over its tokens. */
function tokenAdvantages(rollouts: readonly Rollout[], offsets: Int32Array): Float32Array {
  const out = new Float32Array(offsets[rollouts.length]!);
  rollouts.forEach((rollout, s) => {
    if (rollout.advantages !== undefined) {
      out.set(rollout.advantages, offsets[s]!);
    } else if (rollout.advantage !== undefined) {
      out.fill(rollout.advantage, offsets[s]!, offsets[s + 1]!);
    } else {
      throw new InputTypeError(
        `Cannot pack the rollouts as advantages or advantage must be in all of them or in none: ` +
          `${rolloutName(s, rollout.prompt_id)} has neither`,
      );
    }
  });
  return out;
}

function numberGroups(
  rollouts: readonly Rollout[],
): { groupIds: Int32Array; promptIds: string[] } {
  const numbers = new Map<string, number>();
  const groupIds = Int32Array.from(rollouts, ({ prompt_id: promptId }) => {
    const known = numbers.get(promptId);
    if (known !== undefined) return known;
    numbers.set(promptId, numbers.size);
    return numbers.size - 1;
  });
  return { groupIds, promptIds: [...numbers.keys()] };
}
