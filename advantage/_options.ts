import { z } from "zod";
import { didYouMean } from "../batch/internal.ts";
import { InputRangeError, InputTypeError } from "../batch/mod.ts";
import type { Schedule } from "./schedule.ts";

/** An object that refuses unknown keys and lists the known ones. */
export function strictOptions<Shape extends z.ZodRawShape>(
  shape: Shape,
): z.ZodObject<Shape, z.core.$strict> {
  const keys = Object.keys(shape);
  const known = keys.length > 0 ? `known options are ${keys.join(", ")}` : "it takes no options";
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? known + didYouMean((issue as { keys: string[] }).keys[0]!, keys)
        : undefined,
  });
}

/** Bounds of every number in a {@linkcode Schedule}, both inclusive. */
export interface Bounds {
  readonly min: number;
  readonly max?: number;
}

export function numberWithin({ min, max }: Bounds): z.ZodNumber {
  return max === undefined ? z.number().min(min) : z.number().min(min).max(max);
}

export function scheduleSchema(bounds: Bounds): z.ZodType<Schedule> {
  const number = numberWithin(bounds);
  const linear = strictOptions({
    type: z.literal("linear"),
    from: number,
    to: number,
    steps: z.int().min(1),
    start: z.int().min(0).default(0),
  });
  const gated = strictOptions({
    type: z.literal("gated"),
    signal: z.string().min(1),
    threshold: z.number(),
    when: z.enum(["above", "below"]),
    open: z.union([number, linear], { error: "must be a number or a linear schedule" }),
    closed: number.default(0),
  });
  return z.union([number, z.discriminatedUnion("type", [linear, gated])], {
    error: 'must be a number or a schedule of type "linear" or "gated"',
  });
}

/**
 * Parses options and fills in defaults.
 *
 * @param action What cannot be done otherwise, such as `create transform "hicra"`.
 * @param schema Schema of the options.
 * @param options What the user gave.
 * @returns The options with defaults.
 * @throws {TypeError} If an option has the wrong type or is not known.
 * @throws {RangeError} If a value is out of range.
 */
export function checkOptions<Options>(
  action: string,
  schema: z.ZodType<Options>,
  options: unknown,
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
    throw new InputTypeError(`Cannot ${action} as option "${key}" is not known: ${issue.message}`);
  }
  const value = issue.path.reduce<unknown>(
    (parent, key) => (parent as Record<PropertyKey, unknown> | undefined)?.[key],
    options,
  );
  const subject = path === "" ? "its options" : path;
  const message = `Cannot ${action} as ${subject} ${rule(issue)}: current value is ${show(value)}`;
  throw issue.code === "invalid_type" || issue.code === "invalid_union"
    ? new InputTypeError(message)
    : new InputRangeError(message);
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
  if (issue.code === "unrecognized_keys") return issue.keys.length;
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

function rule(issue: Issue): string {
  const { message } = issue;
  switch (issue.code) {
    case "too_small":
      return issue.origin === "string"
        ? "must not be empty"
        : `must be ${issue.inclusive ? "at least" : "greater than"} ${issue.minimum}`;
    case "too_big":
      return `must be ${issue.inclusive ? "at most" : "less than"} ${issue.maximum}`;
    case "invalid_type":
      return `must be ${issue.expected === "int" ? "an integer" : `of type ${issue.expected}`}`;
    case "invalid_value":
      return `must be one of ${issue.values.map(show).join(", ")}`;
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
  return JSON.stringify(value) ?? typeof value;
}
