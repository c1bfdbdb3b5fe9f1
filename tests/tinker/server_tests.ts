/** The client and the example loop against a real Tinker server: SkyRL's, on a CPU. See run.sh. */
import assert from "node:assert/strict";
import { env } from "node:process";
import { sum, trainOnTinker } from "../../examples/tinker_loop.ts";
import {
  batchFromSamples,
  datumsFromBatch,
  modelInput,
  type PassInput,
  type PassResult,
  type SampledBatch,
  TinkerClient,
} from "../../hooks/tinker/mod.ts";
import { createHook, lexiconFromGrams, SgMatcher } from "../../mod.ts";
import { loadLexicon, loadTokenizer } from "../../files/mod.ts";

const baseModel = env.HICRA_TINKER_MODEL!;
// Retries of a request that got no answer: so the first test waits for the server to listen.
const client = new TinkerClient({ baseUrl: env.HICRA_TINKER_URL!, retries: 12 });
const tokenizer = await loadTokenizer(baseModel);
const prompt = tokenizer.encode("What is 2 + 3?\n");
const END = tokenizer.encode("<|im_end|>")[0]!;
const ALPHA = 0.25;

/** The server sends float32 of one forward pass for sampling, and of another for training. */
const SAME_PASS = 2e-5;

// At the top level, as it outlives a test.
const session = await client.createSession({ heartbeatMs: 1000 });
const { sessionId } = session;
const model = await client.createModel({ sessionId, baseModel, rank: 8, seed: 1 });
let batch: SampledBatch;
let prompts: Int32Array[];

const close = (actual: number, expected: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} is not ${expected}`);

/** By token of the batch, what the server returned for the position that predicts it. */
function ofTokens({ outputs }: PassResult, name: string): number[] {
  return outputs.flatMap((output, s) => {
    const length = batch.offsets[s + 1]! - batch.offsets[s]!;
    return Array.from(output[name]!.slice(-length));
  });
}

const passOf = (advantages: Float32Array, lossFn = "importance_sampling"): PassInput => ({
  data: datumsFromBatch(batch, advantages, prompts),
  lossFn,
});

Deno.test("the server answers, and has the model", async () => {
  await client.health();
  assert.deepEqual(await client.supportedModels(), [baseModel]);
});

Deno.test("a model is sampled: the logprobs are those of a forward pass at the datums' positions", async () => {
  const modelPath = await client.saveWeightsForSampler(model, "first");
  assert.equal(modelPath, `tinker://${model}/first`);
  const samples = await client.sample({
    prompt: modelInput(prompt),
    numSamples: 16,
    samplingParams: { maxTokens: 16, stop: [END], seed: 3 },
    modelPath,
  });
  assert.equal(samples.length, 16);
  for (const { tokens, stopReason } of samples) {
    assert.equal(stopReason, tokens.at(-1) === END ? "stop" : "length");
  }
  batch = batchFromSamples([samples]);
  prompts = samples.map(() => prompt);

  const logprobs = ofTokens(
    await client.forward(model, passOf(new Float32Array(batch.tokenIds.length))),
    "logprobs",
  );
  batch.oldLogprobs.forEach((expected, t) =>
    close(logprobs[t]!, expected, SAME_PASS, `token ${t}`)
  );
});

Deno.test("pitfall 1: the credit of a one-token phrase reaches that token and no other", async () => {
  const matcher = SgMatcher.compile(
    lexiconFromGrams(["wait", "check"], { name: "one token" }),
    tokenizer.tokens,
  );
  const hook = createHook({ matcher, transforms: [{ name: "hicra", alpha: ALPHA }] });
  const ones = new Float32Array(batch.offsets.length - 1).fill(1);
  const { advantages, planningMask } = hook({
    ...batch,
    advantages: ones,
    advantagesPer: "sequence",
  });
  assert.ok(planningMask.includes(1) && planningMask.includes(0));
  const spelled = (id: number) =>
    new TextDecoder().decode(
      tokenizer.tokens.bytes.subarray(...tokenizer.tokens.offsets.slice(id, id + 2)),
    );
  planningMask.forEach((bit, t) =>
    assert.equal(bit === 1, / ?(wait|check)$/.test(spelled(batch.tokenIds[t]!)))
  );

  const pass = await client.forward(model, passOf(advantages));
  // The ratio is 1, so that the server's loss of a token is minus its advantage.
  ofTokens(pass, "elementwise_loss").forEach((loss, t) =>
    close(-loss, planningMask[t] === 1 ? 1 + ALPHA : 1, 2 * SAME_PASS, `token ${t}`)
  );
  for (const { elementwise_loss: losses } of pass.outputs) {
    assert.ok(losses!.slice(0, prompt.length - 1).every((loss) => loss === 0));
  }
});

