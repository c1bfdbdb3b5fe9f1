import { GpuTimer } from "../../kernels/mod.ts";
import { significant } from "../format.ts";
import { median, type Spread } from "../spread.ts";
import type { Table } from "../table.ts";
import { creditCase } from "./cases/credit.ts";
import { logitsCase } from "./cases/logits.ts";
import { matchCase } from "./cases/match.ts";
import type { GpuCase, Scale } from "./gpu_case.ts";
import { torchTable } from "./torch_peers.ts";

/** Every kernel. */
export const GPU_CASES: readonly GpuCase[] = [
  ...(["forward", "backward"] as const).flatMap((pass) =>
    (["f32", "f16", "bf16"] as const).map((dtype) => logitsCase(dtype, pass))
  ),
  creditCase("paper"),
  creditCase("mass-preserving"),
  matchCase,
];

const FULL = { bytes: 2 ** 31, vocabSize: 151_936, rounds: 9 };
/** A vocabulary that is a multiple of nothing, and little memory. */
const QUICK = { bytes: 2 ** 24, vocabSize: 32_003, rounds: 3 };

/**
 * Checks and times every case, one after the other.
 *
 * @param device With the feature `timestamp-query`.
 * @param options `progress` is told what comes next.
 * @returns Kernels, then torch where there is a GPU.
 * @throws {Error} If a kernel computes something else than its reference.
 */
export async function runCases(
  device: GPUDevice,
  { quick, progress }: { readonly quick: boolean; readonly progress: (name: string) => void },
): Promise<Table[]> {
  const { rounds, vocabSize, bytes: wanted } = quick ? QUICK : FULL;
  // Two arrays of the size must fit beside each other: buffers, and memory.
  const scale: Scale = { bytes: Math.min(wanted, device.limits.maxBufferSize), vocabSize };
  const { adapterInfo: { description, vendor, isFallbackAdapter } } = device;
  const adapter = description || vendor || "an unnamed adapter";
  const isSoftware = isFallbackAdapter || /llvmpipe|lavapipe|swiftshader/i.test(adapter);
  progress("a plain copy");
  const copied = await bytesPerSecond(device, Math.min(scale.bytes, 2 ** 30), rounds);
  const rows: string[][] = [];
  for (const { name, prepare } of GPU_CASES) {
    progress(name);
    const prepared = await prepare(device, scale);
    try {
      const ms = await timeOnDevice(device, (encoder) => prepared.encode(encoder), rounds);
      const speed = 1000 * prepared.bytes / ms.median;
      rows.push([
        name,
        prepared.size,
        significant(ms.median),
        `${significant(ms.min)}–${significant(ms.max)}`,
        significant(speed / 1e9),
        `${significant(100 * speed / copied)} %`,
        await prepared.check(),
      ]);
    } finally {
      prepared.destroy();
    }
  }
  const kernels: Table = {
    title: `Kernels on ${adapter}`,
    note:
      `${new Date().toISOString().slice(0, 10)}, medians of ${rounds} rounds. Time of the device ` +
      `alone, by timestamps. GB/s of bytes that must be read and written at least; a plain copy reads ` +
      `and writes ${significant(copied / 1e9)} GB/s here.${
        isSoftware ? " A SOFTWARE ADAPTER: no figure here says anything of a GPU." : ""
      }`,
    columns: ["kernel", "size", "ms", "range", "GB/s", "of a copy", "against the reference"],
    words: [1, 6],
    rows,
  };
  if (isSoftware) return [kernels];
  progress("torch");
  const tokens = [4, 2, 2].map((size) => Math.floor(scale.bytes / (size * vocabSize)));
  return [kernels, torchTable({ tokens, vocabSize, rounds })];
}

/** Bytes read plus bytes written in a second by a plain copy. */
async function bytesPerSecond(device: GPUDevice, bytes: number, rounds: number): Promise<number> {
  const { COPY_SRC, COPY_DST } = GPUBufferUsage;
  const [from, to] = [COPY_SRC, COPY_DST].map((usage) =>
    device.createBuffer({ size: bytes, usage })
  );
  const { median } = await timeOnDevice(device, (encoder) => {
    encoder.copyBufferToBuffer(from!, 0, to!, 0, bytes);
  }, rounds);
  from!.destroy();
  to!.destroy();
  return 1000 * 2 * bytes / median;
}

/** Milliseconds that the device works on one run; a round before the first does not count. */
async function timeOnDevice(
  device: GPUDevice,
  encode: (encoder: GPUCommandEncoder) => void,
  rounds: number,
): Promise<Spread> {
  const timer = new GpuTimer(device);
  const samples: number[] = [];
  try {
    for (let round = -1; round < rounds; round++) {
      const encoder = device.createCommandEncoder({ label: "bench" });
      timer.begin(encoder);
      encode(encoder);
      timer.end(encoder);
      device.queue.submit([encoder.finish()]);
      const milliseconds = await timer.read();
      if (round >= 0) samples.push(milliseconds);
    }
  } finally {
    timer.destroy();
  }
  return { median: median(samples), min: Math.min(...samples), max: Math.max(...samples) };
}
