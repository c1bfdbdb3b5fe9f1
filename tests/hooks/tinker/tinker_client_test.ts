import assert from "node:assert/strict";
import {
  modelInput,
  type PassInput,
  TinkerClient,
  type TinkerClientOptions,
  TinkerError,
} from "../../../hooks/tinker/mod.ts";
import { type Answer, type Received, withServer } from "./_server.ts";

const PROMISE = { json: { "request_id": "7" } };
const POLL = "/api/v1/retrieve_future";

const clientOf = (baseUrl: string, options: Partial<TinkerClientOptions> = {}) =>
  new TinkerClient({ baseUrl, backoffMs: 1, ...options });

const paths = (received: Received[]) => received.map(({ path }) => path.replace("/api/v1/", ""));

/** A server that promises results, and these are its polls. */
const promising = (...polls: ReturnType<Answer>[]): Answer => {
  let poll = 0;
  return ({ path }) => path === POLL ? polls[Math.min(poll++, polls.length - 1)]! : PROMISE;
};

const ADAM = { learningRate: 1e-3 };
const PASS: PassInput = {
  data: [{
    modelInput: modelInput([1, 2]),
    lossFnInputs: {
      targetTokens: Int32Array.of(2, 3),
      weights: Uint8Array.of(0, 1),
      advantages: Float32Array.of(0, 0.5),
      logprobs: Float32Array.of(0, -0.25),
    },
  }],
  lossFn: "ppo",
  lossFnConfig: { "clip_high_threshold": 1.25 },
};

Deno.test("every request goes to its path with the fields of the protocol", async () => {
  const results: Record<string, unknown> = {
    "create_model": { "model_id": "m" },
    "asample": { sequences: [{ tokens: [5, 6], logprobs: [-1, null], "stop_reason": "stop" }] },
    "forward": { "loss_fn_outputs": [{ logprobs: { data: [null, -2] } }], metrics: { a: 1 } },
    "forward_backward": { "loss_fn_outputs": [], metrics: {} },
    "optim_step": { metrics: { "skyrl.ai/grad_norm": 2 } },
    "save_weights": { path: "tinker://m/weights/c" },
    "save_weights_for_sampler": { path: "tinker://m/c" },
    "load_weights": { type: "load_weights" },
    "unload_model": { "model_id": "m" },
  };
  let last = "";
  const answer: Answer = ({ path }) => {
    if (path === POLL) return { json: results[last] };
    last = path.replace("/api/v1/", "");
    if (last === "healthz") return { json: { status: "ok" } };
    if (last === "get_server_capabilities") {
      return { json: { "supported_models": [{ "model_name": "base" }] } };
    }
    if (last === "create_session") return { json: { "session_id": "s" } };
    return PROMISE;
  };
  await withServer(answer, async (baseUrl, received) => {
    const client = clientOf(baseUrl);
    await client.health();
    assert.deepEqual(await client.supportedModels(), ["base"]);
    (await client.createSession({ tags: ["t"] })).close();
    assert.equal(
      await client.createModel({ sessionId: "s", baseModel: "base", rank: 8, seed: 1 }),
      "m",
    );
    const sampling = { maxTokens: 4, stop: [9], temperature: 1, topK: 5, topP: 0.5, seed: 2 };
    assert.deepEqual(
      await client.sample({
        prompt: modelInput(Int32Array.of(1, 2)),
        numSamples: 1,
        samplingParams: sampling,
        modelPath: "tinker://m/c",
      }),
      [{
        tokens: Int32Array.of(5, 6),
        logprobs: Float32Array.of(-1, NaN),
        stopReason: "stop",
      }],
    );
    assert.deepEqual(await client.forward("m", PASS), {
      outputs: [{ logprobs: Float32Array.of(NaN, -2) }],
      metrics: { a: 1 },
    });
    assert.deepEqual(await client.forwardBackward("m", PASS), { outputs: [], metrics: {} });
    assert.deepEqual(await client.optimStep("m", { ...ADAM, beta1: 0.5, weightDecay: 0.1 }), {
      "skyrl.ai/grad_norm": 2,
    });
    assert.equal(await client.saveWeights("m", "c"), "tinker://m/weights/c");
    assert.equal(await client.saveWeightsForSampler("m", "c"), "tinker://m/c");
    await client.loadWeights("m", "tinker://m/weights/c");
    await client.unloadModel("m");

    const data = [{
      "model_input": { chunks: [{ type: "encoded_text", tokens: [1, 2] }] },
      "loss_fn_inputs": {
        "target_tokens": { data: [2, 3], dtype: "int64", shape: [2] },
        weights: { data: [0, 1], dtype: "float32", shape: [2] },
        advantages: { data: [0, 0.5], dtype: "float32", shape: [2] },
        logprobs: { data: [0, -0.25], dtype: "float32", shape: [2] },
      },
    }];
    const pass = { data, "loss_fn": "ppo", "loss_fn_config": { "clip_high_threshold": 1.25 } };
    const sent = received.filter(({ path }) => path !== POLL);
    assert.deepEqual(sent.map(({ method, body }, k) => [method, paths(sent)[k], body]), [
      ["GET", "healthz", undefined],
      ["GET", "get_server_capabilities", undefined],
      ["POST", "create_session", { tags: ["t"], "user_metadata": {}, "sdk_version": "hicra" }],
      ["POST", "create_model", {
        "session_id": "s",
        "base_model": "base",
        "lora_config": { rank: 8, seed: 1 },
      }],
      ["POST", "asample", {
        prompt: { chunks: [{ type: "encoded_text", tokens: [1, 2] }] },
        "num_samples": 1,
        "sampling_params": {
          "max_tokens": 4,
          stop: [9],
          temperature: 1,
          "top_k": 5,
          "top_p": 0.5,
          seed: 2,
        },
        "model_path": "tinker://m/c",
      }],
      ["POST", "forward", { "model_id": "m", "forward_input": pass }],
      ["POST", "forward_backward", { "model_id": "m", "forward_backward_input": pass }],
      ["POST", "optim_step", {
        "model_id": "m",
        "adam_params": { "learning_rate": 1e-3, beta1: 0.5, "weight_decay": 0.1 },
      }],
      ["POST", "save_weights", { "model_id": "m", path: "c" }],
      ["POST", "save_weights_for_sampler", { "model_id": "m", path: "c" }],
      ["POST", "load_weights", { "model_id": "m", path: "tinker://m/weights/c" }],
      ["POST", "unload_model", { "model_id": "m" }],
    ]);
    const polls = received.filter(({ path }) => path === POLL);
    assert.equal(polls.length, 9);
    assert.ok(polls.every(({ body }) => body.request_id === "7"));
  });
});

