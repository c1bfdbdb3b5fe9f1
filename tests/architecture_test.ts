/** The dependency rules of DESIGN.md, checked on the real module graph. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);

/** What each folder may import beside itself. */
const ALLOWED: Record<string, readonly string[]> = {
  batch: [],
  advantage: ["batch"],
  sg: ["batch"],
  metrics: ["batch"],
  kernels: ["batch", "advantage", "sg", "metrics"],
  files: ["batch", "sg"],
  mining: ["batch", "sg", "metrics", "kernels", "files"],
  hooks: ["batch", "advantage", "sg", "metrics", "kernels", "files"],
  view: ["batch", "advantage", "sg", "metrics", "files"],
  cli: ["batch", "advantage", "sg", "metrics", "kernels", "files", "mining", "hooks", "view"],
};

/** The folders of the published package. */
const PACKAGE = Object.keys(ALLOWED).filter((folder) => folder !== "cli");

interface Module {
  specifier: string;
  dependencies?: { code?: { specifier?: string }; type?: { specifier?: string } }[];
}

/** Together they reach every module of the package and of the benchmark. */
const ENTRIES = [
  "cli/main.ts",
  "kernels/mod.ts",
  "kernels/onnx.ts",
  "hooks/tinker/mod.ts",
  "mining/mod.ts",
  "bench/main.ts",
  "bench/gpu/main.ts",
  "bench/lexicons/main.ts",
  "bench/lexicons/print_ngrams.ts",
  "bench/lexicons/sample_for_labeling.ts",
  "examples/gpu_loop.ts",
  "examples/in_process_loop.ts",
  "examples/tinker_loop.ts",
];

const modules = new Map<string, Module>();
for (const entry of ENTRIES) {
  const graph: { modules: Module[] } = JSON.parse(
    execFileSync(Deno.execPath(), ["info", "--json", entry], {
      cwd: fileURLToPath(root),
      encoding: "utf8",
      maxBuffer: 1 << 28,
    }),
  );
  for (const module of graph.modules) modules.set(module.specifier, module);
}

/** Pairs of a file and what it imports, both relative to the root. */
const imports = Array.from(modules.values()).flatMap(({ specifier, dependencies = [] }) =>
  dependencies.flatMap(({ code, type }) => {
    const to = code?.specifier ?? type?.specifier ?? "";
    if (!specifier.startsWith(root.href) || !to.startsWith(root.href)) return [];
    return [{ from: specifier.slice(root.href.length), to: to.slice(root.href.length) }];
  })
);

Deno.test("folders import only what stands below them", () => {
  assert.ok(imports.length > 100, `only ${imports.length} imports found`);
  const wrong = imports.filter(({ from, to }) => {
    const [folder] = from.split("/") as [string];
    const [target] = to.split("/") as [string];
    return folder in ALLOWED && folder !== target && !ALLOWED[folder]!.includes(target);
  });
  assert.deepEqual(wrong, []);
});

Deno.test("the graph holds every module of the folders", () => {
  for (const folder of PACKAGE) {
    for (const name of readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })) {
      if (!name.endsWith(".ts")) continue;
      assert.ok(
        modules.has(new URL(`${folder}/${name}`, root).href),
        `${folder}/${name} is unused`,
      );
    }
  }
});

/** Entry points of their own: the first needs a native package, the others are for some loops only. */
const OTHER_DOORS = ["kernels/onnx.ts", "hooks/sidecar/mod.ts", "hooks/tinker/mod.ts"];
Deno.test("folders reach each other through mod.ts and internal.ts only, and private files stay private", () => {
  const wrong = imports.filter(({ from, to }) => {
    const [folder] = from.split("/") as [string];
    const [target] = to.split("/") as [string];
    return from.includes("/") && to.includes("/") && folder !== target &&
      ![`${target}/mod.ts`, `${target}/internal.ts`, ...OTHER_DOORS].includes(to);
  });
  assert.deepEqual(wrong, []);
});

Deno.test("no file imports itself over others, types included", () => {
  const next = Map.groupBy(imports, ({ from }) => from);
  const done = new Set<string>();
  const circles: string[][] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) return void circles.push([...path.slice(path.indexOf(file)), file]);
    if (done.has(file)) return;
    for (const { to } of next.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
  assert.deepEqual(circles, []);
});

