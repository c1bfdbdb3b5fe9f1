import assert from "node:assert/strict";
import { sum, trainOnTinker } from "../../../examples/tinker_loop.ts";
import { TinkerClient } from "../../../hooks/tinker/mod.ts";
import { createHook } from "../../../mod.ts";
import { loadTokenizer } from "../../../files/mod.ts";
import { withServer } from "./_server.ts";
import { tokenizerSource } from "../../_tokenizers.ts";

const END = "<|im_end|>";

/** Runs one step of the example with a real tokenizer, against a server that fails every request but these. */
async function stepWith(name: string, end: string): Promise<{ error: unknown; stops: unknown[] }> {
  const tokenizer = await loadTokenizer(tokenizerSource(name));
  const results: Record<string, object> = {
    "create_session": { "session_id": "s" },
    "create_model": { "model_id": "m" },
    "save_weights_for_sampler": { path: "tinker://m/step-0" },
  };
  const stops: unknown[] = [];
  let error: unknown;
  let last = "";
  await withServer(({ path, body }) => {
    const request = path.replace("/api/v1/", "");
    if (request === "create_session") return { json: results[request] };
    if (request === "retrieve_future") return { json: results[last] };
    if (request === "asample") stops.push(body["sampling_params"].stop);
    if (!(request in results)) return { status: 400, json: { detail: "enough" } };
    last = request;
    return { json: { "request_id": "7" } };
  }, async (baseUrl, received) => {
    error = await trainOnTinker(new TinkerClient({ baseUrl }), {
      baseModel: name,
      tokenizer,
      hook: createHook({ baseline: "trl", transforms: [] }),
      questions: [sum(1, 2)],
      lossFn: "importance_sampling",
      steps: 1,
      groupSize: 2,
      maxTokens: 1,
      end,
      rank: 1,
      learningRate: 1,
      log: () => {},
    }).catch((error) => error);
    if (stops.length === 0) assert.equal(received.length, 0);
  });
  return { error, stops };
}

Deno.test("tinker_loop.ts stops at the one token that --end is", async () => {
  const { error, stops } = await stepWith("qwen3", END);
  assert.match((error as Error).message, /asample .* enough/);
  assert.deepEqual(stops, [[151645]]);
});

Deno.test("tinker_loop.ts refuses an --end of several tokens, or none, before it asks the server", async () => {
  for (const [end, count] of [[END, 6], ["", 0]] as const) {
    const { error, stops } = await stepWith("llama3_1", end);
    assert.ok(error instanceof RangeError);
    assert.equal(
      error.message,
      "Cannot stop completions as --end must be one token of the tokenizer: current value is " +
        `"${end}", which takes ${count}, pass the token that ends a turn of its model`,
    );
    assert.deepEqual(stops, []);
  }
});
