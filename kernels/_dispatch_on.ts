import { workgroupGrid } from "./_dispatch.ts";

/** Dispatches workgroups, in a folded grid; the resources are bound in their order. */
export function dispatchOn(
  device: GPUDevice,
  pass: GPUComputePassEncoder,
  pipeline: GPUComputePipeline,
  workgroups: number,
  resources: readonly GPUBufferBinding[],
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      label: pipeline.label,
      layout: pipeline.getBindGroupLayout(0),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    }),
  );
  pass.dispatchWorkgroups(
    ...workgroupGrid(workgroups, device.limits.maxComputeWorkgroupsPerDimension),
  );
}