Deno.test("the key goes with every request, and the path of baseUrl is kept", async () => {
  await withServer(promising({ json: {} }), async (baseUrl, received) => {
    await clientOf(`${baseUrl}/proxy`, { apiKey: "secret" }).health();
    await clientOf(`${baseUrl}/proxy/`).health();
    assert.deepEqual(received.map(({ path }) => path), [
      "/proxy/api/v1/healthz",
      "/proxy/api/v1/healthz",
    ]);
    assert.deepEqual(received.map(({ headers }) => headers["x-api-key"]), ["secret", undefined]);
  });
});

Deno.test("a result is polled for until it is there", async () => {
  const polls = promising(
    { status: 408, json: { detail: "Timeout waiting for result" } },
    { json: { type: "try_again", "request_id": "7", "queue_state": "active" } },
    { json: { metrics: { a: 1 } } },
  );
  await withServer(polls, async (baseUrl, received) => {
    assert.deepEqual(await clientOf(baseUrl, { retries: 0 }).optimStep("m", ADAM), { a: 1 });
    assert.deepEqual(paths(received), ["optim_step", ...Array(3).fill("retrieve_future")]);
  });
});

Deno.test("a poll that the server holds too long is cut and sent again", async () => {
  const answer = promising("hang", { json: { metrics: { a: 1 } } });
  await withServer(answer, async (baseUrl) => {
    const client = clientOf(baseUrl, { requestTimeoutMs: 100, retries: 0 });
    assert.deepEqual(await client.optimStep("m", ADAM), { a: 1 });
  });
});

Deno.test("polls that fail are sent again as often as it takes, whatever retries says", async () => {
  const failures: ReturnType<Answer>[] = [
    { status: 504, text: "<html>" },
    { status: 500, text: "Internal Server Error" },
    { status: 429, json: {} },
    "cut",
  ];
  for (const failure of failures) {
    const polls = [...Array(6).fill(failure), { json: { metrics: { a: 1 } } }];
    await withServer(promising(...polls), async (baseUrl, received) => {
      assert.deepEqual(await clientOf(baseUrl, { retries: 0 }).optimStep("m", ADAM), { a: 1 });
      assert.deepEqual(paths(received), ["optim_step", ...Array(7).fill("retrieve_future")]);
    });
  }
});

