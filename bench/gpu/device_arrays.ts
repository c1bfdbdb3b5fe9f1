import { BufferPool } from "../../kernels/mod.ts";

/** Buffers of a case: made, filled on the device, and read back in parts. */
export class DeviceArrays {
  readonly #device: GPUDevice;
  readonly #pool: BufferPool;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#pool = new BufferPool(device);
  }

  /** A buffer with nothing in it. */
  empty(label: string, bytes: number): GPUBuffer {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const size = Math.ceil(bytes / 16) * 16;
    return this.#pool.take({ label, size, usage: STORAGE | COPY_SRC | COPY_DST });
  }

  /** A buffer with values of ours. */
  of(label: string, values: Float32Array | Int32Array | Uint32Array | Uint8Array): GPUBuffer {
    const buffer = this.empty(label, values.byteLength);
    const bytes = new Uint8Array(Math.ceil(values.byteLength / 4) * 4);
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    this.#device.queue.writeBuffer(buffer, 0, bytes);
    return buffer;
  }

  /** A buffer of pseudo-random 32-bit words, `expression` of the word's `hash`, made on the device. */
  async random(label: string, bytes: number, expression: string): Promise<GPUBuffer> {
    const buffer = this.empty(label, bytes);
    const device = this.#device;
    const module = device.createShaderModule({ label, code: fillShader(expression) });
    const pipeline = await device.createComputePipelineAsync({
      label,
      layout: "auto",
      compute: { module, entryPoint: "main" },
    });
    const { maxStorageBufferBindingSize: most, maxComputeWorkgroupsPerDimension: widest } =
      device.limits;
    const step = Math.floor(most / 256) * 256;
    for (let offset = 0; offset < buffer.size; offset += step) {
      const size = Math.min(step, buffer.size - offset);
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      const entries = [{ binding: 0, resource: { buffer, offset, size } }];
      const layout = pipeline.getBindGroupLayout(0);
      pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
      const workgroups = Math.ceil(size / 4 / 256);
      pass.dispatchWorkgroups(Math.min(workgroups, widest), Math.ceil(workgroups / widest));
      pass.end();
      device.queue.submit([encoder.finish()]);
    }
    return buffer;
  }

  /** The bytes `[from, from + length)`, widened to whole words. */
  async read(buffer: GPUBuffer, from: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const start = Math.floor(from / 4) * 4;
    const size = Math.ceil((from + length - start) / 4) * 4;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const readback = this.#device.createBuffer({ label: "read", size, usage });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, start, readback, 0, size);
    this.#device.queue.submit([encoder.finish()]);
    await readback.mapAsync(GPUMapMode.READ);
    const bytes = new Uint8Array(readback.getMappedRange().slice(0));
    readback.destroy();
    return bytes.slice(from - start, from - start + length);
  }

  destroy(): void {
    this.#pool.destroy();
  }
}

/** PCG's output function on the index (Jarzynski and Olano, "Hash Functions for GPU Rendering"). */
function fillShader(expression: string): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> words: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let index = id.x + id.y * grid.x * 256u;
  if (index >= arrayLength(&words)) {
    return;
  }
  let state = index * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  let hash = (word >> 22u) ^ word;
  words[index] = ${expression};
}`;
}
