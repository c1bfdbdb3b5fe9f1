/**
 * The same error with the file in its message, for what reads contents and does not know where they
 * come from. An error that names the file already stays as it is.
 *
 * @param action What was tried, such as `load lexicon`.
 */
export function errorInFile(action: string, path: string, error: unknown): unknown {
  if (!(error instanceof Error) || namesPath(error, path)) return error;
  const Kind = [SyntaxError, TypeError, RangeError].find((kind) => error instanceof kind) ?? Error;
  return new Kind(`Cannot ${action} "${path}": ${error.message}`, { cause: error });
}

function namesPath({ message }: Error, path: string): boolean {
  return message.includes(`"${path}"`) || message.includes(`'${path}'`);
}
