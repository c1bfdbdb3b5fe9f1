import { z } from "zod";
import { Problem } from "./_problem.ts";

/** A field of the metadata that holds JSON: safetensors metadata maps text to text. */
function json<T extends z.ZodType>(schema: T) {
  return z.string().transform((text, context) => {
    try {
      return JSON.parse(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: `not JSON: ${(error as Error).message}` });
      return z.NEVER;
    }
  }).pipe(schema);
}

/** Tensors that a client may ask for. */
const OUTPUTS = ["advantages", "planning_mask", "kinds", "spans"] as const;

/** A tensor of an answer. */
export type Output = (typeof OUTPUTS)[number];

const matching = {
  // Written by every encoder of a batch, and checked where the batch is decoded.
  contract: z.string().optional(),
  "advantages_per": z.string().optional(),
  tokenizer: z.string().optional(),
  lexicon: z.string().min(1).optional(),
  outputs: json(z.array(z.enum(OUTPUTS))).optional(),
};

const measuring = {
  "correct_above": json(z.number()).optional(),
  "follower_length": json(z.int().min(1)).optional(),
};

/** What the metadata of a request may say, by operation. */
export const METADATA = {
  mask: z.strictObject({ ...matching, ...measuring }),
  transform: z.strictObject({
    ...matching,
    ...measuring,
    base: z.enum(["raw", "transformed"]).optional(),
    transforms: json(z.array(z.looseObject({ name: z.string().min(1) }))).optional(),
    baseline: z.string().min(1).optional(),
    "importance_sampling": z.enum(["token", "sequence"]).optional(),
    step: json(z.int().min(0)).optional(),
    signals: json(z.record(z.string(), z.number())).optional(),
  }),
  metrics: z.strictObject({
    ...matching,
    ...measuring,
    "group_scope": z.string().min(1).optional(),
    "group_names": json(z.array(z.string())).optional(),
  }),
};

/** Parses metadata strictly: what is not understood is not passed over. */
export function parseMetadata<T extends z.ZodObject>(
  schema: T,
  metadata: Readonly<Record<string, string>>,
): z.output<T> {
  const result = schema.safeParse(metadata);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  if (issue.code === "unrecognized_keys") {
    throw new Problem(
      400,
      "bad_request",
      `Cannot read the request as metadata "${issue.keys[0]}" is not known: known here are ${
        Object.keys(schema.shape).join(", ")
      }`,
    );
  }
  const [key] = issue.path as [string];
  throw new Problem(
    400,
    "bad_request",
    `Cannot read the request as metadata "${key}" is not valid, ${issue.message}: ` +
      `current value is ${metadata[key]}`,
  );
}
