import { z } from "zod";
import { strictOptions } from "../batch/internal.ts";

/** Schema of `MetricsOptions`. */
export const metricsOptionsSchema = strictOptions({
  correctAbove: z.number().exactOptional(),
  followerLength: z.int().min(1).exactOptional(),
});
