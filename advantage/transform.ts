import type { CheckedBatch } from "../batch/mod.ts";
import type { ClockNeed, ScheduleClock } from "./schedule.ts";

/** What a transform may change: token advantages, and the planning mask they are shaped by. */
export interface Credit {
  /** `[tokens]`. */
  readonly advantages: Float32Array;
  /** `[tokens]`, 0 or 1. */
  readonly planningMask: Uint8Array;
  /**
   * `[tokens]`: code of the kind of each planning token, 0 off the mask; absent when unknown. Codes
   * 1 to 4 are deduction, branching, backtracking, other. It belongs to `planningMask`: a transform
   * that returns a new mask without kinds leaves them unknown.
   */
  readonly kinds?: Uint8Array;
  /** Weight of an entropy bonus that the loop adds to its loss; absent when no transform asks. */
  readonly entropyCoefficient?: number;
}

/** What a transform may read beside the {@linkcode Credit}. */
export interface TransformContext extends ScheduleClock {
  /** The checked batch. Its `advantages` are the host's, before any transform. */
  readonly batch: CheckedBatch;
  /**
   * `[3 * spans]`: start token, end token, gram index of the matches in the batch, before any
   * transform; absent when the mask was given.
   */
  readonly spans?: Int32Array;
}

/** Fields of a batch that a transform may require. */
export type OptionalField =
  | "tokenIds"
  | "rewards"
  | "groupIds"
  | "oldLogprobs"
  | "entropies"
  | "segmentIds";

/**
 * One step of credit assignment. Transforms run after the host's estimator, in order, each on the
 * result of the one before.
 */
export interface Transform {
  /** Name in a configuration and in error messages. */
  readonly name: string;
  /** Options in force, defaults included, as a configuration holds them; left out where there are none. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Batch fields without which the transform cannot act: given, and finite where `lossMask` is 1. */
  readonly needs: readonly OptionalField[];
  /**
   * Options that read the training step or a signal, without which the transform cannot act either.
   * Default: none does.
   */
  readonly clock?: readonly ClockNeed[];
  /**
   * Computes new advantages, a new mask or both. Inputs are not modified, results are fresh.
   *
   * @param credit What the transforms before have made of the batch.
   * @param context The batch and what else is known of it.
   * @returns The fields that change.
   */
  apply(credit: Credit, context: TransformContext): Partial<Credit>;
}
