import { z } from "zod";
import { strictOptions } from "../batch/internal.ts";
import { normalizeText } from "./_normalize.ts";
import { GRAM_KINDS } from "./gram.ts";

/** Longer than any phrase: a gram beyond this is a file that was split at the wrong place. */
const MAX_GRAM_LENGTH = 512;

const text = z.string().max(MAX_GRAM_LENGTH).refine(
  (text) => normalizeText(text) !== "",
  "must hold more than white space",
);
const count = z.int().min(0);

/** A record whose keys come out sorted, so that equal lexicons give equal bytes. */
function sortedRecord<Value extends z.ZodType>(value: Value) {
  return z.record(z.string(), value).transform((record): Record<string, z.output<Value>> => {
    const keys = Object.keys(record).sort();
    return Object.fromEntries(keys.map((key) => [key, record[key]!]));
  });
}

const counted = { text, documentFrequency: count, occurrences: count };

/** A gram; its fields in the order of the file format. */
const gram = strictOptions({
  text,
  kind: z.enum(GRAM_KINDS),
  confidence: z.number().min(0).max(1).exactOptional(),
  cluster: count.exactOptional(),
  documentFrequency: count.exactOptional(),
  occurrences: count.exactOptional(),
  statistics: sortedRecord(z.number()).exactOptional(),
  example: z.string().exactOptional(),
  controlOf: strictOptions(counted, "field").exactOptional(),
}, "field");

/** A larger number may have lost digits, and provenance is written again by whoever thins out or merges. */
const whole = z.number().min(-Number.MAX_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);

const provenance = strictOptions({
  source: z.string(),
  corpusDigest: z.string().exactOptional(),
  matching: z.literal([1, 2]).exactOptional(),
  parameters: sortedRecord(z.union([z.string(), whole, z.boolean(), z.null()], {
    error: "must be a string, a number, a boolean or null",
  })).exactOptional(),
  notes: z.array(z.string()).exactOptional(),
}, "field");

/** What a lexicon says beside its name. */
export const contentSchema = strictOptions({ provenance, grams: z.array(gram) }, "field");

/** A file in our format; its content is checked by {@linkcode contentSchema}. */
export const fileSchema = strictOptions({
  format: z.literal("hicra-lexicon", {
    error: 'must be "hicra-lexicon", or pass an array of strings for a bare list',
  }),
  version: z.literal(1, { error: "must be 1, a newer file needs a newer hicra" }),
  name: z.string(),
  provenance: z.unknown(),
  grams: z.array(z.unknown()),
}, "field");

/** A file that is an array of phrases. */
export const bareListSchema = z.object({ grams: z.array(z.string()) });
