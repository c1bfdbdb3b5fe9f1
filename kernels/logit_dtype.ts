/**
 * Element type of logits: `"f32"`, IEEE half precision `"f16"`, or `"bf16"`, the upper half of an f32.
 */
export type LogitDtype = "f32" | "f16" | "bf16";

/**
 * Logits, `[tokens x vocabulary]`: f32, or the bits of 16-bit floats. A `Float16Array` is passed as
 * `new Uint16Array(it.buffer, it.byteOffset, it.length)`.
 */
export type Logits = Float32Array | Uint16Array;

/** Bytes of an element. */
export const DTYPE_BYTES: Readonly<Record<LogitDtype, number>> = { f32: 4, f16: 2, bf16: 2 };

/** The bits of a NaN, for what cannot be computed. */
export const NAN_BITS: Readonly<Record<LogitDtype, number>> = {
  f32: 0x7fc00000,
  f16: 0x7e00,
  bf16: 0x7fc0,
};

/** Returns a function that reads element `index` as a number. */
export function logitReader(logits: Logits, dtype: LogitDtype): (index: number) => number {
  if (dtype === "f32") return (index) => logits[index]!;
  if (dtype === "f16") return (index) => f16ToNumber(logits[index]!);
  const word = new Uint32Array(1);
  const value = new Float32Array(word.buffer);
  return (index) => {
    word[0] = logits[index]! << 16;
    return value[0]!;
  };
}

/** Returns a function that stores a number as element `index`, rounded to the nearest, ties to even. */
export function logitWriter(
  logits: Logits,
  dtype: LogitDtype,
): (index: number, value: number) => void {
  if (dtype === "f32") return (index, value) => logits[index] = value;
  if (dtype === "f16") return (index, value) => logits[index] = numberToF16(value);
  return (index, value) => logits[index] = numberToBf16(value);
}

function f16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = bits >>> 10 & 31;
  const mantissa = bits & 0x3ff;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

function numberToF16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return NAN_BITS.f16;
  if (magnitude === Infinity) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const steps = roundToEven(magnitude / 2 ** (exponent - 10));
  // Steps of 1,024 and more carry into the exponent by themselves.
  return sign | Math.min(0x7c00, steps + (exponent + 14) * 1024);
}

function numberToBf16(value: number): number {
  if (Number.isNaN(value)) return NAN_BITS.bf16;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return sign | 0x7f80;
  const exponent = Math.max(-126, Math.floor(Math.log2(magnitude)));
  const steps = roundToEven(magnitude / 2 ** (exponent - 7));
  return sign | Math.min(0x7f80, steps + (exponent + 126) * 128);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
