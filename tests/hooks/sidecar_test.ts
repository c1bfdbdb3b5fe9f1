import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createSidecar, type SidecarEvent, type SidecarOptions } from "../../hooks/sidecar/mod.ts";
import { batchToSafetensors, decodeSafetensors, encodeSafetensors } from "../../files/mod.ts";
import { InputRangeError } from "../../batch/mod.ts";
import { metricPairs } from "../../metrics/mod.ts";
import { type PlanningTokens, SgMatcher } from "../../sg/mod.ts";
import { ByteBudget } from "../../hooks/sidecar/_byte_budget.ts";
import { problemOf } from "../../hooks/sidecar/_problem.ts";
import { type BodySource, readBody } from "../../hooks/sidecar/_read_body.ts";
import { Shelf } from "../../hooks/sidecar/_shelf.ts";

const GOLDEN = new URL("../testdata/wire/", import.meta.url);
const SAFETENSORS = "application/vnd.safetensors";
const BATCH = {
  offsets: Int32Array.of(0, 3),
  tokenIds: Int32Array.of(0, 1, 2),
  lossMask: Uint8Array.of(1, 1, 1),
};
const TOKENIZER = {
  model: { type: "BPE", vocab: { "But": 0, "Ġwait": 1, ",": 2 }, merges: [] },
  decoder: { type: "ByteLevel" },
  "added_tokens": [],
};

interface Case {
  readonly name: string;
  readonly path: string;
  readonly status: number;
}

const golden: { tokenizer: string; lexicon: string; cases: Case[] } = JSON.parse(
  readFileSync(new URL("cases.json", GOLDEN), "utf8"),
);

function post(
  path: string,
  body: Uint8Array<ArrayBuffer> | string,
  headers: Record<string, string> = {},
): Request {
  const length = typeof body === "string" ? new TextEncoder().encode(body).length : body.length;
  return new Request(`http://sidecar${path}`, {
    method: "POST",
    body,
    headers: { "content-type": SAFETENSORS, "content-length": String(length), ...headers },
  });
}

