import { InputRangeError, InputTypeError } from "../../batch/mod.ts";
import { GRAM_KINDS, type GramKind } from "../../sg/mod.ts";

/** Embedded prototypes: row vectors of norm 1, [phrases x dimensions] each. */
export interface PrototypeVectors {
  /** Numbers in a vector. */
  readonly dimensions: number;
  /** Prototypes of each kind. */
  readonly kinds: Readonly<Partial<Record<GramKind, Float32Array>>>;
  /** Prototypes of execution. */
  readonly execution: Float32Array;
}

/** What phrases do, judged by their prototypes; G phrases. */
export interface GramFunctions {
  /**
   * Log-odds that a phrase guides the solution rather than carries it out, were both equally frequent,
   * nats, `[G]`.
   */
  readonly logOdds: Float64Array;
  /** Index into `GRAM_KINDS` of the most probable kind, `[G]`. */
  readonly kinds: Uint8Array;
  /** Probability of that kind among all kinds, `[G]`. */
  readonly confidences: Float64Array;
  /** The temperature that was used. */
  readonly temperature: number;
}

/** Options of {@linkcode judgeFunctions}. */
export interface JudgeFunctionsOptions {
  /** Width of the kernel, a difference of cosines. Default: chosen by the prototypes. */
  readonly temperature?: number;
}

const TEMPERATURES = [0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.14, 0.2, 0.3];

/**
 * Judges by prototypes whether phrases guide a solution or carry it out, and of which kind they are.
 *
 * The density of a class at a phrase is a kernel estimate over its prototypes,
 * `p(x | c) = mean_i exp(cos(x, c_i) / temperature)`, the form of a mixture of von Mises-Fisher
 * distributions, without the constant that all classes share. Guidance is the mean over its kinds:
 * `logOdds = log mean_k p(x | k) - log p(x | execution)`.
 *
 * The temperature is chosen among 0.02 to 0.3 by the prototypes themselves: each is judged by the
 * others, and the temperature with the greatest mean log-probability of the right side is taken, so that
 * it fits the scale of the embedder's cosines.
 *
 * @example Usage
 * ```ts
 * import { judgeFunctions } from "@hicra/hicra/mining";
 * import assert from "node:assert/strict";
 *
 * const prototypes = {
 *   dimensions: 2,
 *   kinds: { backtracking: Float32Array.of(1, 0, 0.96, 0.28) },
 *   execution: Float32Array.of(0, 1, 0.28, 0.96),
 * };
 * const { logOdds, kinds } = judgeFunctions(Float32Array.of(0.8, 0.6, 0.6, 0.8), prototypes);
 * assert.ok(logOdds[0]! > 0 && logOdds[1]! < 0);
 * assert.equal(kinds[0], 2); // GRAM_KINDS[2]
 * ```
 *
 * @param vectors Phrases, row vectors of norm 1, [G x dimensions].
 * @param prototypes Embedded by the same embedder.
 * @param options The temperature.
 * @returns Log-odds, kinds and their probabilities.
 * @throws {TypeError} If the vectors are no whole number of rows, or a class has fewer than two
 * prototypes.
 * @throws {RangeError} If the temperature is not above 0.
 */
export function judgeFunctions(
  vectors: Float32Array,
  prototypes: PrototypeVectors,
  options: JudgeFunctionsOptions = {},
): GramFunctions {
  const { dimensions } = prototypes;
  const classes = classesOf(prototypes);
  const rows = vectors.length / dimensions;
  if (!Number.isInteger(rows)) {
    throw new InputTypeError(
      `Cannot judge phrases as vectors must hold whole rows of ${dimensions} numbers: ` +
        `current length is ${vectors.length}`,
    );
  }
  const { temperature = chooseTemperature(classes) } = options;
  if (!(temperature > 0 && temperature < Infinity)) {
    throw new InputRangeError(
      `Cannot judge phrases as temperature must be a number above 0: current value is ${temperature}`,
    );
  }
  const functions = {
    logOdds: new Float64Array(rows),
    kinds: new Uint8Array(rows),
    confidences: new Float64Array(rows),
    temperature,
  };
  for (let row = 0; row < rows; row++) {
    const vector = vectors.subarray(row * dimensions, (row + 1) * dimensions);
    const densities = classes.map(({ vectors }) => logDensity(vector, vectors, temperature));
    functions.logOdds[row] = logOddsOf(densities);
    const guiding = densities.slice(1);
    const most = guiding.indexOf(Math.max(...guiding));
    functions.kinds[row] = classes[most + 1]!.kind;
    functions.confidences[row] = Math.exp(guiding[most]! - logSumExp(guiding));
  }
  return functions;
}

interface PrototypeClass {
  /** Index into GRAM_KINDS; -1 is execution. */
  readonly kind: number;
  /** A vector a prototype. */
  readonly vectors: readonly Float32Array[];
}

/** Execution first, then the kinds that have prototypes. */
function classesOf({ dimensions, kinds, execution }: PrototypeVectors): PrototypeClass[] {
  const classes: PrototypeClass[] = [{
    kind: -1,
    vectors: rowsOf("execution", execution, dimensions),
  }];
  for (const [kind, name] of GRAM_KINDS.entries()) {
    const given = kinds[name];
    if (given !== undefined) classes.push({ kind, vectors: rowsOf(name, given, dimensions) });
  }
  if (classes.length === 1) {
    throw new InputTypeError(
      "Cannot judge phrases as prototypes must have at least one kind: it has none",
    );
  }
  return classes;
}

function rowsOf(name: string, vectors: Float32Array, dimensions: number): Float32Array[] {
  const rows = vectors.length / dimensions;
  if (!Number.isInteger(rows) || rows < 2) {
    throw new InputTypeError(
      `Cannot judge phrases as ${name} must have at least two prototypes of ${dimensions} numbers: ` +
        `current length is ${vectors.length}`,
    );
  }
  return Array.from(
    { length: rows },
    (_, row) => vectors.subarray(row * dimensions, (row + 1) * dimensions),
  );
}

function chooseTemperature(classes: readonly PrototypeClass[]): number {
  let best = TEMPERATURES[0]!;
  let most = -Infinity;
  for (const temperature of TEMPERATURES) {
    let sum = 0;
    for (const [c, { vectors }] of classes.entries()) {
      for (const left of vectors) {
        const others = classes.map((one) => one.vectors.filter((vector) => vector !== left));
        const logOdds = logOddsOf(
          others.map((vectors) => logDensity(left, vectors, temperature)),
        );
        sum -= Math.log1p(Math.exp(c === 0 ? logOdds : -logOdds));
      }
    }
    if (sum > most) [best, most] = [temperature, sum];
  }
  return best;
}

/** Of the densities of execution and of the kinds. */
function logOddsOf([execution, ...kinds]: readonly number[]): number {
  return logSumExp(kinds) - Math.log(kinds.length) - execution!;
}

function logDensity(
  vector: Float32Array,
  prototypes: readonly Float32Array[],
  temperature: number,
): number {
  const cosines = prototypes.map((prototype) => {
    let sum = 0;
    for (let k = 0; k < vector.length; k++) sum += vector[k]! * prototype[k]!;
    return sum / temperature;
  });
  return logSumExp(cosines) - Math.log(cosines.length);
}

function logSumExp(values: readonly number[]): number {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}
