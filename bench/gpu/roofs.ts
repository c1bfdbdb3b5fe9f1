import { timeOnDevice } from "./time_on_device.ts";

/** What the device can do at most, measured in the same run. */
export interface Roofs {
  /** Bytes read plus bytes written, a second, of a plain copy. */
  readonly bytesPerSecond: number;
  /** Operations in f32 a second, of fused multiply-adds in registers that count as two. */
  readonly operationsPerSecond: number;
}

const WORKGROUPS = 4_096;
const STEPS = 2_048;
const CHAINS = 8;

/** Eight chains an invocation, so that one need not wait for itself. */
const ARITHMETIC_SHADER = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let start = f32(id.x) * 1e-9;
  var low = vec4f(start, start + 1.0, start + 2.0, start + 3.0);
  var high = low + vec4f(4.0);
  for (var step = 0u; step < ${STEPS}u; step++) {
    low = fma(low, vec4f(0.999), vec4f(1e-3));
    high = fma(high, vec4f(0.999), vec4f(1e-3));
  }
  sums[id.x] = dot(low + high, vec4f(1.0));
}`;

/** Measures a plain copy of `bytes` bytes and a loop of multiply-adds. */
export async function measureRoofs(
  device: GPUDevice,
  { bytes, rounds, software }: {
    readonly bytes: number;
    readonly rounds: number;
    readonly software: boolean;
  },
): Promise<Roofs> {
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  const create = (size: number) =>
    device.createBuffer({ label: "roof", size, usage: STORAGE | COPY_SRC | COPY_DST });
  const [from, to] = [create(bytes), create(bytes)];
  const copy = await timeOnDevice(device, (encoder) => {
    encoder.copyBufferToBuffer(from, 0, to, 0, bytes);
  }, { rounds });
  from.destroy();
  to.destroy();

  const workgroups = software ? WORKGROUPS / 64 : WORKGROUPS;
  const sums = create(4 * 256 * workgroups);
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module: device.createShaderModule({ code: ARITHMETIC_SHADER }), entryPoint: "main" },
  });
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: sums } }],
  });
  const arithmetic = await timeOnDevice(device, (encoder) => {
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(workgroups);
    pass.end();
  }, { rounds });
  sums.destroy();
  return {
    bytesPerSecond: 2 * bytes / (copy.median / 1000),
    operationsPerSecond: 2 * CHAINS * STEPS * 256 * workgroups / (arithmetic.median / 1000),
  };
}
