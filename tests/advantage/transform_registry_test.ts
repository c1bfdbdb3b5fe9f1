import assert from "node:assert/strict";
import { z } from "zod";
import {
  applyTransforms,
  type BuiltinTransformConfig,
  builtinTransforms,
  createTransform,
  type Transform,
  TransformRegistry,
} from "../../advantage/mod.ts";
import { checkBatch } from "../../batch/mod.ts";

const NAMES = [
  "hicra",
  "shuffle-mask",
  "top-entropy-mask",
  "top-entropy-filter",
  "high-entropy-advantage",
  "entropy-regularization",
  "gtpo",
  "surprisal-weighting",
  "sepa",
  "planning-boost",
];

const credit = { advantages: Float32Array.of(1, -1), planningMask: Uint8Array.of(1, 0) };
const context = {
  batch: checkBatch({ offsets: Int32Array.of(0, 2), lossMask: Uint8Array.of(1, 1) }),
  step: 0,
  signals: {},
};

Deno.test("builtinTransforms() names every transform, and its registries share nothing", () => {
  const registry = builtinTransforms().register("mine", () => ({}));
  assert.deepEqual(registry.names(), [...NAMES, "mine"]);
  assert.deepEqual(builtinTransforms().names(), NAMES);
  assert.deepEqual(new TransformRegistry().names(), []);
});

Deno.test("TransformRegistry.create() gives transforms the name they were asked for by", () => {
  for (const name of NAMES) {
    const config = name === "entropy-regularization" ? { name, coefficient: 0.01 } : { name };
    assert.equal(createTransform(config as BuiltinTransformConfig).name, name);
  }
});

Deno.test("TransformRegistry.describe() tells summary, source and options as JSON", () => {
  const descriptions = builtinTransforms().describe();
  assert.deepEqual(descriptions.map(({ name }) => name), NAMES);
  for (const { name, summary, source, options } of descriptions) {
    assert.ok(summary.length > 0 && summary.length < 120, name);
    assert.ok(name === "shuffle-mask" || source?.startsWith("https://"), name);
    assert.equal(options.type, "object");
    assert.equal(options.additionalProperties, false);
  }
  const hicra = descriptions[0]!.options.properties as Record<string, { default: unknown }>;
  assert.deepEqual(Object.keys(hicra), ["alpha", "mode", "allowSignChange"]);
  assert.equal(hicra.alpha!.default, 0.2);
  assert.doesNotThrow(() => JSON.stringify(descriptions));
});

Deno.test("TransformRegistry.register() takes a plain function", () => {
  const registry = new TransformRegistry().register("negate", ({ advantages }) => ({
    advantages: advantages.map((advantage) => -advantage),
  }));
  const result = applyTransforms([registry.create({ name: "negate" })], credit, context);
  assert.deepEqual(result.advantages, Float32Array.of(-1, 1));
  assert.throws(() => registry.create({ name: "negate", by: 2 }), {
    name: "TypeError",
    message: 'Cannot create transform "negate" as option "by" is not known: it takes no options',
  });
});

Deno.test("TransformRegistry.register() validates by the user's schema and fills in defaults", () => {
  const seen: number[] = [];
  const registry = new TransformRegistry().register("scale", {
    summary: "Multiplies",
    schema: z.strictObject({ by: z.number().max(8).default(4) }),
    create: ({ by }): Transform => {
      seen.push(by);
      return { name: "scale", needs: [], apply: () => ({}) };
    },
  });
  registry.create({ name: "scale" });
  registry.create({ name: "scale", by: 2 });
  assert.deepEqual(seen, [4, 2]);
  assert.throws(() => registry.create({ name: "scale", by: 9 }), {
    name: "RangeError",
    message: 'Cannot create transform "scale" as by must be at most 8: current value is 9',
  });
  assert.equal(registry.describe()[0]!.summary, "Multiplies");
});

Deno.test("TransformRegistry.create() tells the options in force, and they create the same", () => {
  const registry = builtinTransforms();
  assert.deepEqual(registry.create({ name: "hicra" }).options, {
    alpha: 0.2,
    mode: "paper",
    allowSignChange: false,
  });
  for (const name of NAMES) {
    const config = name === "entropy-regularization" ? { name, coefficient: 0.01 } : { name };
    const { options } = registry.create(config);
    const again = registry.create({ name, ...JSON.parse(JSON.stringify(options)) });
    assert.deepEqual(again.options, options);
  }
});

Deno.test("TransformRegistry.register() refuses an empty and a taken name", () => {
  const registry = new TransformRegistry().register("mine", () => ({}));
  assert.throws(
    () => registry.register("mine", () => ({})),
    /RangeError|it is taken, choose another/,
  );
  assert.throws(() => registry.register("", () => ({})), /its name must not be empty/);
});

const LINE = { type: "linear", from: 0, to: 0.1, steps: 5 };
const GATE = { type: "gated", signal: "kl", threshold: 1, when: "above", open: 0.1 };

