/**
 * What the shaders over tokens share: their inputs, and the credit that a planning token gains.
 *
 * An input that a transform does not need is still bound, to any buffer that is only read: the
 * overrides say that it is not looked at.
 */
export const TOKENS_WGSL = /* wgsl */ `
// Places in FORMULAS and FORMS.
override formula: u32 = 0u;
override form: u32 = 0u;
override isPerSequence: bool = false;

const MASS_PRESERVING = 2u;
const BASELINE_CORRECTED = 3u;
const SEPA = 6u;
const PLANNING_BOOST = 7u;

@group(0) @binding(0) var<storage, read> offsets: array<i32>;
// Advantages travel as u32: a float that is only passed on may lose a NaN's payload or a subnormal.
@group(0) @binding(1) var<storage, read> given: array<u32>;
// Masks: four tokens of 8 bits each, the first in the lowest.
@group(0) @binding(2) var<storage, read> kinds: array<u32>;
@group(0) @binding(3) var<storage, read> lossMask: array<u32>;
// Entropies or logprobs.
@group(0) @binding(4) var<storage, read> values: array<f32>;
@group(0) @binding(5) var<storage, read> parameters: array<f32>;

fn kindOf(token: u32) -> u32 {
  let kind = extractBits(kinds[token / 4u], 8u * (token % 4u), 8u);
  return select(kind, 0u, kind > 4u);
}

fn isTrained(token: u32) -> bool {
  return extractBits(lossMask[token / 4u], 8u * (token % 4u), 8u) != 0u;
}

fn gainOf(token: u32) -> f32 {
  let kind = kindOf(token);
  return select(0.0, parameters[kind], kind != 0u);
}

fn addedCredit(advantage: f32, gain: f32) -> f32 {
  switch form {
    case 0u: { return gain * abs(advantage); }
    case 1u: { return gain * advantage; }
    default: { return gain * max(advantage, 0.0); }
  }
}

fn surprisalOf(token: u32) -> f32 {
  return max(0.0, -values[token]);
}
`;
