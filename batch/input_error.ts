/** What a program tells the errors of this package apart by. */
export type InputErrorCode =
  /** A value, a length or a combination of options is not allowed. */
  | "out_of_range"
  /** A field is missing, unknown, or of another type. */
  | "wrong_type"
  /** Text or bytes are not of the format. */
  | "bad_syntax"
  /** A token id lies outside the tokenizer's vocabulary: padded by the model, or the wrong tokenizer. */
  | "token_outside_vocabulary"
  /** The filters of a step left nothing to go on with. */
  | "nothing_left"
  /** An optional package is not installed. */
  | "missing_package";

/** What may be said of an error beside its message. */
export interface InputErrorOptions extends ErrorOptions {
  /** What a program tells it apart by. Default: that of the class. */
  readonly code?: InputErrorCode;
  /** The option that it is about, by its name in the code, for a program that calls it otherwise. */
  readonly option?: string;
}

/**
 * A `RangeError` of this package: a value that it was given is not allowed.
 *
 * Errors that the runtime throws by itself are of no class of this file, so that a mistake of the
 * caller's and one of the code are told apart without reading a message.
 */
export class InputRangeError extends RangeError {
  /** What a program tells it apart by. */
  readonly code: InputErrorCode;
  /** The option that it is about, by its name in the code; `undefined` if it is about none. */
  readonly option: string | undefined;

  /**
   * Creates the error.
   *
   * @param message What cannot be done, by which rule, and the current value.
   * @param options The code, `"out_of_range"` by default, the option that it is about, and the cause.
   */
  constructor(
    message: string,
    { code = "out_of_range", option, ...options }: InputErrorOptions = {},
  ) {
    super(message, options);
    this.code = code;
    this.option = option;
  }
}

/** A `TypeError` of this package: something that it was given has another type or shape. */
export class InputTypeError extends TypeError {
  /** What a program tells it apart by. */
  readonly code: InputErrorCode;
  /** The option that it is about, by its name in the code; `undefined` if it is about none. */
  readonly option: string | undefined;

  /**
   * Creates the error.
   *
   * @param message What cannot be done, by which rule, and the current value.
   * @param options The code, `"wrong_type"` by default, the option that it is about, and the cause.
   */
  constructor(
    message: string,
    { code = "wrong_type", option, ...options }: InputErrorOptions = {},
  ) {
    super(message, options);
    this.code = code;
    this.option = option;
  }
}

/** A `SyntaxError` of this package: text or bytes that it was given do not parse. */
export class InputSyntaxError extends SyntaxError {
  /** What a program tells it apart by. */
  readonly code: InputErrorCode;
  /** The option that it is about, by its name in the code; `undefined` if it is about none. */
  readonly option: string | undefined;

  /**
   * Creates the error.
   *
   * @param message What cannot be done, by which rule, and the current value.
   * @param options The code, `"bad_syntax"` by default, the option that it is about, and the cause.
   */
  constructor(
    message: string,
    { code = "bad_syntax", option, ...options }: InputErrorOptions = {},
  ) {
    super(message, options);
    this.code = code;
    this.option = option;
  }
}

/** An error that says what is wrong with what this package was given. */
export type InputError = InputRangeError | InputTypeError | InputSyntaxError;

/**
 * Whether an error says what is wrong with what this package was given. Any other is a failure of the
 * system or a fault of the code.
 *
 * @example Usage
 * ```ts
 * import { checkBatch, isInputError } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * try {
 *   checkBatch({ offsets: Int32Array.of(1), lossMask: new Uint8Array(0) });
 *   assert.fail("offsets start at 0");
 * } catch (error) {
 *   assert.ok(isInputError(error));
 *   assert.equal(error.code, "out_of_range");
 * }
 * ```
 *
 * @param error Anything thrown.
 * @returns Whether it is an {@linkcode InputError}.
 */
export function isInputError(error: unknown): error is InputError {
  return error instanceof InputRangeError || error instanceof InputTypeError ||
    error instanceof InputSyntaxError;
}
