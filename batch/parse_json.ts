import { InputSyntaxError } from "./input_error.ts";

/**
 * Parses the JSON of a file.
 *
 * @param text The text.
 * @param name What error messages call it, for instance its path.
 * @throws {SyntaxError} If it is not JSON.
 */
export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read ${name} as it must be JSON: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
