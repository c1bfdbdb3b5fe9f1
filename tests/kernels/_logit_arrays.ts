import type { LogitDtype, Logits } from "../../kernels/mod.ts";

/** Values as logits of a dtype, rounded by the platform: the lower half of bf16 is cut off. */
export function logitsOf(values: ArrayLike<number>, dtype: LogitDtype): Logits {
  const f32 = Float32Array.from(values);
  if (dtype === "f32") return f32;
  if (dtype === "f16") return new Uint16Array(Float16Array.from(values).buffer);
  // A NaN whose payload lies in the lower half would become infinite.
  return Uint16Array.from(
    new Uint32Array(f32.buffer),
    (bits, i) => Number.isNaN(f32[i]) ? 0x7fc0 : bits >>> 16,
  );
}

/** The numbers that logits of a dtype stand for. */
export function numbersOf(logits: Logits, dtype: LogitDtype): Float64Array {
  if (dtype === "f16") {
    const { buffer, byteOffset, length } = logits as Uint16Array<ArrayBuffer>;
    return Float64Array.from(new Float16Array(buffer, byteOffset, length));
  }
  if (dtype === "f32") return Float64Array.from(logits);
  return Float64Array.from(new Float32Array(Uint32Array.from(logits, (bits) => bits << 16).buffer));
}

/** Numbers between -1 and 1, nearly normal, the same for a seed everywhere. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    // Constants of Numerical Recipes; the low bits have short periods, so the high ones are used.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return () => (uniform() + uniform() + uniform()) / 3;
}
