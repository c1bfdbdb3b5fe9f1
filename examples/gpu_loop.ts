/**
 * The same loop with its tensors on a GPU: logits, planning mask, advantages and gradients are made there and
 * stay there. Matching and credit, the hook's work, run between the forward and the backward pass, and one
 * submit and one readback make a step. Run it:
 *
 *     deno run examples/gpu_loop.ts
 *
 * What to copy is `encodeStep`; the gather and the update around it stand for your model.
 *
 * @module
 */
import {
  BufferPool,
  CreditKernel,
  type CreditTransform,
  LogitStatsKernel,
  MatchKernel,
  PolicyGradientKernel,
  requestDevice,
} from "../kernels/mod.ts";
import { lcg, sampleRollouts, toyMatcher, type ToyRollouts, VOCABULARY } from "./toy_task.ts";

const VOCAB_SIZE = VOCABULARY.length;
const HICRA: CreditTransform = { name: "hicra", alpha: 0.2 };

/** What a step reports. */
export interface GpuStep {
  readonly reward: number;
  readonly planningShare: number;
  readonly entropy: number;
}

/** Trains one policy and returns what each step reported. */
export async function trainOnGpu(
  device: GPUDevice,
  steps: number,
  log: (line: string) => void,
): Promise<GpuStep[]> {
  const loop = await GpuLoop.create(device);
  const random = lcg(7);
  const reports: GpuStep[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      const rollouts = sampleRollouts((previous) => loop.logitsAfter(previous), random);
      const report = await loop.step(rollouts);
      log(
        `step ${step}: reward ${report.reward.toFixed(2)}, planning share ` +
          `${report.planningShare.toFixed(2)}, entropy ${report.entropy.toFixed(2)}`,
      );
      reports.push(report);
    }
  } finally {
    loop.destroy();
  }
  return reports;
}

/** The policy's table and the compiled kernels, for as long as the run lasts. */
class GpuLoop {
  readonly #device: GPUDevice;
  readonly #kernels: Kernels;
  readonly #pool: BufferPool;
  readonly #policy: GPUBuffer;
  /** The copy that rollouts are sampled with; in your loop the inference engine has it. */
  #table = new Float32Array(VOCAB_SIZE * VOCAB_SIZE);

