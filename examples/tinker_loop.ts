/**
 * GRPO with HICRA on a Tinker server: prompts, groups of samples, rewards, the hook, a pass, a step, new
 * sampler weights. The model is on the server, on this machine or a cluster; here is everything else.
 *
 *     deno run -A examples/tinker_loop.ts --base-url http://localhost:8000 --tokenizer tokenizer.json
 *
 * The environment may hold `TINKER_BASE_URL` and `TINKER_API_KEY`. What to copy is `trainStep`. The sums are
 * a toy and say nothing about whether HICRA helps.
 *
 * @module
 */
import { env } from "node:process";
import { parseArgs } from "node:util";
import {
  type AdvantageHook,
  createHook,
  loadLexicon,
  loadTokenizer,
  metricValues,
  SgMatcher,
  type Tokenizer,
} from "../mod.ts";
import {
  batchFromSamples,
  datumsFromBatch,
  modelInput,
  TinkerClient,
  tokenLevelLoss,
} from "../hooks/tinker/mod.ts";

/** A prompt, and the number that the last one in a completion must be. */
export interface Question {
  readonly prompt: string;
  readonly answer: number;
}

/** Asks for a sum. */
export function sum(a: number, b: number): Question {
  return { prompt: `What is ${a} + ${b}?\n`, answer: a + b };
}

/** What a run is made of. */
export interface TinkerLoopOptions {
  readonly baseModel: string;
  readonly tokenizer: Tokenizer;
  readonly hook: AdvantageHook;
  readonly questions: readonly Question[];
  /** Token-level losses only. */
  readonly lossFn: string;
  readonly steps: number;
  readonly groupSize: number;
  readonly maxTokens: number;
  /** The token that ends an answer. */
  readonly end: string;
  readonly rank: number;
  readonly learningRate: number;
  readonly seed?: number;
  /** Checkpoint to go on from. */
  readonly checkpoint?: string | undefined;
  readonly log: (line: string) => void;
}

/** Trains a LoRA adapter; returns the mean reward of each step and the path of the checkpoint. */
export async function trainOnTinker(
  client: TinkerClient,
  options: TinkerLoopOptions,
): Promise<{ rewards: number[]; checkpoint: string }> {
  tokenLevelLoss(options.lossFn);
  stopToken(options.tokenizer, options.end);
  using session = await client.createSession({ tags: ["hicra"] });
  const { sessionId } = session;
  const modelId = await client.createModel({ sessionId, ...options });
  if (options.checkpoint) await client.loadWeights(modelId, options.checkpoint);
  const rewards: number[] = [];
  for (let step = 0; step < options.steps; step++) {
    rewards.push(await trainStep(client, modelId, step, options));
  }
  const checkpoint = await client.saveWeights(modelId, `after-${options.steps}`);
  await client.unloadModel(modelId);
  return { rewards, checkpoint };
}

async function trainStep(
  client: TinkerClient,
  modelId: string,
  step: number,
  { tokenizer, hook, questions, lossFn, groupSize, maxTokens, end, learningRate, seed, log }:
    TinkerLoopOptions,
): Promise<number> {
  // 1. Sample a group for every prompt with the weights as they are now.
  const modelPath = await client.saveWeightsForSampler(modelId, `step-${step}`);
  const prompts = questions.map(({ prompt }) => tokenizer.encode(prompt));
  const groups = await Promise.all(prompts.map((prompt, g) =>
    client.sample({
      prompt: modelInput(prompt),
      numSamples: groupSize,
      samplingParams: {
        maxTokens,
        stop: [stopToken(tokenizer, end)],
        ...(seed !== undefined && { seed: seed + (step * prompts.length + g) * groupSize }),
      },
      modelPath,
    })
  ));

  // 2. Rewards.
  const rewards = Float32Array.from(
    groups.flatMap((samples, g) =>
      samples.map(({ tokens }) =>
        Number(lastNumber(decode(tokens, tokenizer)) === questions[g]!.answer)
      )
    ),
  );

  // 3. The hook: group baseline, planning mask, HICRA.
  const batch = { ...batchFromSamples(groups), rewards };
  const { advantages, metrics } = hook(batch, { step });

  // 4. One pass, one step.
  const data = datumsFromBatch(
    batch,
    advantages,
    prompts.flatMap((prompt) => Array.from({ length: groupSize }, () => prompt)),
  );
  await client.forwardBackward(modelId, { data, lossFn });
  const optim = await client.optimStep(modelId, { learningRate });

  const reward = rewards.reduce((sum, value) => sum + value, 0) / rewards.length;
  const values = { ...metricValues(metrics!), ...optim };
  log(
    `step ${step}: reward ${reward.toFixed(3)}, ` +
      Object.entries(values).filter(([name]) => SHOWN.includes(name))
        .map(([name, value]) => `${name} ${value?.toFixed(4)}`).join(", "),
  );
  return reward;
}

/** Each id in `stop` ends a completion by itself, so that a text of several would cut it anywhere. */
function stopToken(tokenizer: Tokenizer, end: string): number {
  const ids = tokenizer.encode(end);
  if (ids.length !== 1) {
    throw new RangeError(
      `Cannot stop completions as --end must be one token of the tokenizer: current value is "${end}", ` +
        `which takes ${ids.length}, pass the token that ends a turn of its model`,
    );
  }
  return ids[0]!;
}

const SHOWN = ["hicra/planning_frac", "hicra/adv_shift", "skyrl.ai/grad_norm"];

function lastNumber(text: string): number {
  return Number(text.match(/\d+/g)?.at(-1) ?? NaN);
}

function decode(ids: Int32Array, { tokens: { bytes, offsets } }: Tokenizer): string {
  const pieces = Array.from(ids, (id) => bytes.subarray(offsets[id], offsets[id + 1]));
  return new TextDecoder().decode(new Uint8Array(pieces.flatMap((piece) => Array.from(piece))));
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      "base-url": { type: "string", default: env.TINKER_BASE_URL ?? "http://localhost:8000" },
      model: { type: "string" },
      tokenizer: { type: "string", default: "tokenizer.json" },
      lexicon: { type: "string", default: "math" },
      alpha: { type: "string", default: "0.2" },
      loss: { type: "string", default: "importance_sampling" },
      steps: { type: "string", default: "10" },
      "group-size": { type: "string", default: "16" },
      "max-tokens": { type: "string", default: "64" },
      end: { type: "string", default: "<|im_end|>" },
      "learning-rate": { type: "string", default: "1e-4" },
      checkpoint: { type: "string" },
    },
  });
  const apiKey = env.TINKER_API_KEY;
  const client = new TinkerClient({ baseUrl: values["base-url"], ...(apiKey && { apiKey }) });
  const tokenizer = await loadTokenizer(values.tokenizer);
  const hook = createHook({
    matcher: SgMatcher.compile(await loadLexicon(values.lexicon), tokenizer.tokens),
    baseline: "trl",
    transforms: [{ name: "hicra", alpha: Number(values.alpha) }],
  });
  const { checkpoint } = await trainOnTinker(client, {
    baseModel: values.model ?? (await client.supportedModels())[0]!,
    tokenizer,
    hook,
    questions: [sum(2, 3), sum(17, 25), sum(48, 64), sum(123, 89)],
    lossFn: values.loss,
    steps: Number(values.steps),
    groupSize: Number(values["group-size"]),
    maxTokens: Number(values["max-tokens"]),
    end: values.end,
    rank: 8,
    learningRate: Number(values["learning-rate"]),
    checkpoint: values.checkpoint,
    log: (line) => console.log(line),
  });
  console.log(`checkpoint ${checkpoint}`);
}