function sidecarWith(options: Partial<SidecarOptions> = {}) {
  const events: SidecarEvent[] = [];
  const { fetch } = createSidecar({
    version: "1.2.3",
    log: (event) => events.push(event),
    ...options,
  });
  const problem = async (request: Request): Promise<[number, string, string]> => {
    const response = await fetch(request);
    const { error } = await response.json();
    return [response.status, error.code, error.message];
  };
  const addTokenizer = async (tokenizer: unknown = TOKENIZER): Promise<string> => {
    const response = await fetch(
      post("/v1/tokenizer", JSON.stringify(tokenizer), { "content-type": "application/json" }),
    );
    return (await response.json()).tokenizer;
  };
  return { fetch, problem, addTokenizer, events };
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

Deno.test("every golden request gets its golden answer, byte for byte", async (t) => {
  const { fetch } = sidecarWith();
  const read = (name: string) => readFileSync(new URL(name, GOLDEN));
  const tokenizer = await fetch(post("/v1/tokenizer", read("tokenizer.request")));
  assert.deepEqual(await tokenizer.json(), { tokenizer: golden.tokenizer, "vocab_size": 11 });
  const lexicon = await fetch(
    post("/v1/lexicon", read("lexicon.request"), {
      "content-type": "text/plain",
      "x-lexicon-name": "two",
    }),
  );
  assert.deepEqual(await lexicon.json(), { lexicon: golden.lexicon, name: "two", grams: 2 });
  assert.ok(golden.cases.length >= 6);
  for (const { name, path, status } of golden.cases) {
    await t.step(name, async () => {
      const response = await fetch(post(path, read(`${name}.request`)));
      assert.equal(response.status, status);
      assert.deepEqual(await bytesOf(response), new Uint8Array(read(`${name}.response`)));
    });
  }
});

Deno.test("the golden answers say what the rules say, computed by hand", () => {
  const open = (name: string) =>
    decodeSafetensors(new Uint8Array(readFileSync(new URL(name, GOLDEN))));
  const mask = open("mask.response");
  const planning = [1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  assert.deepEqual([...mask.tensors.planning_mask!.data], planning);
  assert.deepEqual([...mask.tensors.spans!.data], [0, 2, 0, 3, 9, 1]);
  const before = open("transform.request").tensors.advantages!.data as Float32Array;
  const after = open("transform.response").tensors.advantages!.data;
  assert.deepEqual(
    after,
    before.map((a, i) => planning[i] === 1 ? Math.fround(a + 0.2 * Math.abs(a)) : a),
  );
});

Deno.test("health tells versions, limits, what is at hand and the names of all metrics", async () => {
  const { fetch, addTokenizer } = sidecarWith({ maxBodyBytes: 12_345 });
  const digest = await addTokenizer();
  const health = await (await fetch(new Request("http://sidecar/v1/health"))).json();
  assert.deepEqual({ ...health, metrics: undefined }, {
    status: "ok",
    protocol: 1,
    contract: 1,
    version: "1.2.3",
    tokenizers: [digest],
    lexicons: ["math", "paper", "paper-3to5"],
    limits: { "max_body_bytes": 12_345, "body_timeout_ms": 60_000, "max_kept": 8 },
    metrics: undefined,
    requests: 2,
  });
  const mask = await fetch(
    post("/v1/mask", batchToSafetensors(BATCH, { metadata: { tokenizer: digest } })),
  );
  const { metadata } = decodeSafetensors(await bytesOf(mask));
  assert.deepEqual(Object.keys(JSON.parse(metadata.metrics!)), health.metrics);
  assert.ok(health.metrics.includes("hicra/planning_frac"));
});

Deno.test("every refusal has a status, a code and a message that names the way out", async (t) => {
  const { fetch, problem, addTokenizer } = sidecarWith({ maxBodyBytes: 4096 });
  const tokenizer = await addTokenizer();
  const advantages = Float32Array.of(1);
  const transform = (metadata: Record<string, string>, tensors = {}) =>
    post(
      "/v1/transform",
      batchToSafetensors({ ...BATCH, advantages, ...tensors }, {
        metadata: { tokenizer, ...metadata },
      }),
    );
  const mask = (metadata: Record<string, string>) =>
    post("/v1/mask", batchToSafetensors(BATCH, { metadata: { tokenizer, ...metadata } }));
  const cases: [name: string, Request, number, string, RegExp][] = [
    ["no such path", post("/v1/masks", ""), 404, "no_such_path", /served are .*\/v1\/transform/],
    ["not v1", post("/v2/mask", ""), 404, "no_such_path", /\/v2\/mask/],
    ["method", new Request("http://sidecar/v1/mask"), 405, "method_not_allowed", /must be POST/],
    ["health by POST", post("/v1/health", ""), 405, "method_not_allowed", /must be GET/],
    [
      "media type",
      post("/v1/mask", "{}", { "content-type": "application/json" }),
      415,
      "unsupported_media_type",
      /must be application\/vnd.safetensors.*"application\/json"/,
    ],
    ["too large", post("/v1/mask", new Uint8Array(4097)), 413, "body_too_large", /--max-body/],
    ["no safetensors", post("/v1/mask", "{}"), 400, "bad_request", /safetensors/],
    ["unknown metadata", mask({ lexikon: "math" }), 400, "bad_request", /"lexikon" is not known/],
    ["alpha is no metadata", transform({ alpha: "0.2" }), 400, "bad_request", /transforms/],
    ["bad JSON", transform({ transforms: "hicra" }), 400, "bad_request", /"transforms".*not JSON/],
    ["bad step", transform({ step: "-1" }), 400, "bad_request", /"step".*current value is -1/],
    [
      "unknown transform",
      transform({ transforms: '[{"name":"hickra"}]' }),
      400,
      "bad_request",
      /hickra/,
    ],
    [
      "alpha out of range",
      transform({ transforms: '[{"name":"hicra","alpha":1}]' }),
      400,
      "bad_request",
      /alpha/,
    ],
    ["unknown lexicon", mask({ lexicon: "maths" }), 404, "unknown_lexicon", /math, paper/],
    ["a path is no lexicon", mask({ lexicon: "./a.json" }), 404, "unknown_lexicon", /a\.json/],
    [
      "unknown tokenizer",
      mask({ tokenizer: "sha256:1" }),
      404,
      "unknown_tokenizer",
      /v1\/tokenizer/,
    ],
    ["no tokenizer", post("/v1/mask", batchToSafetensors(BATCH)), 400, "bad_request", /missing/],
    ["twice", transform({ base: "transformed" }), 409, "already_transformed", /compound/],
    [
      "ratios per sequence",
      transform({ "importance_sampling": "sequence" }),
      400,
      "bad_request",
      /token-level ratios/,
    ],
    [
      "extra tensor",
      post(
        "/v1/mask",
        batchToSafetensors(BATCH, { tensors: { extra: advantages }, metadata: { tokenizer } }),
      ),
      400,
      "bad_request",
      /"extra" is not of the batch contract/,
    ],
    [
      "an output nobody makes",
      mask({ outputs: '["advantages"]' }),
      400,
      "bad_request",
      /transform/,
    ],
    ["an unknown output", mask({ outputs: '["mask"]' }), 400, "bad_request", /"outputs"/],
    [
      "no advantages",
      post("/v1/transform", batchToSafetensors(BATCH, { metadata: { tokenizer } })),
      400,
      "bad_request",
      /no advantages/,
    ],
    [
      "id beyond the vocabulary",
      post(
        "/v1/mask",
        batchToSafetensors({ ...BATCH, tokenIds: Int32Array.of(0, 1, 3) }, {
          metadata: { tokenizer },
        }),
      ),
      400,
      "token_outside_vocabulary",
      /tokenIds\[2\] is 3/,
    ],
    [
      "not a tokenizer",
      post("/v1/tokenizer", "{}", { "content-type": "application/json" }),
      400,
      "bad_request",
      /model\.vocab/,
    ],
    [
      "a size that is none",
      post("/v1/tokenizer", JSON.stringify(TOKENIZER), {
        "content-type": "application/json",
        "x-vocab-size": "many",
      }),
      400,
      "bad_request",
      /X-Vocab-Size/,
    ],
    [
      "a table that does not ascend",
      post(
        "/v1/tokenizer",
        encodeSafetensors({ offsets: Int32Array.of(0, 2, 1), bytes: Uint8Array.of(65) }),
      ),
      400,
      "bad_request",
      /offsets\[2\] is 1/,
    ],
    [
      "a table of the wrong kind",
      post("/v1/tokenizer", encodeSafetensors({ offsets: Float32Array.of(0, 1) })),
      400,
      "bad_request",
      /offsets \(F32\)/,
    ],
    [
      "a tokenizer that is no JSON",
      post("/v1/tokenizer", "# README", { "content-type": "application/json" }),
      400,
      "bad_request",
      /Cannot read tokenizer as it must be a tokenizer.json/,
    ],
    [
      "a lexicon that is no UTF-8",
      post("/v1/lexicon", Uint8Array.of(0xe9), { "content-type": "text/plain" }),
      400,
      "bad_request",
      /Cannot read lexicon as it must be UTF-8/,
    ],
    [
      "a lexicon whose name is not percent-encoded",
      post("/v1/lexicon", "wait", { "content-type": "text/plain", "x-lexicon-name": "50%" }),
      400,
      "bad_request",
      /X-Lexicon-Name must be percent-encoded UTF-8: current value is "50%"/,
    ],
    [
      "a lexicon by a built-in name",
      post("/v1/lexicon", "wait", { "content-type": "text/plain", "x-lexicon-name": "math" }),
      400,
      "bad_request",
      /must not be that of a built-in one/,
    ],
    [
      "a schedule without its step",
      transform({
        lexicon: "paper",
        transforms: '[{"name":"hicra","alpha":{"type":"linear","from":0,"to":0.2,"steps":100}}]',
      }),
      400,
      "bad_request",
      /"hicra" as its alpha needs the training step: current value is undefined/,
    ],
    [
      "a gate without its signal",
      transform({
        lexicon: "paper",
        step: "0",
        transforms:
          '[{"name":"hicra","alpha":{"type":"gated","signal":"kl","threshold":1,"when":"above",' +
          '"open":0.2}}]',
      }),
      400,
      "bad_request",
      /"hicra" as its alpha needs signal "kl"/,
    ],
    [
      "a placebo without its step",
      transform({ lexicon: "paper", transforms: '[{"name":"shuffle-mask"},{"name":"hicra"}]' }),
      400,
      "bad_request",
      /"shuffle-mask" as its seed needs the training step/,
    ],
    [
      "a placebo behind what it should precede",
      transform({
        lexicon: "paper",
        transforms: '[{"name":"hicra"},{"name":"shuffle-mask","seed":1}]',
        step: "0",
      }),
      400,
      "bad_request",
      /put it before "hicra"/,
    ],
    [
      "an empty lexicon",
      post("/v1/lexicon", "", { "content-type": "text/plain" }),
      400,
      "bad_request",
      /lexicon|gram/,
    ],
  ];
  for (const [name, request, status, code, message] of cases) {
    await t.step(name, async () => {
      const found = await problem(request);
      assert.deepEqual(found.slice(0, 2), [status, code], found[2]);
      assert.match(found[2], message);
    });
  }
  await t.step("a body of unknown length", async () => {
    const request = new Request("http://sidecar/v1/mask", {
      method: "POST",
      headers: { "content-type": SAFETENSORS },
      body: new Blob(["x"]).stream(),
    });
    assert.deepEqual((await problem(request)).slice(0, 2), [411, "length_required"]);
  });
  await t.step("and goes on serving", async () => {
    assert.equal((await fetch(mask({}))).status, 200);
  });
});

Deno.test("a body that does not arrive in time is refused, and what it held is given back", async () => {
  const { fetch, problem, addTokenizer } = sidecarWith({ bodyTimeout: 20, maxBodyBytes: 4096 });
  const tokenizer = await addTokenizer();
  const never = new Request("http://sidecar/v1/mask", {
    method: "POST",
    headers: { "content-type": SAFETENSORS, "content-length": "4096" },
    body: new ReadableStream(),
  });
  assert.deepEqual((await problem(never)).slice(0, 2), [408, "body_timeout"]);
  const body = batchToSafetensors(BATCH, { metadata: { tokenizer } });
  assert.equal((await fetch(post("/v1/mask", body))).status, 200);
});

Deno.test("a body that the client breaks off is its problem, not ours", async () => {
  const { problem } = sidecarWith();
  const broken = new Request("http://sidecar/v1/mask", {
    method: "POST",
    headers: { "content-type": SAFETENSORS, "content-length": "10" },
    body: new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) }),
  });
  assert.deepEqual((await problem(broken)).slice(0, 2), [400, "body_aborted"]);
});