Deno.test("the core calls nothing of Deno's own", () => {
  for (const folder of PACKAGE.filter((folder) => folder !== "kernels")) {
    for (const name of readdirSync(new URL(folder, root), { recursive: true })) {
      if (!String(name).endsWith(".ts")) continue;
      const source = readFileSync(new URL(`${folder}/${name}`, root), "utf8");
      assert.ok(!/\bDeno\./.test(source), `${folder}/${name} calls Deno`);
    }
  }
});

Deno.test("every mod.ts only re-exports, and documents its module", () => {
  for (const folder of ["", ...PACKAGE]) {
    const source = readFileSync(new URL(`${folder && folder + "/"}mod.ts`, root), "utf8");
    const [doc, ...code] = source.split("*/");
    assert.match(doc!, /@module/);
    assert.equal(
      code.join("").replace(/export (type )?(\*|\{[^}]*\}) from "[^"]+";/g, "").trim(),
      "",
      `${folder}/mod.ts holds code`,
    );
  }
});

Deno.test("errors that the package throws have a class of its own, so that those of V8 stand apart", () => {
  for (const folder of PACKAGE) {
    for (const name of readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })) {
      if (!name.endsWith(".ts")) continue;
      const source = readFileSync(new URL(`${folder}/${name}`, root), "utf8");
      const thrown = source.match(/^(?!\s*\*).*\bnew (?:Range|Type|Syntax)Error\(/m);
      assert.equal(thrown?.[0], undefined, `${folder}/${name} throws a native error`);
    }
  }
});

/** Who writes or removes files by hand, and why that is no file which must be whole, and no folder of others. */
const BY_HAND: Readonly<Record<string, RegExp>> = {
  // The one that the others call.
  "files/write_whole.ts": /./,
  // Appends records, each with a checksum.
  "mining/embed/embedding_cache.ts": /^appendFile$/,
  // Remove the folder that they have just made under a name that was nobody's.
  "mining/mine.ts": /^recursive$/,
  "mining/count/count_ngrams.ts": /^recursive$/,
};

Deno.test("files are written whole by one function, and no folder is removed with what others put there", () => {
  const names = [...PACKAGE, "cli"].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name}`)
  );
  for (const name of names) {
    const source = readFileSync(new URL(name, root), "utf8").replace(
      /^\s*(\*|\/\/|\/\*\*).*$/gm,
      "",
    );
    const calls = [
      ...source.matchAll(/\b(rename|writeFile|appendFile|createWriteStream|openSync)\w*\(/g),
      ...source.matchAll(/\brm(?:Sync)?\([^)]*(recursive)/g),
    ].map(([, call]) => call!);
    const wrong = calls.filter((call) => !BY_HAND[name]?.test(call));
    assert.deepEqual(wrong, [], name);
  }
});

/** The names of a door, types included, from its text: it only re-exports. */
function namesOf(door: string): { name: string; isType: boolean; from: string }[] {
  const source = readFileSync(new URL(door, root), "utf8");
  return [...source.matchAll(/export (type )?\{([^}]*)\} from "([^"]+)"/g)].flatMap(
    ([, allTypes, list, from]) =>
      list!.split(",").map((item) => item.trim()).filter((item) => item !== "").map((item) => ({
        name: item.replace("type ", ""),
        isType: allTypes !== undefined || item.startsWith("type "),
        from: from!,
      })),
  );
}

Deno.test("the root exports what a training loop needs, the names of a golden file, at most 60", () => {
  const names = namesOf("mod.ts").map(({ name }) => name).sort();
  const golden = readFileSync(new URL("golden/root_names.txt", import.meta.url), "utf8");
  assert.deepEqual(names, golden.trim().split("\n"));
  assert.ok(names.length <= 60);
});

Deno.test("every public name has one entry point beside the root", () => {
  const { exports } = JSON.parse(readFileSync(new URL("deno.json", root), "utf8"));
  const places = Object.entries<string>(exports)
    .filter(([entry]) => entry !== "." && entry !== "./cli")
    .flatMap(([entry, door]) =>
      namesOf(door)
        // A type of another folder is named where a signature needs it.
        .filter(({ from, isType }) => !(isType && from.endsWith("/mod.ts")))
        .map(({ name }) => ({ name, entry }))
    );
  const twice = [...Map.groupBy(places, ({ name }) => name)].filter(([, at]) => at.length > 1);
  assert.deepEqual(twice, []);
});
