import {
  type InputError,
  InputRangeError,
  InputSyntaxError,
  InputTypeError,
} from "../batch/mod.ts";

/**
 * The same error with the file in its message, for what reads contents and does not know where they
 * come from. An error of the system, which names its path itself, stays as it is.
 *
 * @param action What was tried, such as `load lexicon`.
 */
export function errorInFile(action: string, path: string, error: unknown): unknown {
  for (const Kind of [InputRangeError, InputTypeError, InputSyntaxError]) {
    if (error instanceof Kind) return inFile(Kind, action, path, error);
  }
  return error;
}

function inFile(
  Kind: new (message: string, options: { code: InputError["code"]; cause: unknown }) => InputError,
  action: string,
  path: string,
  error: InputError,
): InputError {
  return new Kind(`Cannot ${action} "${path}": ${error.message}`, {
    code: error.code,
    cause: error,
  });
}