Deno.test("a poll is sent again after the time that the answer names", async () => {
  const busy = { status: 503, headers: { "retry-after": "0.15" }, text: "" };
  await withServer(promising(busy, { json: { metrics: {} } }), async (baseUrl) => {
    const start = performance.now();
    await clientOf(baseUrl).optimStep("m", ADAM);
    assert.ok(performance.now() - start >= 149); // timers may fire a fraction early
  });
});

Deno.test("a poll that is answered, but not by a Tinker server, ends the polling", async () => {
  await withServer(promising({ text: "<html>log in" }), async (baseUrl, received) => {
    await assert.rejects(clientOf(baseUrl).optimStep("m", ADAM), {
      name: "TinkerError",
      request: "optim_step",
      status: 200,
      message: /^Cannot optim_step as the answer must be a JSON object: .* "<html>log in"/,
    });
    assert.equal(received.length, 2);
  });
});

Deno.test("a result that does not come in time is an error that says so", async () => {
  await withServer(promising({ json: { type: "try_again" } }), async (baseUrl) => {
    const client = clientOf(baseUrl, { resultTimeoutMs: 60 });
    await assert.rejects(client.optimStep("m", ADAM), {
      name: "TinkerError",
      request: "optim_step",
      message:
        "Cannot optim_step as its result must come within 60 ms: the server still works on " +
        "request 7, raise resultTimeoutMs",
    });
  });
  const cut = { status: 504, text: "gateway timeout" };
  await withServer(promising(cut), async (baseUrl) => {
    const client = clientOf(baseUrl, { resultTimeoutMs: 300 });
    await assert.rejects(client.optimStep("m", ADAM), {
      name: "TinkerError",
      request: "optim_step",
      message:
        "Cannot optim_step as its result must come within 300 ms: request 7 has none yet, raise " +
        "resultTimeoutMs if the server still works; the last poll to fail: Cannot retrieve_future " +
        "as the server answered with status 504: gateway timeout; see the server's log, and where " +
        "HTTP_PROXY is set, start with NO_PROXY=127.0.0.1",
    });
  });
});

Deno.test("work that failed on the server is an error of the request, not of the poll", async () => {
  const refused = { status: 400, json: { detail: "Model m not loaded" } };
  await withServer(promising(refused), async (baseUrl, received) => {
    await assert.rejects(clientOf(baseUrl).optimStep("m", ADAM), {
      request: "optim_step",
      status: 400,
      message: "Cannot optim_step as the server answered with status 400: Model m not loaded; " +
        "correct the request",
    });
    assert.equal(received.length, 2);
  });
  await withServer(
    promising({ json: { error: "no memory", category: "server" } }),
    (baseUrl) =>
      assert.rejects(clientOf(baseUrl).optimStep("m", ADAM), {
        request: "optim_step",
        message: /^Cannot optim_step as it failed on the server: no memory;/,
      }),
  );
});

Deno.test("a refused field is named with its value", async () => {
  const loc = ["body", "forward_backward_input", "loss_fn"];
  const detail = [{ type: "literal_error", loc, msg: "Input should be 'ppo'", input: "gspo" }];
  await withServer(() => ({ status: 422, json: { detail } }), async (baseUrl, received) => {
    await assert.rejects(clientOf(baseUrl).forwardBackward("m", PASS), {
      request: "forward_backward",
      status: 422,
      field: "forward_backward_input.loss_fn",
      message: "Cannot forward_backward as the server answered with status 422: " +
        `forward_backward_input.loss_fn: Input should be 'ppo', current value is "gspo"; correct ` +
        "the field, or see which version of the protocol the server speaks",
    });
    assert.equal(received.length, 1);
  });
});

