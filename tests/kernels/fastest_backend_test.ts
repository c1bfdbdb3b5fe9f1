import assert from "node:assert/strict";
import { fastestBackend } from "../../kernels/mod.ts";

Deno.test("fastestBackend() runs all in turns and returns the least median", async () => {
  const order: string[] = [];
  const { fastest, medianMs } = await fastestBackend({
    a: () => order.push("a"),
    b: () => Promise.resolve(order.push("b")),
  }, { rounds: 2 });
  assert.equal(order.join(""), "ababab", "a round that does not count, and two that do");
  assert.equal(fastest, medianMs.b < medianMs.a ? "b" : "a");
});

Deno.test("fastestBackend() passes the error of a backend on", async () => {
  const failing = () => Promise.reject(new Error("no device"));
  await assert.rejects(fastestBackend({ a: () => {}, b: failing }), { message: "no device" });
});

Deno.test("fastestBackend() throws when there is nothing to measure", async () => {
  await assert.rejects(fastestBackend({}), {
    name: "RangeError",
    message: "Cannot measure backends as there must be at least one: current number is 0",
  });
  await assert.rejects(fastestBackend({ a: () => {} }, { rounds: 0 }), {
    name: "RangeError",
    message: "Cannot measure backends as rounds must be a positive integer: current value is 0",
  });
});
