import { z } from "zod";
import { strictOptions } from "../batch/internal.ts";
import type { Schedule } from "./schedule.ts";

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