Deno.test("a fault of our own is told as one", () => {
  assert.equal(problemOf(new TypeError("x is undefined")).status, 500);
  // Its words are those of a mistake in the request, its class is the runtime's.
  assert.equal(problemOf(new RangeError("Cannot use batch")).status, 500);
  assert.equal(problemOf(new InputRangeError("Cannot use batch")).status, 400);
});

Deno.test("an error that V8 throws inside an operation is a fault of our own, and tells so", async () => {
  const { problem, addTokenizer } = sidecarWith();
  const metadata = { tokenizer: await addTokenizer() };
  const { match } = SgMatcher.prototype;
  SgMatcher.prototype.match = () =>
    (undefined as unknown as { match: Required<PlanningTokens> }).match;
  try {
    const [status, code, message] = await problem(
      post("/v1/mask", batchToSafetensors(BATCH, { metadata })),
    );
    // What it says is how our own errors begin.
    assert.match(message, /^Cannot read properties of undefined/);
    assert.deepEqual([status, code], [500, "internal"]);
  } finally {
    SgMatcher.prototype.match = match;
  }
});

Deno.test("whatever is wrong with a request, it is never a fault of the sidecar", async () => {
  const { fetch } = sidecarWith();
  const read = (name: string) => new Uint8Array(readFileSync(new URL(name, GOLDEN)));
  await fetch(post("/v1/tokenizer", read("tokenizer.request")));
  await fetch(post("/v1/lexicon", read("lexicon.request"), { "content-type": "text/plain" }));
  const bodies: [string, Uint8Array<ArrayBuffer>, string][] = [
    ...golden.cases.map(({ name, path }): [string, Uint8Array<ArrayBuffer>, string] => [
      path,
      read(`${name}.request`),
      SAFETENSORS,
    ]),
    ["/v1/tokenizer", read("tokenizer.request"), SAFETENSORS],
    [
      "/v1/tokenizer",
      new TextEncoder().encode(JSON.stringify(TOKENIZER)),
      "application/json",
    ],
    [
      "/v1/lexicon",
      new TextEncoder().encode('{"format":"hicra-lexicon","grams":[{"text":"wait"}]}'),
      "application/json",
    ],
  ];
  const check = async (path: string, body: Uint8Array<ArrayBuffer>, type: string) => {
    const response = await fetch(post(path, body, { "content-type": type }));
    const text = await response.text();
    assert.ok(response.status < 500, `${path}: ${text}, body ${JSON.stringify(String(body))}`);
  };
  for (const [path, body, type] of bodies) {
    for (let i = 0; i < body.length; i += 13) {
      await check(path, body.slice(0, i), type);
      for (const byte of [0, 0x22, 0x2d, 0x39, 0xff]) {
        await check(path, body.with(i, byte), type);
      }
    }
  }
});