Deno.test("training raises what was credited, and a checkpoint brings the weights back", async () => {
  const advantages = Float32Array.from(batch.tokenIds, (id) => id === END ? 0 : 1);
  const total = async () => {
    const logprobs = ofTokens(await client.forward(model, passOf(advantages)), "logprobs");
    return logprobs.reduce((total, value, t) => total + value * advantages[t]!, 0);
  };
  const before = await total();
  const checkpoint = await client.saveWeights(model, "before");
  assert.equal(checkpoint, `tinker://${model}/weights/before`);
  await client.forwardBackward(model, passOf(advantages));
  const metrics = await client.optimStep(model, { learningRate: 1e-3 });
  assert.ok(metrics["skyrl.ai/grad_norm"]! > 0);
  const after = await total();
  assert.ok(after > before, `${after} is not above ${before}`);
  await client.loadWeights(model, checkpoint);
  close(await total(), before, 1e-3, "sum of logprobs after loading"); // of some 200 in float32
});

Deno.test("every token-level loss of the JAX backend takes the datums; what it has not is refused", async () => {
  const ones = new Float32Array(batch.tokenIds.length).fill(1);
  for (const lossFn of ["importance_sampling", "ppo", "cispo"]) {
    const { outputs } = await client.forward(model, passOf(ones, lossFn));
    assert.equal(outputs.length, batch.offsets.length - 1);
  }
  const clipped = {
    ...passOf(ones, "ppo"),
    lossFnConfig: { "clip_low_threshold": 0.5, "clip_high_threshold": 0.5 },
  };
  ofTokens(await client.forward(model, clipped), "elementwise_loss").forEach((loss, t) =>
    close(loss, -0.5, 1e-6, `clipped loss of token ${t}`)
  );
  await assert.rejects(client.forward(model, passOf(ones, "gspo")), {
    name: "TinkerError",
    request: "forward",
    status: 422,
    field: "forward_input.loss_fn",
    message: /current value is "gspo"/,
  });
  await assert.rejects(client.forward(model, passOf(ones, "dppo")), {
    name: "TinkerError",
    request: "forward",
    status: 400,
    message: /^Cannot forward as the server answered with status 400: 'dppo'/,
  });
});

Deno.test("errors of the server name request, status and a way out", async () => {
  await assert.rejects(client.optimStep("nobody", { learningRate: 1 }), {
    status: 404,
    message: /^Cannot optim_step .*Model not found; check/,
  });
  await assert.rejects(client.saveWeights(model, "before"), {
    status: 409,
    message: /already exists for model .*; choose another name/,
  });
  await assert.rejects(client.loadWeights(model, "elsewhere"), { status: 400 });
  await assert.rejects(
    client.createModel({ sessionId: "nobody", baseModel, rank: 8 }),
    { status: 404, message: /Session not found/ },
  );
  const params = { maxTokens: 0 };
  const input = { prompt: modelInput(prompt), samplingParams: params, baseModel };
  await assert.rejects(client.sample(input), { status: 400, message: /max_tokens must be/ });
});

Deno.test("examples/tinker_loop.ts learns, and goes on from its checkpoint", async () => {
  session.close(); // for the test below, to wait less
  const hook = createHook({
    matcher: SgMatcher.compile(await loadLexicon("math"), tokenizer.tokens),
    baseline: "trl",
    transforms: [{ name: "hicra", alpha: ALPHA }],
  });
  const lines: string[] = [];
  const options = {
    baseModel,
    tokenizer,
    hook,
    questions: [sum(1, 4), sum(2, 3), sum(3, 2)], // as make_model.py has them
    lossFn: "importance_sampling",
    groupSize: 16,
    maxTokens: 16,
    end: "<|im_end|>",
    rank: 8,
    learningRate: 2e-3,
    seed: 5,
    log: (line: string) => {
      console.log(line);
      lines.push(line);
    },
  };
  const { rewards, checkpoint } = await trainOnTinker(client, { ...options, steps: 10 });
  const shares = lines.map((line) => Number(/planning_frac ([\d.]+)/.exec(line)![1]));
  assert.ok(shares[0]! > 0.05 && shares[0]! < 0.4, `${shares}`); // two thoughts of three hold one
  // One answer in three is right at first. The mean of 48 rewards has a standard error of 0.07.
  const [first] = rewards;
  const last = (rewards.at(-1)! + rewards.at(-2)!) / 2;
  assert.ok(last > first! + 0.15, `${rewards}`);
  const resumed = await trainOnTinker(client, { ...options, steps: 1, checkpoint });
  assert.ok(resumed.rewards[0]! > first! + 0.15, `${resumed.rewards}`);
});

Deno.test("without heartbeats the server unloads the models of a session", async () => {
  const end = Date.now() + 90_000; // the server gives up after 30 s, part of which has passed
  await assert.rejects(async () => {
    while (Date.now() < end) await client.optimStep(model, { learningRate: 0 });
  }, { request: "optim_step", status: 400, message: /not loaded/ });
});
