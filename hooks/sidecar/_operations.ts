import { visibleLine } from "../../batch/internal.ts";
import type { BaselineName, BuiltinTransformConfig } from "../../advantage/mod.ts";
import type { CheckedBatch } from "../../batch/mod.ts";
import {
  measure,
  metricPairs,
  type MetricsOptions,
  type MetricSums,
  metricValues,
} from "../../metrics/mod.ts";
import type { PlanningTokens } from "../../sg/mod.ts";
import {
  encodeSafetensors,
  type SafetensorsBatch,
  type Tensor,
  type TensorData,
} from "../../files/mod.ts";
import { createHook } from "../create_hook.ts";
import type { MatcherName, Matchers } from "./_matchers.ts";
import { Problem } from "./_problem.ts";
import { METADATA, type Output, parseMetadata } from "./_request_metadata.ts";

/** An answer: safetensors, or an object for JSON. */
export type Answer = Uint8Array<ArrayBuffer> | Record<string, unknown>;

/** What can be asked of a batch. */
export interface Operations {
  /** Token ids to planning mask. */
  readonly mask: (request: SafetensorsBatch) => Promise<Answer>;
  /** Advantages to advantages, by transforms. */
  readonly transform: (request: SafetensorsBatch) => Promise<Answer>;
  /** What happened, as sums that merge. */
  readonly metrics: (request: SafetensorsBatch) => Promise<Answer>;
}

/** The operations, with the matchers they look up. */
export function operations(matchers: Matchers): Operations {
  const mark = async (batch: CheckedBatch, name: MatcherName): Promise<Marked> => {
    if (batch.planningMask !== undefined) {
      return { planning: { planningMask: batch.planningMask }, provenance: {} };
    }
    const { matcher, provenance } = await matchers.get(name);
    return { planning: matcher.match(batch), provenance };
  };

  return {
    mask: async ({ batch, tensors, metadata }) => {
      refuseExtra(tensors);
      const meta = parseMetadata(METADATA.mask, metadata);
      const { planning, provenance } = await mark(batch, meta);
      const sums = measure(withoutAdvantages(batch), planning, metricsOptions(meta));
      return encodeSafetensors(
        pick(
          { ...planning, planning_mask: planning.planningMask },
          meta.outputs ?? ["planning_mask"],
        ),
        { ...provenance, metrics: pairsJson(sums) },
      );
    },

    transform: async ({ batch, tensors, metadata }) => {
      refuseExtra(tensors);
      const meta = parseMetadata(METADATA.transform, metadata);
      if (meta.base === "transformed") {
        throw new Problem(
          409,
          "already_transformed",
          'Cannot transform as metadata "base" is "transformed": a second application would compound, ' +
            "send the host's own advantages",
        );
      }
      const found = batch.planningMask === undefined ? await matchers.get(meta) : undefined;
      const warnings: string[] = [];
      const hook = createHook({
        ...(found && { matcher: found.matcher }),
        ...(meta.transforms && { transforms: meta.transforms as BuiltinTransformConfig[] }),
        ...(meta.baseline !== undefined && { baseline: meta.baseline as BaselineName }),
        ...(meta.importance_sampling && { importanceSampling: meta.importance_sampling }),
        metrics: metricsOptions(meta),
        warn: (message) => warnings.push(visibleLine(message)),
      });
      const result = hook(batch, {
        ...(meta.step !== undefined && { step: meta.step }),
        ...(meta.signals && { signals: meta.signals }),
      });
      return encodeSafetensors(
        pick(
          { ...result, planning_mask: result.planningMask },
          meta.outputs ?? ["advantages", "planning_mask"],
        ),
        {
          ...found?.provenance,
          base: "transformed",
          transforms: JSON.stringify(result.transforms),
          metrics: pairsJson(result.metrics!),
          ...(result.entropyCoefficient !== undefined && {
            "entropy_coefficient": JSON.stringify(result.entropyCoefficient),
          }),
          ...(warnings.length > 0 && { warnings: JSON.stringify(warnings) }),
        },
      );
    },

    metrics: async ({ batch, tensors, metadata }) => {
      const { advantages_after: after, ...rest } = tensors;
      refuseExtra(rest);
      const meta = parseMetadata(METADATA.metrics, metadata);
      const { planning, provenance } = await mark(batch, meta);
      const sums = measure(batch, planning, {
        ...metricsOptions(meta),
        ...(after !== undefined && { after: after.data as Float32Array }),
        groups: {
          ...(meta.group_scope !== undefined && { scope: meta.group_scope }),
          ...(meta.group_names !== undefined && { names: meta.group_names }),
        },
      });
      return { ...provenance, values: metricValues(sums), sums };
    },
  };
}

interface Marked {
  readonly planning: PlanningTokens;
  readonly provenance: Readonly<Record<string, string>>;
}

/** A mask is asked for before the transform: half of the metrics of advantages would be a riddle. */
function withoutAdvantages(batch: CheckedBatch): CheckedBatch {
  const { advantages: _advantages, advantagesPer: _advantagesPer, ...rest } = batch;
  return rest;
}

function metricsOptions(
  meta: { correct_above?: number | undefined; follower_length?: number | undefined },
): MetricsOptions {
  return {
    ...(meta.correct_above !== undefined && { correctAbove: meta.correct_above }),
    ...(meta.follower_length !== undefined && { followerLength: meta.follower_length }),
  };
}

/** Sums and counts by name: the same names in the same order for every batch. */
function pairsJson(sums: MetricSums): string {
  const pairs = Object.entries(metricPairs(sums));
  return JSON.stringify(
    Object.fromEntries(pairs.map(([name, { sum, count }]) => [name, [sum, count]])),
  );
}

function pick(
  made: { readonly [name in Output]?: TensorData | undefined },
  outputs: readonly Output[],
): Record<string, TensorData> {
  return Object.fromEntries(outputs.map((name) => {
    const tensor = made[name];
    if (tensor === undefined) {
      throw new Problem(
        400,
        "bad_request",
        `Cannot answer with "${name}" as this request makes none: advantages need /v1/transform, ` +
          "kinds and spans need token ids instead of planning_mask",
      );
    }
    return [name, tensor];
  }));
}

function refuseExtra(tensors: Readonly<Record<string, Tensor>>): void {
  const [name] = Object.keys(tensors);
  if (name === undefined) return;
  throw new Problem(
    400,
    "bad_request",
    `Cannot read the request as tensor "${name}" is not of the batch contract: rename or drop it`,
  );
}
