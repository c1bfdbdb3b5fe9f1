import { GpuTimer } from "../../kernels/mod.ts";
import { median, type Spread } from "../timing.ts";

/** Milliseconds that the device works on one run, by timestamps; a round before the first does not count. */
export async function timeOnDevice(
  device: GPUDevice,
  encode: (encoder: GPUCommandEncoder) => void,
  { rounds }: { readonly rounds: number },
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