Deno.test("limits must be whole numbers from 1", () => {
  for (
    const limit of [
      { maxBodyBytes: -1 },
      { bodyTimeout: Number.NaN },
      // A timer that cannot wait so long would not wait at all.
      { bodyTimeout: 2 ** 31 },
      { maxKept: 0 },
    ]
  ) {
    assert.throws(() => createSidecar({ version: "1", ...limit }), /a whole number from 1/);
  }
  createSidecar({ version: "1", bodyTimeout: 2 ** 31 - 1 });
});

Deno.test("with a token, nothing is told to those who lack it", async () => {
  const { fetch, problem } = sidecarWith({ token: "correct-horse-battery" });
  const health = (authorization?: string) =>
    new Request("http://sidecar/v1/health", {
      headers: authorization === undefined ? {} : { authorization },
    });
  for (const wrong of [undefined, "", "Bearer ", "correct-horse-battery", "Bearer correct"]) {
    assert.deepEqual((await problem(health(wrong))).slice(0, 2), [401, "unauthorized"]);
  }
  assert.equal((await fetch(health("Bearer correct-horse-battery"))).status, 200);
});

Deno.test("a vocabulary may be larger than its tokenizer, and that is another tokenizer", async () => {
  const { fetch } = sidecarWith();
  const json = { "content-type": "application/json" };
  const add = async (headers: Record<string, string>) =>
    (await fetch(post("/v1/tokenizer", JSON.stringify(TOKENIZER), { ...json, ...headers }))).json();
  const plain = await add({});
  const padded = await add({ "x-vocab-size": "10" });
  assert.equal(plain.vocab_size, 3);
  assert.equal(padded.vocab_size, 10);
  const batch = { ...BATCH, tokenIds: Int32Array.of(0, 1, 9) };
  const status = async (tokenizer: string) =>
    (await fetch(post("/v1/mask", batchToSafetensors(batch, { metadata: { tokenizer } })))).status;
  assert.equal(await status(plain.tokenizer), 400);
  assert.equal(await status(padded.tokenizer), 200);
});

