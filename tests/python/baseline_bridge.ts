/**
 * Lets a Python test call the module: reads one call as JSON from standard input, writes the result.
 *
 *     echo '{"call": "overlongPenalty", "lengths": [9], "maxLength": 8, "cacheLength": 4}' |
 *       deno run -A tests/python/baseline_bridge.ts
 */
import {
  baselineAdvantages,
  baselinePreset,
  dynamicFilter,
  groupBaseline,
  overlongPenalty,
  whiten,
} from "../../advantage/baselines.ts";
import { checkBatch } from "../../batch/mod.ts";

interface Arguments {
  preset: string;
  rewards: number[];
  groupIds: number[];
  include: number[];
  advantages: number[];
  offsets: number[];
  lossMask: number[];
  lengths: number[];
  maxLength: number;
  cacheLength: number;
}

const calls: Record<string, (args: Arguments) => Float32Array | Uint8Array> = {
  groupBaseline: ({ preset, rewards, groupIds, include }) =>
    groupBaseline(Float32Array.from(rewards), Int32Array.from(groupIds), {
      ...baselinePreset(preset).group,
      ...(include && { include: Uint8Array.from(include) }),
    }),
  baselineAdvantages: ({ preset, rewards, groupIds, offsets, lossMask }) =>
    baselineAdvantages(
      checkBatch({
        offsets: Int32Array.from(offsets),
        lossMask: Uint8Array.from(lossMask),
        rewards: Float32Array.from(rewards),
        groupIds: Int32Array.from(groupIds),
      }),
      baselinePreset(preset),
    ),
  whiten: ({ advantages, lossMask }) =>
    whiten(Float32Array.from(advantages), Uint8Array.from(lossMask)),
  dynamicFilter: ({ rewards, groupIds }) =>
    dynamicFilter(Float32Array.from(rewards), Int32Array.from(groupIds)),
  overlongPenalty: ({ lengths, maxLength, cacheLength }) =>
    overlongPenalty(Int32Array.from(lengths), { maxLength, cacheLength }),
};

const { call, ...args } = await new Response(Deno.stdin.readable).json();
console.log(JSON.stringify(Array.from(calls[call]!(args))));
