import { type LogitDtype, NAN_BITS } from "./logit_dtype.ts";

/** Elements that one `vec4u` of memory holds. */
export function lanesOf(dtype: LogitDtype): number {
  return dtype === "f32" ? 4 : 8;
}

/**
 * WGSL that reads logits: `lanes(words, part)` gives the bits of four elements as f32, the first four of
 * a `vec4u` for part 0, the next four for part 1; `finite(bits)` their values, with -inf as the lowest
 * finite number; `unusual(bits)` says which of them are NaN or +inf. All by integers, as shaders may
 * take it that no float is NaN or infinite.
 */
export function logitWgsl(dtype: LogitDtype): string {
  return /* wgsl */ `
const LANES = ${lanesOf(dtype)}u;
const PARTS = LANES / 4u;
// The lowest finite f32. It stands for -inf, and for what lies outside a row.
const LOWEST = -3.4028234663852886e38f;

${LANES_WGSL[dtype]}

fn finite(bits: vec4u) -> vec4f {
  return bitcast<vec4f>(select(bits, vec4u(0xff7fffffu), bits == vec4u(0xff800000u)));
}

fn unusual(bits: vec4u) -> vec4<bool> {
  let special = (bits & vec4u(0x7f800000u)) == vec4u(0x7f800000u);
  return special & (bits != vec4u(0xff800000u));
}
`;
}

const LANES_WGSL: Readonly<Record<LogitDtype, string>> = {
  f32: /* wgsl */ `
fn lanes(words: vec4u, part: u32) -> vec4u {
  return words;
}`,
  bf16: /* wgsl */ `
fn lanes(words: vec4u, part: u32) -> vec4u {
  let pair = select(words.zw, words.xy, part == 0u);
  return vec4u(pair.x << 16u, pair.x & 0xffff0000u, pair.y << 16u, pair.y & 0xffff0000u);
}`,
  f16: /* wgsl */ `
fn lanes(words: vec4u, part: u32) -> vec4u {
  let pair = select(words.zw, words.xy, part == 0u);
  let halves = vec4u(pair.x & 0xffffu, pair.x >> 16u, pair.y & 0xffffu, pair.y >> 16u);
  let special = ((halves & vec4u(0x8000u)) << vec4u(16u)) | vec4u(0x7f800000u) |
    ((halves & vec4u(0x3ffu)) << vec4u(13u));
  let is_special = (halves & vec4u(0x7c00u)) == vec4u(0x7c00u);
  // A special pair is read as zeros: what unpacking makes of NaN and infinity is not promised.
  let usual = select(halves, vec4u(0u), is_special);
  let values = vec4f(
    unpack2x16float(usual.x | (usual.y << 16u)),
    unpack2x16float(usual.z | (usual.w << 16u)),
  );
  return select(bitcast<vec4u>(values), special, is_special);
}`,
};

/** WGSL of `pack(first, second)`: a `vec4u` of gradients, rounded to the nearest, and `NAN_WORD`, a word of NaNs. */
export function packWgsl(dtype: LogitDtype): string {
  return PACK_WGSL[dtype];
}

const PACK_WGSL: Readonly<Record<LogitDtype, string>> = {
  f32: /* wgsl */ `
fn pack(first: vec4f, second: vec4f) -> vec4u {
  return bitcast<vec4u>(first);
}
const NAN_WORD = ${NAN_BITS.f32}u;`,
  bf16: /* wgsl */ `
fn halves(values: vec4f) -> vec2u {
  let bits = bitcast<vec4u>(values);
  let rounded = (bits + vec4u(0x7fffu) + ((bits >> vec4u(16u)) & vec4u(1u))) >> vec4u(16u);
  return vec2u(rounded.x | (rounded.y << 16u), rounded.z | (rounded.w << 16u));
}
fn pack(first: vec4f, second: vec4f) -> vec4u {
  return vec4u(halves(first), halves(second));
}
const NAN_WORD = ${NAN_BITS.bf16 * 0x10001}u;`,
  f16: /* wgsl */ `
fn pack(first: vec4f, second: vec4f) -> vec4u {
  return vec4u(
    pack2x16float(first.xy),
    pack2x16float(first.zw),
    pack2x16float(second.xy),
    pack2x16float(second.zw),
  );
}
const NAN_WORD = ${NAN_BITS.f16 * 0x10001}u;`,
};
