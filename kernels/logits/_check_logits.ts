import { InputRangeError, InputTypeError } from "../../batch/mod.ts";
import { checkType } from "../_check_type.ts";
import { DTYPE_BYTES, type LogitDtype, logitReader, type Logits } from "../logit_dtype.ts";

/** Largest `topK`: each invocation keeps a list of that length. */
export const MAX_TOP_K = 64;

/** The settings of a training run that all backends take. */
export interface LogitSettings {
  readonly vocabSize: number;
  readonly dtype: LogitDtype;
  readonly temperature: number;
}

/** Checks vocabulary size, element type and temperature. */
export function checkSettings(
  action: string,
  { vocabSize, dtype, temperature }: LogitSettings,
): void {
  if (!Number.isInteger(vocabSize) || vocabSize < 1) {
    throw new InputRangeError(
      `Cannot ${action} as vocabSize must be a positive integer: current value is ${vocabSize}`,
    );
  }
  if (!Object.hasOwn(DTYPE_BYTES, dtype)) {
    throw new InputRangeError(
      `Cannot ${action} as dtype must be "f32", "f16" or "bf16": current value is "${dtype}"`,
    );
  }
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new InputRangeError(
      `Cannot ${action} as temperature must be a positive number: current value is ${temperature}`,
    );
  }
}

export function checkTopK(topK: number): void {
  if (!Number.isInteger(topK) || topK < 0 || topK > MAX_TOP_K) {
    throw new InputRangeError(
      `Cannot compute logit statistics as topK must be an integer from 0 to ${MAX_TOP_K}: ` +
        `current value is ${topK}`,
    );
  }
}

/** Checks the arrays of one call: types, lengths, and the ids of the rows that count. */
export function checkLogitArrays(
  action: string,
  { logits, tokenIds, lossMask }: {
    readonly logits: Logits;
    readonly tokenIds: Int32Array;
    readonly lossMask: Uint8Array | undefined;
  },
  { vocabSize, dtype }: LogitSettings,
): void {
  const type = dtype === "f32" ? Float32Array : Uint16Array;
  if (!(logits instanceof type)) {
    const current = (logits as object)?.constructor?.name ?? String(logits);
    const hint = current === "Float16Array" && dtype === "f16"
      ? ", pass new Uint16Array(it.buffer, it.byteOffset, it.length)"
      : "";
    throw new InputTypeError(
      `Cannot ${action} as logits of dtype "${dtype}" must be a ${type.name}: ` +
        `current value is ${current}${hint}`,
    );
  }
  checkType(action, "tokenIds", tokenIds, Int32Array);
  if (lossMask !== undefined) checkType(action, "lossMask", lossMask, Uint8Array);
  const numTokens = tokenIds.length;
  if (logits.length !== numTokens * vocabSize) {
    throw new InputRangeError(
      `Cannot ${action} as logits must hold ${vocabSize} values for each of ${numTokens} tokens, ` +
        `${numTokens * vocabSize}: current length is ${logits.length}`,
    );
  }
  checkPerToken(action, "lossMask", lossMask, numTokens);
  for (let t = 0; t < numTokens; t++) {
    if (lossMask?.[t] !== 0 && tokenIds[t]! >= vocabSize) {
      throw new InputRangeError(
        `Cannot ${action} as token ids must be below the vocabulary's size, ${vocabSize}: ` +
          `tokenIds[${t}] is ${tokenIds[t]}, or make it negative to leave the token out`,
      );
    }
  }
}

export function checkPerToken(
  action: string,
  name: string,
  values: ArrayLike<number> | undefined,
  numTokens: number,
): void {
  if (values !== undefined && values.length !== numTokens) {
    throw new InputRangeError(
      `Cannot ${action} as ${name} must hold one value per token, ${numTokens}: ` +
        `current length is ${values.length}`,
    );
  }
}

/** The error of a row that has no distribution; says which logit is to blame. */
export function badRow(
  action: string,
  logits: Logits,
  token: number,
  { vocabSize, dtype }: LogitSettings,
): InputRangeError {
  const read = logitReader(logits, dtype);
  const leave = `or give it a negative id to leave the token out`;
  for (let v = 0; v < vocabSize; v++) {
    const value = read(token * vocabSize + v);
    if (Number.isNaN(value) || value === Infinity) {
      return new InputRangeError(
        `Cannot ${action} as logits must be finite or -Infinity: entry ${v} of token ${token} is ` +
          `${value}, ${leave}`,
      );
    }
  }
  return new InputRangeError(
    `Cannot ${action} as a token must have a logit above the lowest f32: all of token ${token} are ` +
      `-Infinity or lowest, ${leave}`,
  );
}

/** The lowest finite f32; a row without a greater logit has no distribution. */
export const LOWEST = -3.4028234663852886e38;
