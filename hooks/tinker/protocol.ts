/** Text as token ids, in one or more pieces that the server reads one after the other. */
export interface ModelInput {
  /** The pieces, in order; together they hold at least one token. */
  readonly chunks: readonly { readonly tokens: ArrayLike<number> }[];
}

/**
 * One sequence to train on. Position `k` of every array of `lossFnInputs` belongs to the prediction
 * made at position `k` of the input: `advantages[k]` credits `targetTokens[k]`, the token after input
 * token `k`.
 */
export interface Datum {
  /** The sequence without its last token. */
  readonly modelInput: ModelInput;
  /** What the loss reads, arrays of the length of the input. */
  readonly lossFnInputs: LossFnInputs;
}

/** What a loss function reads for one sequence. */
export interface LossFnInputs {
  /** `[tokens]`: the sequence without its first token. */
  readonly targetTokens: ArrayLike<number>;
  /**
   * `[tokens]`, 0 or 1 as a rule: what the loss of a token is multiplied with. The JAX backend of
   * SkyRL also divides the loss of a sequence by their sum. The server takes 1 where they are left
   * out, for prompt tokens too.
   */
  readonly weights?: ArrayLike<number>;
  /** `[tokens]`: the advantages, for every loss but `cross_entropy`. */
  readonly advantages?: ArrayLike<number>;
  /** `[tokens]`, nats: log-probabilities under the policy that sampled, for the same losses. */
  readonly logprobs?: ArrayLike<number>;
}

/** What a pass over data computes. */
export interface PassInput {
  /** The sequences. */
  readonly data: readonly Datum[];
  /** Name of the loss, such as `"importance_sampling"`; see {@linkcode TOKEN_LEVEL_LOSSES}. */
  readonly lossFn: string;
  /** Its settings by the server's names, such as `{ "clip_high_threshold": 1.28 }` of `ppo`. */
  readonly lossFnConfig?: Readonly<Record<string, number>>;
}

/** What a pass returns. */
export interface PassResult {
  /**
   * By sequence, arrays by name: `logprobs`, nats, of the target tokens under the current weights, and
   * on the JAX backend of SkyRL `elementwise_loss`.
   */
  readonly outputs: readonly Readonly<Record<string, Float32Array>>[];
  /** The server's metrics by name; the JAX backend of SkyRL has none. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** How tokens are sampled. */
export interface SamplingParams {
  /** At most so many tokens. */
  readonly maxTokens: number;
  /** Where to stop: token ids, or texts. The server may not stop at the end of a turn by itself. */
  readonly stop?: readonly number[] | readonly string[];
  /**
   * What logits are divided by. Log-probabilities are those of temperature 1 on the JAX backend, so
   * any other makes them wrong for a loss of importance ratios. Default: 1.
   */
  readonly temperature?: number;
  /** Keep the likeliest so many tokens. Default: all. */
  readonly topK?: number;
  /** Keep the likeliest tokens up to this probability. Default: 1. */
  readonly topP?: number;
  /** Seed of the first sample; the next ones count on from it. Default: random. */
  readonly seed?: number;
}

/** What is to be sampled. */
export interface SampleInput {
  /** What the model continues. */
  readonly prompt: ModelInput;
  /** Number of samples. Default: 1. */
  readonly numSamples?: number;
  /** How. */
  readonly samplingParams: SamplingParams;
  /** Sampler weights, as {@linkcode TinkerClient.saveWeightsForSampler} returns them. */
  readonly modelPath?: string;
  /** Name of the base model, to sample it without LoRA. Either this or `modelPath`. */
  readonly baseModel?: string;
}

/** One sampled continuation. */
export interface SampledSequence {
  /** `[tokens]`: the ids, with the token that stopped it if one did. */
  readonly tokens: Int32Array;
  /** `[tokens]`, nats: their log-probabilities, NaN where the server knows none. */
  readonly logprobs: Float32Array;
  /** `"length"` if it was cut at `maxTokens`, else `"stop"`. */
  readonly stopReason: string;
}

/** One step of AdamW; what is left out is the server's default. */
export interface AdamParams {
  /** Step size. */
  readonly learningRate: number;
  /** Decay of the mean gradient. */
  readonly beta1?: number;
  /** Decay of the mean squared gradient. */
  readonly beta2?: number;
  /** Added to the root. */
  readonly eps?: number;
  /** Decoupled weight decay. */
  readonly weightDecay?: number;
}

/** Tokens as the input of a model. */
export function modelInput(tokens: ArrayLike<number>): ModelInput {
  return { chunks: [{ tokens }] };
}