Deno.test("what was unused for longest makes room, and can be handed over again", async () => {
  const { fetch, problem, addTokenizer } = sidecarWith({ maxKept: 2 });
  const other = (n: number) => ({
    ...TOKENIZER,
    model: { ...TOKENIZER.model, vocab: { "But": 0, "Ġwait": 1, ",": 2, [`${n}`]: 3 } },
  });
  const first = await addTokenizer();
  const mask = () =>
    post("/v1/mask", batchToSafetensors(BATCH, { metadata: { tokenizer: first } }));
  assert.equal((await fetch(mask())).status, 200);
  for (const n of [1, 2]) {
    const tokenizer = await addTokenizer(other(n));
    await fetch(post("/v1/mask", batchToSafetensors(BATCH, { metadata: { tokenizer } })));
  }
  assert.deepEqual((await problem(mask())).slice(0, 2), [404, "unknown_tokenizer"]);
  assert.equal(await addTokenizer(), first);
  assert.equal((await fetch(mask())).status, 200);
});

Deno.test("a lexicon that no matcher can hold is found out once, and refused every time", async () => {
  const { problem, addTokenizer } = sidecarWith();
  const metadata = { tokenizer: await addTokenizer() };
  const { compile } = SgMatcher;
  let compiled = 0;
  SgMatcher.compile = () => {
    compiled++;
    throw new InputRangeError("Cannot compile the lexicon");
  };
  try {
    for (let i = 0; i < 3; i++) {
      const mask = post("/v1/mask", batchToSafetensors(BATCH, { metadata }));
      assert.deepEqual((await problem(mask)).slice(0, 2), [400, "bad_request"]);
    }
  } finally {
    SgMatcher.compile = compile;
  }
  assert.equal(compiled, 1);
});