const ERRORS: [unknown, string, string][] = [
  [
    null,
    "TypeError",
    'its configuration must be an object such as {"name": "hicra", "alpha": 0.2}: current value is null',
  ],
  ["hicra", "TypeError", 'current value is "hicra"'],
  [{ alpha: 0.2 }, "TypeError", 'current value is {"alpha":0.2}'],
  [
    { name: "hycra" },
    "RangeError",
    `Cannot create transform "hycra" as no transform has that name: known names are ${
      NAMES.join(", ")
    }`,
  ],
  [
    { name: "hicra", alhpa: 1 },
    "TypeError",
    'option "alhpa" is not known: known options are alpha, mode, allowSignChange',
  ],
  [
    { name: "hicra", alpha: "0.2" },
    "TypeError",
    'alpha must be a number, a schedule, or one of these for each kind: current value is "0.2"',
  ],
  [{ name: "hicra", alpha: NaN }, "TypeError", "current value is NaN"],
  [
    { name: "hicra", alpha: { from: 0, to: 0.1, steps: 10 } },
    "TypeError",
    "alpha must be a number, a schedule, or one of these for each kind: current value is " +
    '{"from":0,"to":0.1,"steps":10}',
  ],
  [{ name: "hicra", alpha: -0.1 }, "RangeError", "alpha must be at least 0: current value is -0.1"],
  [
    { name: "hicra", alpha: 1 },
    "RangeError",
    "(allowSignChange: true permits it): current value is 1",
  ],
  [
    { name: "hicra", alpha: { deduction: 0.1 } },
    "TypeError",
    'alpha.branching must be a number or a schedule of type "linear" or "gated": current value is undefined',
  ],
  [
    { name: "hicra", alpha: { type: "cosine" } },
    "TypeError",
    'alpha.type must be one of "linear", "gated": current value is "cosine"',
  ],
  [
    { name: "hicra", alpha: { ...LINE, steps: 0 } },
    "RangeError",
    "alpha.steps must be at least 1: current value is 0",
  ],
  [
    { name: "hicra", alpha: { ...LINE, steps: 1.5 } },
    "RangeError",
    "alpha.steps must be an integer: current value is 1.5",
  ],
  [
    { name: "hicra", alpha: { ...LINE, end: 9 } },
    "TypeError",
    'option "alpha.end" is not known: known options are type, from, to, steps, start',
  ],
  [
    { name: "hicra", alpha: { ...GATE, signal: "" } },
    "RangeError",
    'alpha.signal must not be empty: current value is ""',
  ],
  [
    { name: "hicra", alpha: { ...GATE, when: "over" } },
    "RangeError",
    'alpha.when must be one of "above", "below": current value is "over"',
  ],
  [
    { name: "hicra", alpha: { ...GATE, open: "x" } },
    "TypeError",
    'alpha.open must be a number or a linear schedule: current value is "x"',
  ],
  [
    { name: "hicra", mode: "papr" },
    "RangeError",
    'mode must be one of "paper", "symmetric", "positive-only", "mass-preserving", "baseline-corrected": current value is "papr"',
  ],
  [
    { name: "hicra", allowSignChange: 1 },
    "TypeError",
    "allowSignChange must be of type boolean: current value is 1",
  ],
  [
    { name: "shuffle-mask", seed: 0.5 },
    "RangeError",
    "seed must be an integer: current value is 0.5",
  ],
  [
    { name: "shuffle-mask", unit: "word" },
    "RangeError",
    'unit must be one of "span", "token": current value is "word"',
  ],
  [
    { name: "top-entropy-mask", fraction: "all" },
    "TypeError",
    'fraction must be a number from 0 to 1 or "planning": current value is "all"',
  ],
  [
    { name: "top-entropy-mask", fraction: 2 },
    "RangeError",
    "fraction must be at most 1: current value is 2",
  ],
  [
    { name: "top-entropy-filter", fraction: 0 },
    "RangeError",
    "fraction must be greater than 0: current value is 0",
  ],
  [
    { name: "high-entropy-advantage", kappa: 1 },
    "RangeError",
    "kappa must be greater than 1: current value is 1",
  ],
  [
    { name: "entropy-regularization" },
    "TypeError",
    'coefficient must be a number or a schedule of type "linear" or "gated": current value is undefined',
  ],
  [{ name: "gtpo", beta: 2 }, "RangeError", "beta must be at most 1: current value is 2"],
  [
    { name: "surprisal-weighting", beta: -1 },
    "RangeError",
    "beta must be at least 0: current value is -1",
  ],
  [{ name: "sepa", lambda: 2 }, "RangeError", "lambda must be at most 1: current value is 2"],
  [
    { name: "planning-boost", gamma: -1 },
    "RangeError",
    "gamma must be at least 0: current value is -1",
  ],
];

for (const [config, name, part] of ERRORS) {
  Deno.test(`createTransform() refuses ${JSON.stringify(config)}`, () => {
    assert.throws(
      () => createTransform(config as unknown as BuiltinTransformConfig),
      (error: Error) => {
        assert.equal(error.name, name);
        assert.ok(error.message.includes(part), error.message);
        return true;
      },
    );
  });
}
