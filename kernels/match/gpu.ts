import type { Batch, PlanningTokens } from "../../batch/mod.ts";
import { unknownToken } from "../../sg/internal.ts";
import type { SgMatcher } from "../../sg/mod.ts";
import { compilePipeline } from "../_compile_pipeline.ts";
import { selfCheck } from "../_self_check.ts";
import { transfer, wholeWords } from "../_transfers.ts";
import { BufferPool } from "../buffer_pool.ts";
import { checkMatchBuffers } from "./_check_buffers.ts";
import { checkTokens, type TokenBatch } from "./_check_batch.ts";
import { checkedMatcher, compareMatches } from "./_compare.ts";
import { type FoundMatches, MATCH_FIELDS, sortMatches } from "./_found_matches.ts";
import { dispatchOn } from "../_dispatch_on.ts";
import { cutBetweenSequences, halves, type Piece } from "./_pieces.ts";
import { MATCH_BYTES, matchesThatFit, STATUS_BYTES, TEXT_BYTES, tokensThatFit } from "./_sizes.ts";
import { type TableBuffers, uploadTables } from "./_table_buffers.ts";
import type { MatchBuffers, MatchSizes } from "./match_buffers.ts";
import { MATCH_TOKENS, NO_TOKEN, WORKGROUP_SIZE } from "./_text_wgsl.ts";
import { MATCH_SHADER } from "./match_shader.ts";
import { OPENINGS_SHADER } from "./openings_shader.ts";
import { SEQUENCE_SHADER } from "./sequence_shader.ts";
import { SPELL_SHADER } from "./spell_shader.ts";

const LABEL = "hicra match";

/**
 * Phrase matching on token ids that live on the GPU: the tables of a matcher are uploaded once, batches
 * are matched as often as needed, and nothing is read back.
 *
 * The same matches as `SgMatcher.match()`, which defines them and on token ids that do not live on the GPU may
 * well be faster. What stands in the buffers is not checked; an id outside the vocabulary spells nothing
 * and is reported in `status`.
 *
 * @example Usage
 * ```ts
 * import { GpuUnavailableError, MatchKernel, requestDevice } from "@hicra/hicra/kernels";
 * import { lexiconFromGrams, SgMatcher, tokenBytes } from "@hicra/hicra/sg";
 * import assert from "node:assert/strict";
 *
 * const tokens = tokenBytes({
 *   model: { type: "BPE", vocab: { "But": 0, "Ġwait": 1, ",": 2 }, merges: [] },
 *   decoder: { type: "ByteLevel" },
 *   added_tokens: [],
 * });
 * const matcher = SgMatcher.compile(lexiconFromGrams(["but wait"], { name: "mine" }), tokens);
 * const device = await requestDevice().catch((error) => {
 *   if (error instanceof GpuUnavailableError) return null;
 *   throw error;
 * });
 * if (device !== null) {
 *   const kernel = await MatchKernel.compile(device, matcher);
 *   const batch = {
 *     offsets: Int32Array.of(0, 3),
 *     tokenIds: Int32Array.of(0, 1, 2),
 *     lossMask: Uint8Array.of(1, 1, 1),
 *   };
 *   assert.deepEqual(await kernel.run(batch), matcher.match(batch));
 *   kernel.destroy();
 *   device.destroy();
 * }
 * ```
 */
export class MatchKernel {
  readonly #device: GPUDevice;
  readonly #pool: BufferPool;
  readonly #spell: GPUComputePipeline;
  readonly #sequences: GPUComputePipeline;
  readonly #match: GPUComputePipeline;
  readonly #tables: TableBuffers;
  readonly #matcher: SgMatcher;
  /** The most matches per token that a batch has had. */
  #density = 1 / 8;

  private constructor(
    device: GPUDevice,
    matcher: SgMatcher,
    tables: TableBuffers,
    [spell, sequences, match]: [GPUComputePipeline, GPUComputePipeline, GPUComputePipeline],
  ) {
    this.#device = device;
    this.#pool = new BufferPool(device);
    this.#tables = tables;
    this.#matcher = matcher;
    this.#spell = spell;
    this.#sequences = sequences;
    this.#match = match;
  }