Deno.test("what is larger than a tokenizer or a lexicon can be is refused before it is read", async () => {
  const { problem } = sidecarWith();
  const huge = new Uint8Array(2 ** 28 + 1);
  for (const what of ["tokenizer", "lexicon"]) {
    const [status, code, message] = await problem(
      post(`/v1/${what}`, huge, { "content-type": "application/json" }),
    );
    assert.deepEqual([status, code], [400, "bad_request"]);
    assert.match(message, /may hold 268435456 bytes/);
  }
  const [status, , message] = await problem(post(
    "/v1/mask",
    encodeSafetensors({ offsets: Int32Array.of(0) }, { notes: "x".repeat(2 ** 24) }),
  ));
  assert.equal(status, 400);
  assert.match(message, /a header holds at most 16777216 bytes/);
});

Deno.test("transform computes what createHook does, with baselines, schedules and outputs", async () => {
  const { fetch, addTokenizer } = sidecarWith();
  const tokenizer = await addTokenizer();
  const batch = {
    offsets: Int32Array.of(0, 3, 6),
    tokenIds: Int32Array.of(0, 1, 2, 2, 0, 1),
    lossMask: new Uint8Array(6).fill(1),
    rewards: Float32Array.of(1, 0),
    groupIds: Int32Array.of(0, 0),
  };
  const alpha = { type: "linear", from: 0, to: 0.5, steps: 10 };
  const { lexicon } = await (await fetch(
    post("/v1/lexicon", "but wait", {
      "content-type": "text/plain",
      "x-lexicon-name": "m%C3%BCine%0A",
    }),
  )).json();
  const response = await fetch(post(
    "/v1/transform",
    batchToSafetensors(batch, {
      metadata: {
        tokenizer,
        lexicon,
        baseline: "verl-dr-grpo",
        step: "5",
        transforms: JSON.stringify([{ name: "hicra", alpha }]),
        outputs: '["advantages"]',
      },
    }),
  ));
  const { tensors, metadata } = decodeSafetensors(await bytesOf(response));
  assert.deepEqual(Object.keys(tensors), ["advantages"]);
  // Half-way through the schedule alpha is 0.25. Both rewards lie half from their mean.
  const expected = [1.25, 1.25, 1, -1, -0.75, -0.75].map((a) => a / 2);
  assert.deepEqual([...tensors.advantages!.data as Float32Array], expected);
  assert.equal(metadata.base, "transformed");
  assert.equal(metadata.lexicon, "müine\n");
  assert.deepEqual(JSON.parse(metadata.metrics!)["hicra/accuracy"], [1, 2]);
  assert.deepEqual(JSON.parse(metadata.transforms!), [
    { name: "hicra", alpha: { ...alpha, start: 0 }, mode: "paper", allowSignChange: false },
  ]);
});

Deno.test("a batch without planning tokens is answered with a warning", async () => {
  const { fetch, addTokenizer } = sidecarWith();
  const metadata = { tokenizer: await addTokenizer() };
  const batch = { ...BATCH, tokenIds: Int32Array.of(2, 2, 2), advantages: Float32Array.of(1) };
  const response = await fetch(post("/v1/transform", batchToSafetensors(batch, { metadata })));
  const { metadata: said } = decodeSafetensors(await bytesOf(response));
  assert.match(JSON.parse(said.warnings!)[0], /no planning token in a batch; /);
});

Deno.test("metrics are the mergeable sums of measure, followers and groups included", async () => {
  const { fetch, addTokenizer } = sidecarWith();
  const batch = {
    ...BATCH,
    advantages: Float32Array.of(1),
    rewards: Float32Array.of(1),
    groupIds: Int32Array.of(0),
  };
  const body = batchToSafetensors(batch, {
    metadata: {
      tokenizer: await addTokenizer(),
      lexicon: "paper",
      "group_scope": "step-1",
      "group_names": '["p"]',
      "follower_length": "1",
    },
  });
  const { sums, values } = await (await fetch(post("/v1/metrics", body))).json();
  assert.deepEqual(Object.keys(sums.openGroups), ["step-1/p"]);
  assert.equal(metricPairs(sums)["hicra/accuracy"]!.sum, 1);
  assert.equal(values["hicra/planning_seq_frac"], 1);
});

