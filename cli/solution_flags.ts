import { type Command, Option } from "commander";
import { isInputError } from "../batch/mod.ts";
import type { ReadSolutionsOptions } from "../files/mod.ts";

/** Where records hold the text, for commands that read what people mine from. */
export const TEXT_FIELD: Option = new Option(
  "--text-field <PATH>",
  "field of the text, such as samples.response (default: found)",
);
/** Where they hold what names the prompt. */
export const PROMPT_FIELD: Option = new Option(
  "--prompt-field <PATH>",
  "field that names the prompt (default: found)",
);
/** Where they hold whether the text succeeded. */
export const LABEL_FIELD: Option = new Option(
  "--label-field <PATH>",
  "field that says whether it succeeded (default: found)",
);

/** What these options give. */
export type FieldFlags = Pick<ReadSolutionsOptions, "textField" | "promptField" | "labelField">;

/**
 * The same error, and the flag of the option that it is about.
 *
 * @param otherNames What an option is called among the flags, where that is another name.
 */
export function withFlag(
  error: unknown,
  command: Command,
  otherNames: Readonly<Record<string, string>> = {},
): unknown {
  if (!isInputError(error) || error.option === undefined) return error;
  const name = otherNames[error.option] ?? error.option;
  const flag = command.options.find((one) => one.attributeName() === name)?.long;
  return flag ? new Error(`${error.message} (${flag})`, { cause: error }) : error;
}
