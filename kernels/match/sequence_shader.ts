import { FLAGS, INDEX, WORKGROUP_SIZE } from "./_text_wgsl.ts";

/** WGSL of the second step: the first token of a sequence starts a run. */
export const SEQUENCE_SHADER: string = /* wgsl */ `${FLAGS}${INDEX}
@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read_write> text: array<u32>;

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
) {
  let sequence = indexOf(id, grid);
  if (sequence + 1u >= arrayLength(&offsets)) {
    return;
  }
  let first = offsets[sequence];
  // Of the sequences that begin at one token only the last holds it, so no two write one word.
  if (first < offsets[sequence + 1u] && first < arrayLength(&text)) {
    text[first] |= RUN_START;
  }
}
`;