  private constructor(device: GPUDevice, kernels: Kernels) {
    this.#device = device;
    this.#kernels = kernels;
    this.#pool = new BufferPool(device);
    this.#policy = device.createBuffer({
      label: "policy",
      size: this.#table.byteLength,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
    });
  }

  static async create(device: GPUDevice): Promise<GpuLoop> {
    return new GpuLoop(device, await compileKernels(device));
  }

  logitsAfter(previous: number): Float32Array {
    return this.#table.subarray(previous * VOCAB_SIZE, (previous + 1) * VOCAB_SIZE);
  }

  async step(rollouts: ToyRollouts): Promise<GpuStep> {
    const { tokenIds, rewards } = rollouts;
    const numTokens = tokenIds.length;
    const buffers = this.#stepBuffers(rollouts);
    const encoder = this.#device.createCommandEncoder({ label: "step" });
    encodeStep(this.#device, encoder, this.#kernels, buffers, {
      numTokens,
      numSequences: rewards.length,
    });

    // One readback: the policy, and what is to be logged.
    const { readback } = buffers;
    const parts = [
      { buffer: this.#policy, bytes: this.#table.byteLength },
      { buffer: buffers.entropies, bytes: 4 * numTokens },
      { buffer: buffers.planningMask, bytes: Math.ceil(numTokens / 4) * 4 },
    ];
    let end = 0;
    for (const { buffer, bytes } of parts) {
      encoder.copyBufferToBuffer(buffer, 0, readback, end, bytes);
      end += bytes;
    }
    this.#device.queue.submit([encoder.finish()]);
    await readback.mapAsync(GPUMapMode.READ, 0, end);
    const bytes = readback.getMappedRange(0, end).slice(0);
    readback.unmap();
    for (const [name, buffer] of Object.entries(buffers)) {
      if (name !== "policy" && name !== "gradients") this.#pool.give(buffer);
    }
    this.#table = new Float32Array(bytes, 0, this.#table.length);
    const entropies = new Float32Array(bytes, parts[0]!.bytes, numTokens);
    const mask = new Uint8Array(bytes, parts[0]!.bytes + parts[1]!.bytes, numTokens);
    return { reward: mean(rewards), planningShare: mean(mask), entropy: mean(entropies) };
  }

  destroy(): void {
    for (const kernel of Object.values(this.#kernels)) {
      if ("destroy" in kernel) kernel.destroy();
    }
    this.#pool.destroy();
    this.#policy.destroy();
  }

  /** The inputs, uploaded, and room for all that is made of them; from the pool, so nothing is allocated twice. */
  #stepBuffers(rollouts: ToyRollouts): StepBuffers {
    const { offsets, tokenIds, previousIds, oldLogprobs, rewards, groupIds } = rollouts;
    const numTokens = tokenIds.length;
    const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage;
    const empty = (label: string, size: number, usage = STORAGE | COPY_SRC | COPY_DST) =>
      this.#pool.take({ label, size: Math.ceil(size / 16) * 16, usage });
    const upload = (label: string, values: Float32Array | Int32Array | Uint8Array) => {
      const buffer = empty(label, values.byteLength);
      this.#device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
      return buffer;
    };
    const perToken = (label: string) => empty(label, 4 * numTokens);
    const rows = empty("logits", 4 * numTokens * VOCAB_SIZE);
    return {
      policy: this.#policy,
      offsets: upload("offsets", offsets),
      tokenIds: upload("tokenIds", tokenIds),
      previousIds: upload("previousIds", previousIds),
      lossMask: upload("lossMask", new Uint8Array(Math.ceil(numTokens / 4) * 4).fill(1)),
      oldLogprobs: upload("oldLogprobs", oldLogprobs),
      rewards: upload("rewards", rewards),
      groupIds: upload("groupIds", groupIds),
      weights: upload("weights", new Float32Array(numTokens).fill(1 / rewards.length)),
      logits: rows,
      gradients: rows,
      logprobs: perToken("logprobs"),
      entropies: perToken("entropies"),
      logsumexps: perToken("logsumexps"),
      argmaxes: perToken("argmaxes"),
      text: perToken("text"),
      planningMask: empty("planningMask", numTokens),
      matches: empty("matches", 4),
      status: empty("status", 8),
      sequenceAdvantages: empty("sequenceAdvantages", 4 * rewards.length),
      advantages: perToken("advantages"),
      losses: perToken("losses"),
      readback: empty(
        "readback",
        this.#table.byteLength + 5 * numTokens + 4,
        COPY_DST | MAP_READ,
      ),
    };
  }
}

type StepBuffers = Readonly<
  Record<
    | "policy"
    | "offsets"
    | "tokenIds"
    | "previousIds"
    | "lossMask"
    | "oldLogprobs"
    | "rewards"
    | "groupIds"
    | "weights"
    | "logits"
    | "gradients"
    | "logprobs"
    | "entropies"
    | "logsumexps"
    | "argmaxes"
    | "text"
    | "planningMask"
    | "matches"
    | "status"
    | "sequenceAdvantages"
    | "advantages"
    | "losses"
    | "readback",
    GPUBuffer
  >
>;

/** The whole step: nothing of it leaves the device. */
function encodeStep(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  { model, forward, match, credit, backward }: Kernels,
  buffers: StepBuffers,
  sizes: { readonly numTokens: number; readonly numSequences: number },
): void {
  const { numTokens } = sizes;
  const { advantages: credited, planningMask: kinds } = buffers;
  // Your model's forward pass: here a row of the table for each token.
  model.gather(device, encoder, buffers, numTokens);
  forward.encode(encoder, buffers, numTokens);
  // The hook: which tokens plan, and what each is credited with.
  match.encode(encoder, buffers, sizes);
  credit.encode(encoder, creditBuffers(buffers, kinds, credited), sizes);
  // The gradient by the logits, written over them, and your model's backward pass.
  backward.encode(encoder, buffers, numTokens);
  model.update(device, encoder, buffers, numTokens);
}