Deno.test("what a proxy answers for a server on this machine says how to go around it", async () => {
  const page: Answer = () => ({ status: 502, text: "<html>Bad Gateway</html>" });
  await withServer(page, async (baseUrl) => {
    await assert.rejects(clientOf(baseUrl).forwardBackward("m", PASS), {
      message: "Cannot forward_backward as the server answered with status 502: <html>Bad Gateway" +
        "</html>; see the server's log, and where HTTP_PROXY is set, start with " +
        `NO_PROXY=${new URL(baseUrl).hostname}`,
    });
  });
  // What the server itself says needs no such hint.
  await withServer(() => ({ status: 500, json: { detail: "broken" } }), async (baseUrl) => {
    await assert.rejects(clientOf(baseUrl).forwardBackward("m", PASS), {
      message: "Cannot forward_backward as the server answered with status 500: broken; see the " +
        "server's log",
    });
  });
});

Deno.test("what changes something is sent once, whether refused, cut or not answered", async () => {
  const failures: [ReturnType<Answer>, RegExp][] = [
    [
      { status: 503, text: "busy" },
      /status 503: busy; see the server's log, and where HTTP_PROXY is set, start with NO_PROXY=/,
    ],
    [{ status: 500, json: { detail: "broken" } }, /status 500: broken/],
    [
      "cut",
      /must answer: .* received the request, and where HTTP_PROXY is set, start with NO_PROXY=/,
    ],
    ["hang", /must answer within 100 ms: no answer yet, raise requestTimeoutMs/],
  ];
  for (const [failure, message] of failures) {
    await withServer(() => failure, async (baseUrl, received) => {
      const client = clientOf(baseUrl, { requestTimeoutMs: 100 });
      const requests = [
        () => client.forwardBackward("m", PASS),
        () => client.optimStep("m", ADAM),
        () => client.createModel({ sessionId: "s", baseModel: "b", rank: 1 }),
        () => client.saveWeights("m", "c"),
        () => client.saveWeightsForSampler("m", "c"),
      ];
      for (const request of requests) {
        await assert.rejects(request(), (error) => {
          assert.ok(error instanceof TinkerError);
          assert.match(error.message, message);
          return true;
        });
      }
      assert.equal(received.length, requests.length);
    });
  }
});

Deno.test("what changes nothing is sent again, until it has been often enough", async () => {
  const flaky: Answer = ({ path }, index) => {
    if (path === POLL) return { json: { sequences: [] } };
    return index === 0 ? "cut" : index === 1 ? { status: 503, text: "" } : PROMISE;
  };
  const input = { prompt: modelInput([1]), samplingParams: { maxTokens: 1 }, baseModel: "b" };
  await withServer(flaky, async (baseUrl, received) => {
    assert.deepEqual(await clientOf(baseUrl, { retries: 2 }).sample(input), []);
    assert.deepEqual(paths(received), ["asample", "asample", "asample", "retrieve_future"]);
  });
  await withServer(() => ({ status: 503, text: "" }), async (baseUrl, received) => {
    await assert.rejects(clientOf(baseUrl, { retries: 2 }).sample(input), { status: 503 });
    assert.equal(received.length, 3);
  });
});

Deno.test("after a timeout nothing is sent again, as the server may still be at work", async () => {
  const input = { prompt: modelInput([1]), samplingParams: { maxTokens: 1 }, baseModel: "b" };
  for (const late of ["hang", { status: 408, json: {} }] as const) {
    await withServer(() => late, async (baseUrl, received) => {
      const client = clientOf(baseUrl, { requestTimeoutMs: 100 });
      await assert.rejects(client.sample(input), { request: "asample", status: 408 });
      await assert.rejects(client.health(), { request: "healthz", status: 408 });
      assert.deepEqual(paths(received), ["asample", "healthz"]);
    });
  }
});

Deno.test("what the server refuses for now is sent again after the time it names", async () => {
  const answer: Answer = ({ path }, index) => {
    if (path === POLL) return { json: { metrics: {} } };
    return index === 0 ? { status: 429, headers: { "retry-after": "0.15" }, json: {} } : PROMISE;
  };
  await withServer(answer, async (baseUrl, received) => {
    const start = performance.now();
    await clientOf(baseUrl).optimStep("m", ADAM);
    assert.ok(performance.now() - start >= 149); // timers may fire a fraction early
    assert.deepEqual(paths(received), ["optim_step", "optim_step", "retrieve_future"]);
  });
});

