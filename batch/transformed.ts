/** Buffers of advantages that transforms have shaped: a second application would compound. */
const transformed = new WeakSet<ArrayBufferLike>();

/**
 * Marks advantages as shaped by transforms, so that no hook takes them for the host's. The mark
 * follows them through `packPadded` and `unpackPadded`; a copy made otherwise loses it.
 *
 * @example Usage
 * ```ts
 * import { isTransformed, markTransformed } from "@hicra/hicra/batch";
 * import assert from "node:assert/strict";
 *
 * const advantages = Float32Array.of(1.2);
 * markTransformed(advantages);
 * assert.ok(isTransformed(advantages.subarray(0)));
 * assert.ok(!isTransformed(advantages.slice()));
 * ```
 *
 * @param advantages `[tokens]`.
 */
export function markTransformed(advantages: Float32Array): void {
  transformed.add(advantages.buffer);
}

/**
 * Tells whether advantages, or the buffer they are a view of, were marked by
 * {@linkcode markTransformed}.
 *
 * @param advantages Advantages in any shape.
 * @returns Whether a transform has shaped them.
 */
export function isTransformed(advantages: Float32Array): boolean {
  return transformed.has(advantages.buffer);
}