/** Under the names that the credit kernel gives them. One alpha for all kinds: the mask is enough. */
function creditBuffers(
  { offsets, lossMask, rewards, groupIds, sequenceAdvantages }: StepBuffers,
  kinds: GPUBuffer,
  credited: GPUBuffer,
): Parameters<CreditKernel["encode"]>[1] {
  return { offsets, lossMask, rewards, groupIds, sequenceAdvantages, kinds, credited };
}

interface Kernels {
  readonly model: TableModel;
  readonly forward: LogitStatsKernel;
  readonly match: MatchKernel;
  readonly credit: CreditKernel;
  readonly backward: PolicyGradientKernel;
}

async function compileKernels(device: GPUDevice): Promise<Kernels> {
  const vocabSize = VOCAB_SIZE;
  return {
    model: await TableModel.compile(device),
    forward: await LogitStatsKernel.compile(device, { vocabSize }),
    match: await MatchKernel.compile(device, toyMatcher()),
    credit: await CreditKernel.compile(device, { transform: HICRA }),
    backward: await PolicyGradientKernel.compile(device, { vocabSize, inPlace: true }),
  };
}

const GATHER = /* wgsl */ `
@group(0) @binding(0) var<storage, read> policy: array<f32>;
@group(0) @binding(1) var<storage, read> previous_ids: array<u32>;
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let token = id.x / ${VOCAB_SIZE}u;
  if (token < arrayLength(&previous_ids)) {
    logits[id.x] = policy[previous_ids[token] * ${VOCAB_SIZE}u + id.x % ${VOCAB_SIZE}u];
  }
}`;

/** One invocation for each entry of the table adds the gradients of all tokens that used it, in their order. */
const UPDATE = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> policy: array<f32>;
@group(0) @binding(1) var<storage, read> previous_ids: array<u32>;
@group(0) @binding(2) var<storage, read> gradients: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= arrayLength(&policy)) {
    return;
  }
  var gradient = 0.0;
  for (var token = 0u; token < arrayLength(&previous_ids); token++) {
    if (previous_ids[token] == id.x / ${VOCAB_SIZE}u) {
      gradient += gradients[token * ${VOCAB_SIZE}u + id.x % ${VOCAB_SIZE}u];
    }
  }
  policy[id.x] -= gradient; // a learning rate of 1
}`;

/** A model that is a table of logits. */
class TableModel {
  readonly #gather: GPUComputePipeline;
  readonly #update: GPUComputePipeline;

  private constructor(gather: GPUComputePipeline, update: GPUComputePipeline) {
    this.#gather = gather;
    this.#update = update;
  }

  static async compile(device: GPUDevice): Promise<TableModel> {
    const compile = (code: string) =>
      device.createComputePipelineAsync({
        layout: "auto",
        compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
      });
    return new TableModel(await compile(GATHER), await compile(UPDATE));
  }

  gather(
    device: GPUDevice,
    encoder: GPUCommandEncoder,
    { policy, previousIds, logits }: StepBuffers,
    numTokens: number,
  ): void {
    const resources = [{ buffer: policy }, { buffer: previousIds, size: 4 * numTokens }, {
      buffer: logits,
    }];
    dispatch(device, encoder, this.#gather, numTokens * VOCAB_SIZE, resources);
  }

  update(
    device: GPUDevice,
    encoder: GPUCommandEncoder,
    { policy, previousIds, gradients }: StepBuffers,
    numTokens: number,
  ): void {
    const resources = [{ buffer: policy }, { buffer: previousIds, size: 4 * numTokens }, {
      buffer: gradients,
    }];
    dispatch(device, encoder, this.#update, VOCAB_SIZE * VOCAB_SIZE, resources);
  }
}

function dispatch(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  pipeline: GPUComputePipeline,
  invocations: number,
  resources: readonly GPUBufferBinding[],
): void {
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = resources.map((resource, binding) => ({ binding, resource }));
  pass.setBindGroup(
    0,
    device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }),
  );
  pass.dispatchWorkgroups(Math.ceil(invocations / 64));
  pass.end();
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

if (import.meta.main) {
  const device = await requestDevice();
  await trainOnGpu(device, 100, (line) => console.log(line));
  device.destroy();
}