Deno.test("every request is logged when it is answered", async () => {
  const { fetch, addTokenizer, events } = sidecarWith();
  const tokenizer = await addTokenizer();
  const body = batchToSafetensors(BATCH, { metadata: { tokenizer } });
  const response = await fetch(post("/v1/mask", body, { "x-request-id": "rank 3" }));
  const { length } = await bytesOf(response);
  await fetch(new Request("http://sidecar/nowhere"));
  const [, mask, nowhere] = events.map(({ ms, ...event }) => {
    assert.ok(ms >= 0);
    return event;
  });
  assert.deepEqual(mask, {
    request: 2,
    id: "rank 3",
    route: "POST /v1/mask",
    status: 200,
    bytesIn: body.length,
    bytesOut: length,
    sequences: 1,
    tokens: 3,
  });
  assert.equal(nowhere!.status, 404);
  assert.match(nowhere!.problem!, /no such path/);
});

Deno.test("a log that fails does not take the answer with it", async () => {
  const { fetch } = createSidecar({
    version: "1",
    log: () => {
      throw new Error("No space left on device");
    },
  });
  assert.equal((await fetch(new Request("http://sidecar/v1/health"))).status, 200);
});

Deno.test("many requests at once are answered as they are alone", async () => {
  const { fetch, addTokenizer } = sidecarWith({ maxBodyBytes: 2048 });
  const tokenizer = await addTokenizer();
  const send = async (advantage: number): Promise<number> => {
    const batch = { ...BATCH, advantages: Float32Array.of(advantage) };
    const metadata = { tokenizer, lexicon: "paper" };
    const response = await fetch(post("/v1/transform", batchToSafetensors(batch, { metadata })));
    const { tensors } = decodeSafetensors(await bytesOf(response));
    return (tensors.advantages!.data as Float32Array)[1]!;
  };
  const inputs = Array.from({ length: 50 }, (_, i) => i - 25);
  const expected = inputs.map((a) => Math.fround(a + 0.2 * Math.abs(a)));
  assert.deepEqual(await Promise.all(inputs.map(send)), expected);
});

Deno.test("ByteBudget counts what has arrived, and gives it back", () => {
  const budget = new ByteBudget(10);
  const a = budget.open();
  const b = budget.open();
  assert.equal(a.take(4, false), undefined);
  assert.equal(a.take(2, false), undefined);
  assert.equal(b.take(4, true), undefined);
  assert.equal(budget.held, 10);
  a.release();
  assert.equal(budget.held, 4);
  a.release();
  b.release();
  assert.equal(budget.held, 0);
});

Deno.test("ByteBudget admits in order where it waits for whole bodies, and never more than its limit", async () => {
  const budget = new ByteBudget(10);
  const admitted: string[] = [];
  const take = (name: string, bytes: number) => {
    const held = budget.open();
    const room = held.take(bytes, true);
    return { held, room: room?.then(() => admitted.push(name)) };
  };
  const a = take("a", 6);
  assert.equal(a.room, undefined);
  const large = take("large", 8);
  // It would fit, but whoever came first goes first: a large body must not starve.
  const small = take("small", 1);
  assert.equal(budget.held, 6);
  a.held.release();
  await Promise.all([large.room, small.room]);
  assert.deepEqual(admitted, ["large", "small"]);
  assert.equal(budget.held, 9);
  const tail = take("tail", 2);
  large.held.release();
  await tail.room;
  assert.equal(budget.held, 3);
});

Deno.test("ByteBudget refuses the last of those that would wait for each other, and the first gets on", async () => {
  const budget = new ByteBudget(10);
  const [first, second, third] = [budget.open(), budget.open(), budget.open()];
  first.take(5, false);
  second.take(3, false);
  third.take(2, false);
  // Nobody is whole, so nobody will give back: who asks is refused, and loses what it holds.
  await assert.rejects(third.take(1, false)!, { status: 503, code: "busy" });
  assert.equal(budget.held, 8);
  const whole = budget.open();
  whole.take(2, true);
  const one = first.take(5, true);
  const two = second.take(4, true);
  // The last whole body goes, and the two that wait could only wait for each other.
  whole.release();
  await assert.rejects(two!, { status: 503, code: "busy" });
  await one;
  assert.equal(budget.held, 10);
});