  /**
   * Compiles the kernel for a device, compares a few matches with those of the CPU, once for a device, and
   * uploads the tables of the matcher.
   *
   * @param device Device of the buffers; stays the caller's.
   * @param matcher The lexicon and the tokenizer.
   * @returns The kernel, which the caller must destroy.
   * @throws {RangeError} If a table does not fit the device.
   * @throws {ShaderError} If the device's compiler refuses a shader.
   * @throws {GpuWrongResultError} If the device finds other matches than `SgMatcher.match()`.
   */
  static async compile(device: GPUDevice, matcher: SgMatcher): Promise<MatchKernel> {
    const compile = (name: string, code: string) =>
      compilePipeline(device, { label: `${LABEL} ${name}`, code });
    const [spell, sequences, match, openings] = await Promise.all([
      compile("spell", SPELL_SHADER),
      compile("sequences", SEQUENCE_SHADER),
      compile("phrases", MATCH_SHADER),
      compile("openings", OPENINGS_SHADER),
    ]);
    const loaded = async (matcher: SgMatcher): Promise<MatchKernel> => {
      const tables = await uploadTables(device, matcher.phraseTables(), openings);
      return new MatchKernel(device, matcher, tables, [spell, sequences, match]);
    };
    await selfCheck(
      device,
      { kernel: "MatchKernel", reference: "SgMatcher.match()", settings: null },
      async () => {
        const matcher = checkedMatcher();
        const kernel = await loaded(matcher);
        try {
          return await compareMatches((batch) => kernel.#find(batch), matcher);
        } finally {
          kernel.destroy();
        }
      },
    );
    return await loaded(matcher);
  }

  /**
   * Appends one compute pass to `encoder`; the caller submits. Dispatches above
   * `maxComputeWorkgroupsPerDimension` use a second dimension. No tokens, no pass: then `status` stays as
   * it was.
   *
   * @param encoder Encoder of the kernel's device.
   * @param buffers Inputs and outputs.
   * @param sizes Number of sequences and of tokens, from the start of the buffers.
   * @throws {RangeError} If a buffer is too small, an output is also another buffer, or the tokens do not
   * fit one binding: 4 bytes a token.
   */
  encode(encoder: GPUCommandEncoder, buffers: MatchBuffers, sizes: MatchSizes): void {
    const { limits } = this.#device;
    checkMatchBuffers(buffers, sizes, limits);
    const { numSequences, numTokens } = sizes;
    if (numTokens === 0) return;
    const { offsets, tokenIds, lossMask, segmentIds, text, planningMask, matches, status } =
      buffers;
    const { vocabulary, tokenBytes, characters, trie } = this.#tables;
    const capacity = Math.min(
      Math.floor(matches.size / MATCH_BYTES),
      matchesThatFit(limits),
    );
    const ofTokens = { buffer: text, size: TEXT_BYTES * numTokens };
    const ofMask = { buffer: planningMask, size: wholeWords(numTokens) };
    const ofStatus = { buffer: status, size: STATUS_BYTES };
    const pass = encoder.beginComputePass({ label: LABEL });
    const dispatch = (
      pipeline: GPUComputePipeline,
      workgroups: number,
      resources: GPUBufferBinding[],
    ) => dispatchOn(this.#device, pass, pipeline, workgroups, resources);
    dispatch(this.#spell, Math.ceil(numTokens / WORKGROUP_SIZE), [
      { buffer: tokenIds, size: 4 * numTokens },
      { buffer: lossMask, size: wholeWords(numTokens) },
      segmentIds === undefined
        ? { buffer: tokenIds, size: 4 }
        : { buffer: segmentIds, size: 4 * numTokens },
      { buffer: vocabulary },
      ofTokens,
      ofMask,
      ofStatus,
    ]);
    dispatch(this.#sequences, Math.ceil(numSequences / WORKGROUP_SIZE), [
      { buffer: offsets, size: 4 * (numSequences + 1) },
      ofTokens,
    ]);
    dispatch(this.#match, Math.ceil(numTokens / MATCH_TOKENS), [
      ofTokens,
      { buffer: vocabulary },
      { buffer: tokenBytes },
      { buffer: characters },
      { buffer: trie },
      ofMask,
      { buffer: matches, size: Math.max(4, MATCH_BYTES * capacity) },
      ofStatus,
    ]);
    pass.end();
  }

  /**
   * Matches a batch on typed arrays: uploads, runs and reads back once, or twice where a batch has more
   * matches than any before it. Batches above `maxStorageBufferBindingSize` are cut between sequences. The
   * buffers are kept for the next call.
   *
   * @param batch `offsets`, `tokenIds`, `lossMask` and, optionally, `segmentIds`.
   * @returns Mask, kinds and spans, freshly allocated, as `SgMatcher.match()` returns them; kinds and spans
   * are made of the matches on the CPU.
   * @throws {RangeError} If a field breaks the contract, a token id where `lossMask` is 1 is outside the
   * vocabulary, or one sequence does not fit the device.
   * @throws {TypeError} If an array is missing or of another type.
   */
  async run(
    batch: Pick<Batch, "offsets" | "tokenIds" | "lossMask" | "segmentIds">,
  ): Promise<Required<PlanningTokens>> {
    const checked = checkTokens(batch);
    const { matches } = await this.#find(checked);
    return this.#matcher.planningTokens(checked.tokenIds, matches);
  }

  /** Frees the tables and all buffers of `run()`. The device stays. */
  destroy(): void {
    this.#pool.destroy();
    for (const buffer of Object.values(this.#tables) as GPUBuffer[]) buffer.destroy();
  }

  async #find(batch: TokenBatch): Promise<FoundMatches> {
    const planningMask = new Uint8Array(batch.tokenIds.length);
    const parts: Int32Array[] = [];
    const limit = tokensThatFit(this.#device.limits);
    const pieces = cutBetweenSequences(batch.offsets, limit).reverse();
    while (pieces.length > 0) {
      const piece = pieces.pop()!;
      const found = await this.#runPiece(batch, piece);
      if (found === "too many matches") {
        pieces.push(...halves(piece, this.#device.limits).reverse());
      } else {
        planningMask.set(found.planningMask, batch.offsets[piece.from]!);
        parts.push(found.matches);
      }
    }
    return { planningMask, matches: concatenated(parts) };
  }

  async #runPiece(
    { offsets, tokenIds, lossMask, segmentIds }: TokenBatch,
    { from, to }: Piece,
  ): Promise<FoundMatches | "too many matches"> {
    const [start, end] = [offsets[from]!, offsets[to]!];
    const numTokens = end - start;
    const numSequences = to - from;
    const most = matchesThatFit(this.#device.limits);
    let capacity = Math.min(most, Math.max(1024, Math.ceil(this.#density * numTokens)));
    while (true) {
      const results = await transfer(this.#pool, LABEL, (transfers, encoder) => {
        const buffers: MatchBuffers = {
          offsets: transfers.upload(
            "offsets",
            offsets.subarray(from, to + 1).map((offset) => offset - start),
          ),
          tokenIds: transfers.upload("tokenIds", tokenIds.subarray(start, end)),
          lossMask: transfers.upload("lossMask", lossMask.subarray(start, end)),
          ...(segmentIds && {
            segmentIds: transfers.upload("segmentIds", segmentIds.subarray(start, end)),
          }),
          text: transfers.output("text", TEXT_BYTES * numTokens),
          planningMask: transfers.output("planningMask", numTokens),
          matches: transfers.output("matches", MATCH_BYTES * capacity),
          status: transfers.output("status", STATUS_BYTES),
        };
        this.encode(encoder, buffers, { numSequences, numTokens });
        return {
          planningMask: { buffer: buffers.planningMask, bytes: numTokens },
          matches: { buffer: buffers.matches, bytes: MATCH_BYTES * capacity },
          status: { buffer: buffers.status, bytes: STATUS_BYTES },
        };
      });
      const [found, unknown] = new Uint32Array(results.status) as unknown as [number, number];
      if (unknown !== NO_TOKEN) {
        throw unknownToken(
          tokenIds[start + unknown]!,
          start + unknown,
          this.#matcher.tokens.vocabSize,
        );
      }
      this.#density = Math.max(this.#density, found / numTokens);
      if (found > most) return "too many matches";
      if (found <= capacity) {
        const matches = sortMatches(new Int32Array(results.matches, 0, MATCH_FIELDS * found));
        for (let at = 0; at < matches.length; at += MATCH_FIELDS) {
          matches[at]! += start;
          matches[at + 2]! += start;
        }
        return { planningMask: new Uint8Array(results.planningMask), matches };
      }
      capacity = found;
    }
  }
}

function concatenated(parts: readonly Int32Array[]): Int32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Int32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