Deno.test("a signal ends a request, a poll and the wait between two, with its reason", async () => {
  const reason = new Error("enough");
  const answers: Answer[] = [
    () => "hang",
    promising("hang"),
    promising({ json: { type: "try_again" } }),
  ];
  for (const [k, answer] of answers.entries()) {
    const controller = new AbortController();
    const aborting: Answer = (request, index) => {
      if (k === 0 || request.path === POLL) setTimeout(() => controller.abort(reason), 0);
      return answer(request, index);
    };
    await withServer(aborting, async (baseUrl, received) => {
      const client = clientOf(baseUrl, { backoffMs: 5000 });
      const { signal } = controller;
      await assert.rejects(client.optimStep("m", ADAM, { signal }), (error) => error === reason);
      assert.equal(received.length, k === 0 ? 1 : 2);
      await assert.rejects(
        client.sample(
          { prompt: modelInput([1]), samplingParams: { maxTokens: 1 }, baseModel: "b" },
          { signal },
        ),
        (error) => error === reason,
      );
      assert.equal(received.length, k === 0 ? 1 : 2);
    });
  }
});

Deno.test("an answer that is not the protocol's is refused", async () => {
  const input = { prompt: modelInput([1]), samplingParams: { maxTokens: 1 }, baseModel: "b" };
  const sequence = { tokens: [1], logprobs: [], "stop_reason": "stop" };
  const cases: [Answer, RegExp][] = [
    [
      () => ({ text: "<html>hello" }),
      /answer must be a JSON object: current value is "<html>hello"/,
    ],
    [() => ({ json: { status: "ok" } }), /must hold a request_id: current value is undefined/],
    [promising({ json: {} }), /it\.sequences must be an array: current value is undefined/],
    [promising({ json: { sequences: [{}] } }), /sequences\[0\]\.tokens must be an array/],
    [
      promising({ json: { sequences: [sequence] } }),
      /sequences\[0\]\.logprobs must be 1 numbers: current value is \[\]/,
    ],
  ];
  for (const [answer, message] of cases) {
    await withServer(answer, (baseUrl) =>
      assert.rejects(clientOf(baseUrl).sample(input), {
        name: "TinkerError",
        request: "asample",
        message,
      }));
  }
});

Deno.test("arrays that do not fit their input, or JSON, are refused before anything is sent", async () => {
  await withServer(promising({ json: {} }), async (baseUrl, received) => {
    const client = clientOf(baseUrl);
    const passOf = (advantages: Float32Array): PassInput => ({
      ...PASS,
      data: PASS.data.map(({ modelInput, lossFnInputs }) => ({
        modelInput,
        lossFnInputs: { ...lossFnInputs, advantages },
      })),
    });
    await assert.rejects(client.forwardBackward("m", passOf(Float32Array.of(1))), {
      name: "RangeError",
      message: /data\[0\] must be as long as its input of 2 tokens: advantages holds 1 values/,
    });
    await assert.rejects(client.forward("m", passOf(Float32Array.of(0, NaN))), {
      name: "RangeError",
      message: /data\[0\]\.advantages\[1\] is NaN/,
    });
    assert.equal(received.length, 0);
  });
});

Deno.test("times must be what a timer can wait, and the result may take for ever", () => {
  const baseUrl = "http://127.0.0.1:9";
  for (
    const wrong of [
      { requestTimeoutMs: 2 ** 31 },
      { requestTimeoutMs: Number.NaN },
      { backoffMs: -1 },
      { resultTimeoutMs: -1 },
    ]
  ) {
    assert.throws(() => new TinkerClient({ baseUrl, ...wrong }), {
      name: "RangeError",
      message: /^Cannot create a client as \w+Ms must be from 0 to /,
    });
  }
  new TinkerClient({ baseUrl, requestTimeoutMs: 2 ** 31 - 1, resultTimeoutMs: Infinity });
});

Deno.test("a server that asks for a month of patience is not asked again at once", async () => {
  const controller = new AbortController();
  const answer: Answer = () => {
    setTimeout(() => controller.abort(new Error("enough")), 50);
    return { status: 503, headers: { "retry-after": "2600000" }, json: {} };
  };
  await withServer(answer, async (baseUrl, received) => {
    const { signal } = controller;
    await assert.rejects(clientOf(baseUrl).supportedModels({ signal }), /enough/);
    assert.equal(received.length, 1);
  });
});

Deno.test("baseUrl must be a URL of http or https", () => {
  for (const baseUrl of ["localhost:8000", "", "ftp://host"]) {
    assert.throws(() => new TinkerClient({ baseUrl }), {
      name: "TypeError",
      message: new RegExp(`current value is "${baseUrl}"`),
    });
  }
});
