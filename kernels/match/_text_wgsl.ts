/** Invocations in a workgroup of the other steps. */
export const WORKGROUP_SIZE = 256;

/**
 * Tokens that a workgroup of the matching step reads, and its invocations: in a text of reasoning, for the
 * paper's list, 7 % of the tokens are walked on from, so that most invocations have one walk.
 */
export const MATCH_TOKENS = 1024;
export const MATCH_INVOCATIONS = 64;

/** `status[1]` where every id is in the vocabulary. */
export const NO_TOKEN = 0xffff_ffff;

/** Low bits of a token of the text; above them stands its id. */
export const TextFlag: {
  /** `lossMask` is not 0. */
  readonly trained: 1;
  /** The token before, if any, is of another run. */
  readonly runStart: 2;
  /** A match may begin in the token, at one place. */
  readonly opensOnce: 4;
  /** A match may begin in the token, and all of it must be walked. */
  readonly opensSomehow: 8;
  /** The id is outside the vocabulary; that of an empty token stands for it. */
  readonly unknown: 16;
} = { trained: 1, runStart: 2, opensOnce: 4, opensSomehow: 8, unknown: 16 };

/** Bits of the flags. */
export const ID_SHIFT = 5;

/** WGSL of {@linkcode TextFlag}. */
export const FLAGS: string = /* wgsl */ `
const TRAINED = ${TextFlag.trained}u;
const RUN_START = ${TextFlag.runStart}u;
const OPENS_ONCE = ${TextFlag.opensOnce}u;
const OPENS_SOMEHOW = ${TextFlag.opensSomehow}u;
const UNKNOWN = ${TextFlag.unknown}u;
const ID_SHIFT = ${ID_SHIFT}u;
`;

/** WGSL of the place of an invocation in a folded grid. */
export const INDEX: string = /* wgsl */ `
fn indexOf(id: vec3u, grid: vec3u) -> u32 {
  return id.x + id.y * grid.x * ${WORKGROUP_SIZE}u;
}
`;
