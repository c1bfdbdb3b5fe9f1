import { z } from "zod";
import { didYouMean } from "./did_you_mean.ts";
import { InputRangeError, InputTypeError } from "./input_error.ts";

/** What messages call a key: the `option` of a function, the `field` of a file, the `key` of a configuration. */
export type KeyNoun = "option" | "field" | "key";

/** An object that refuses unknown keys and lists the known ones. */
export function strictOptions<Shape extends z.ZodRawShape>(
  shape: Shape,
  noun: KeyNoun = "option",
): z.ZodObject<Shape, z.core.$strict> {
  const keys = Object.keys(shape);
  const known = keys.length > 0 ? `known ${noun}s are ${keys.join(", ")}` : `it takes no ${noun}s`;
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? known + didYouMean((issue as { keys: string[] }).keys[0]!, keys)
        : undefined,
  });
}

/**
 * Parses options, or the fields of a file, and fills in defaults.
 *
 * @param action What cannot be done otherwise, such as `create transform "hicra"`.
 * @param schema Their schema.
 * @param options What the user gave.
 * @param noun What messages call them.
 * @returns The options with defaults.
 * @throws {TypeError} If an option has the wrong type or is not known.
 * @throws {RangeError} If a value is out of range.
 */
export function checkOptions<Options>(
  action: string,
  schema: z.ZodType<Options>,
  options: unknown,
  noun: KeyNoun = "option",
): Options {
  const result = schema.safeParse(options, { reportInput: true });
  if (result.success) return result.data;
  const issue = innermost(result.error.issues[0]!);
  const path = issue.path.map((key, i) =>
    typeof key === "number" ? `[${key}]` : i ? `.${String(key)}` : String(key)
  )
    .join("");
  if (issue.code === "unrecognized_keys") {
    const key = path === "" ? issue.keys[0]! : `${path}.${issue.keys[0]!}`;
    throw new InputTypeError(`Cannot ${action} as ${noun} "${key}" is not known: ${issue.message}`);
  }
  const value = issue.path.reduce<unknown>(
    (parent, key) => (parent as Record<PropertyKey, unknown> | undefined)?.[key],
    options,
  );
  const subject = path === "" ? `its ${noun}s` : path;
  const message = `Cannot ${action} as ${subject} ${rule(issue)}: current value is ${show(value)}`;
  // NaN and 0.5 are numbers, if not those that are asked for.
  const isNumber = typeof value === "number" && issue.code === "invalid_type" &&
    (issue.expected === "number" || issue.expected === "int");
  const isWrongType = issue.code === "invalid_type" || issue.code === "invalid_union";
  throw isWrongType && !isNumber ? new InputTypeError(message) : new InputRangeError(message);
}

type Issue = z.core.$ZodIssue;

/** The most telling issue: of a union, that of the branch the user most likely meant. */
function innermost(issue: Issue): Issue {
  if (issue.code !== "invalid_union") return issue;
  let best: Issue | undefined;
  let bestScore = Infinity;
  for (const branch of issue.errors) {
    const score = mismatchOf(branch);
    if (score < bestScore) [best, bestScore] = [branch[0], score];
  }
  if (best === undefined || bestScore >= WRONG_TYPE) return issue;
  return innermost({ ...best, path: [...issue.path, ...best.path] } as Issue);
}

const WRONG_TYPE = 100;

/** How far the issues of a branch are from saying that the user meant that branch. */
function mismatch(issue: Issue): number {
  if (issue.code === "unrecognized_keys") {
    // None of its keys is known: another kind of object.
    const isOther = issue.keys.length === Object.keys(Object(issue.input)).length;
    return isOther ? WRONG_TYPE : issue.keys.length;
  }
  if (issue.code === "invalid_union" && issue.errors.length === 0) {
    // No branch has this discriminator: a wrong one is a slip, none at all another kind of object.
    return Object.hasOwn(Object(issue.input), issue.path.at(-1)!) ? 0 : WRONG_TYPE;
  }
  if (issue.path.length > 0) return 0;
  if (issue.code === "invalid_type" || issue.code === "invalid_value") return WRONG_TYPE;
  if (issue.code !== "invalid_union") return 0;
  return Math.min(...issue.errors.map(mismatchOf));
}

function mismatchOf(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => sum + mismatch(issue), 0);
}

/** Where the name that zod gives a type is not JavaScript's. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  int: "an integer",
  record: "of type object",
};

function rule(issue: Issue): string {
  const { message } = issue;
  switch (issue.code) {
    case "too_small":
      if (issue.origin === "string") return "must not be empty";
      if (issue.origin === "array") return `must hold at least ${issue.minimum} values`;
      return `must be ${issue.inclusive ? "at least" : "greater than"} ${issue.minimum}`;
    case "too_big":
      if (issue.origin === "string") return `must be at most ${issue.maximum} characters long`;
      return `must be ${issue.inclusive ? "at most" : "less than"} ${issue.maximum}`;
    case "invalid_type":
      if (issue.expected === "number" && typeof issue.input === "number") return "must be finite";
      return `must be ${TYPE_NAMES[issue.expected] ?? `of type ${issue.expected}`}`;
    case "invalid_value":
      return message.startsWith("must")
        ? message
        : `must be ${issue.values.length > 1 ? "one of " : ""}${issue.values.map(show).join(", ")}`;
    case "invalid_union":
      return message.startsWith("must")
        ? message
        : `must be one of ${(issue as { options?: unknown[] }).options?.map(show).join(", ")}`;
    default:
      return message;
  }
}

function show(value: unknown): string {
  if (typeof value === "number" || value === undefined) return String(value);
  const text = JSON.stringify(value) ?? typeof value;
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}...`;
}

/** Characters of a value that a message shows. */
const MAX_SHOWN = 120;
