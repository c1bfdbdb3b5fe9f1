/** Values on the device, padded with zeros to a multiple of `multiple` bytes. */
export function createBuffer(
  device: GPUDevice,
  { buffer: memory, byteOffset, byteLength }: ArrayBufferView,
  multiple = 4,
): GPUBuffer {
  const bytes = new Uint8Array(Math.ceil(byteLength / multiple) * multiple);
  bytes.set(new Uint8Array(memory, byteOffset, byteLength));
  const { STORAGE, COPY_DST, COPY_SRC } = GPUBufferUsage;
  const buffer = device.createBuffer({ size: bytes.length, usage: STORAGE | COPY_DST | COPY_SRC });
  device.queue.writeBuffer(buffer, 0, bytes);
  return buffer;
}

/** All bytes of a buffer, after what was submitted before. */
export async function readBuffer(device: GPUDevice, buffer: GPUBuffer): Promise<ArrayBuffer> {
  const { COPY_DST, MAP_READ } = GPUBufferUsage;
  const readback = device.createBuffer({ size: buffer.size, usage: COPY_DST | MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, readback, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(GPUMapMode.READ);
  const bytes = readback.getMappedRange().slice(0);
  readback.destroy();
  return bytes;
}
