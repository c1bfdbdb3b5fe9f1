/**
 * What the sidecar is compared with: the same hook behind nested JSON lists, and a server that does nothing but send
 * bytes back. `deno run -A plain_server.ts SOCKET TOKENIZER.json`
 */
import { createHook, SgMatcher } from "../../mod.ts";
import { loadLexicon, loadTokenizer } from "../../files/mod.ts";

interface JsonBatch {
  readonly "token_ids": number[][];
  readonly "loss_mask": number[][];
  readonly advantages: number[];
}

const [path, tokenizer] = Deno.args as [string, string];
const matcher = SgMatcher.compile(
  await loadLexicon("math"),
  (await loadTokenizer(tokenizer)).tokens,
);
const hook = createHook({ matcher, transforms: [{ name: "hicra" }] });

function transform({ token_ids: ids, loss_mask: mask, advantages }: JsonBatch): unknown {
  const offsets = Int32Array.of(0, ...ids.map((row) => row.length));
  for (let s = 1; s < offsets.length; s++) offsets[s]! += offsets[s - 1]!;
  const result = hook({
    offsets,
    tokenIds: Int32Array.from(ids.flat()),
    lossMask: Uint8Array.from(mask.flat()),
    advantages: Float32Array.from(advantages),
    advantagesPer: "sequence",
  });
  const rows = (values: Float32Array | Uint8Array): number[][] =>
    ids.map((_, s) => Array.from(values.subarray(offsets[s], offsets[s + 1])));
  return { advantages: rows(result.advantages), "planning_mask": rows(result.planningMask) };
}

Deno.serve({ path, onListen: () => console.log("listening") }, async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/json") return Response.json(transform(await request.json()));
  // As many bytes as the sidecar sends back: four for an advantage and one for its mask.
  const body = new Uint8Array(await request.arrayBuffer());
  return new Response(body.subarray(0, Number(request.headers.get("x-reply-bytes"))));
});
