import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { readAsset } from "../../mining/embed/_read_asset.ts";
import { staticEmbedder } from "../../mining/embed/static_embedder.ts";

const ROOT = new URL("../../", import.meta.url);

/** Serves the files of the module on a free port. */
function serveModule(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async ({ url }) => {
    try {
      const path = new URL(url).pathname;
      const body = await Deno.readFile(new URL(`.${path}`, ROOT));
      const type = path.endsWith(".ts") ? "application/typescript" : "application/octet-stream";
      return new Response(body, { headers: { "content-type": type } });
    } catch {
      return new Response("no such file", { status: 404 });
    }
  });
}

Deno.test("readAsset() reads the same bytes from the disk and over http", async () => {
  await using server = serveModule();
  const path = "mining/embed/models/minilm_words_128d.txt";
  const expected = new Uint8Array(readFileSync(new URL(path, ROOT)));
  const local = await readAsset(new URL(path, ROOT));
  assert.deepEqual(new Uint8Array(local), expected);
  const { port } = server.addr;
  assert.deepEqual(await readAsset(new URL(`http://127.0.0.1:${port}/${path}`)), expected);
});

Deno.test("readAsset() refuses what the server does not have", async () => {
  await using server = serveModule();
  const url = `http://127.0.0.1:${server.addr.port}/mining/embed/models/missing.txt`;
  await assert.rejects(readAsset(new URL(url)), {
    name: "Error",
    message: `Cannot load the module as "${url}" must be there: status is 404`,
  });
});

Deno.test("readAsset() refuses what is not on the disk", async () => {
  await assert.rejects(readAsset(new URL("mining/embed/models/missing.txt", ROOT)), {
    code: "ENOENT",
  });
});

Deno.test("staticEmbedder() loaded over http gives the vectors of the one on the disk", async () => {
  await using server = serveModule();
  const origin = `http://127.0.0.1:${server.addr.port}/`;
  const program = `
    import { staticEmbedder } from "${origin}mining/embed/static_embedder.ts";
    const embedder = await staticEmbedder({ threads: 1 });
    console.log(JSON.stringify([embedder.digest, [...await embedder.embed(["wait, let's check"])]]));
    await embedder.release();`;
  // The import map stands for the registry's rewriting of bare specifiers.
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      `--reload=${origin}`,
      `--config=${new URL("deno.json", ROOT).pathname}`,
      `data:application/typescript,${encodeURIComponent(program)}`,
    ],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const embedder = await staticEmbedder({ threads: 1 });
  const vector = await embedder.embed(["wait, let's check"]);
  await embedder.release();
  assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), [embedder.digest, [...vector]]);
});