/** A body of which what is pushed arrives. */
function arriving(): BodySource & { push: (chunk: Uint8Array) => void; isCanceled: boolean } {
  let onChunk: (chunk: Uint8Array) => void;
  return {
    each: (call) => {
      onChunk = call;
      return new Promise(() => {});
    },
    push: (chunk) => onChunk(chunk),
    cancel() {
      this.isCanceled = true;
    },
    isCanceled: false,
  };
}

Deno.test("readBody() stops reading at the timeout, and what arrived stays charged until it is released", async () => {
  const budget = new ByteBudget(100);
  const held = budget.open();
  const source = arriving();
  let ring = (): void => {};
  const body = readBody(source, {
    length: 100,
    held,
    timeout: 5,
    after: (milliseconds, call) => {
      assert.equal(milliseconds, 5);
      ring = call;
      return () => {};
    },
  });
  source.push(new Uint8Array(40));
  assert.equal(budget.held, 40);
  ring();
  await assert.rejects(body, { status: 408, code: "body_timeout" });
  assert.ok(source.isCanceled);
  assert.equal(budget.held, 40);
  held.release();
  assert.equal(budget.held, 0);
});

Deno.test("readBody() does not count the time in which it waits for room", async () => {
  const budget = new ByteBudget(10);
  const other = budget.open();
  other.take(8, true);
  let running = 0;
  const body = readBody({
    each: async (onChunk) => {
      const room = onChunk(Uint8Array.of(1, 2, 3));
      assert.equal(running, 0);
      other.release();
      await room;
      assert.equal(running, 1);
    },
    cancel: () => {},
  }, {
    length: 3,
    held: budget.open(),
    timeout: 5,
    after: () => {
      running++;
      return () => void running--;
    },
  });
  assert.deepEqual(await body, Uint8Array.of(1, 2, 3));
  assert.equal(running, 0);
});

Deno.test("readBody() joins chunks of any size, and refuses more and fewer bytes than were announced", async () => {
  const read = (sizes: number[], length: number) =>
    readBody({
      each: async (onChunk) => {
        for (const [i, size] of sizes.entries()) await onChunk(new Uint8Array(size).fill(i + 1));
      },
      cancel: () => {},
    }, { length, held: new ByteBudget(2 ** 24).open(), timeout: 60_000 });
  // Beyond the first room, and beyond what it grows to at once.
  const sizes = [1, 2 ** 20, 0, 3 * 2 ** 22];
  const total = sizes.reduce((sum, size) => sum + size);
  const body = await read(sizes, total);
  assert.equal(body.length, total);
  assert.deepEqual([body[0], body[1], body[2 ** 20], body[2 ** 20 + 1], body.at(-1)], [
    1,
    2,
    2,
    4,
    4,
  ]);
  assert.equal((await read([], 0)).length, 0);
  await assert.rejects(read([3, 3], 5), { code: "body_aborted", message: /5 bytes: it sent more/ });
  await assert.rejects(read([3], 5), { code: "body_aborted", message: /5 bytes: it sent 3/ });
});

Deno.test("six clients that announce all of the budget and stall hold up nobody", async () => {
  const { fetch, addTokenizer } = sidecarWith({ maxBodyBytes: 4096 });
  const stalled = Array.from({ length: 6 }, () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const response = fetch(
      new Request("http://sidecar/v1/mask", {
        method: "POST",
        headers: { "content-type": SAFETENSORS, "content-length": "4096" },
        body: readable,
      }),
    );
    return { writer, response };
  });
  await Promise.all(stalled.map(({ writer }) => writer.write(new Uint8Array(100))));
  const metadata = { tokenizer: await addTokenizer() };
  const body = batchToSafetensors(BATCH, { metadata });
  assert.equal((await fetch(post("/v1/mask", body))).status, 200);
  await Promise.all(stalled.map(({ writer }) => writer.abort(new Error("gone"))));
  for (const { response } of stalled) assert.equal((await response).status, 400);
});

Deno.test("a shelf keeps what was used last", () => {
  const shelf = new Shelf<number>(2);
  shelf.put("a", 1);
  shelf.put("b", 2);
  assert.equal(shelf.get("a"), 1);
  shelf.put("c", 3);
  assert.deepEqual(shelf.keys, ["a", "c"]);
  assert.equal(shelf.get("b"), undefined);
});
