/**
 * Packs the module for npm: what `deno pack` writes, with what it leaves out, the program `hicra` and the
 * optional dependency.
 *
 *     deno run -A .ci/pack_npm.ts OUT.tgz
 *
 * Needs npm and tar on the PATH.
 */
import { execFileSync } from "node:child_process";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The oldest Node that has all that is called, here and in commander. */
const NODE = { major: 22, minor: 12 };
const OLDEST = `${NODE.major}.${NODE.minor}`;

/** 288 MB that who only marks, credits and measures does not need. */
const OPTIONAL = ["onnxruntime-node"];

/** Types that a declaration names and its own package must bring, by what tells that it does. */
const REFERENCES = [
  { found: /\bGPU[A-Z]/, reference: 'types="@webgpu/types"' },
  { found: /"node:|\bNodeJS\./, reference: 'types="node"' },
  { found: /\bDisposable\b/, reference: 'lib="esnext.disposable"' },
];
const TYPES = { "@types/node": "^22.0.0", "@webgpu/types": "^0.1.60" };

const PROGRAM = `#!/usr/bin/env node
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < ${NODE.major} || (major === ${NODE.major} && minor < ${NODE.minor})) {
  console.error(\`hicra: Cannot run on Node.js \${process.versions.node} as it must be ${OLDEST} or newer\`);
  process.exit(2);
}
const { main } = await import("../cli/main.js");
process.exitCode = await main(process.argv.slice(2));
`;

const root = fileURLToPath(new URL("..", import.meta.url));
const [out] = process.argv.slice(2);
if (out === undefined) throw new Error("Cannot pack as the output must be named: OUT.tgz");

const work = await mkdtemp(join(tmpdir(), "hicra-pack-"));
try {
  const packed = join(work, "deno.tgz");
  // Maps would hold the sources and the paths of this machine.
  const options = ["--quiet", "--allow-dirty", "--no-source-maps", "--output", packed];
  execFileSync(process.execPath, ["pack", ...options], { cwd: root, stdio: "inherit" });
  execFileSync("tar", ["-xzf", packed, "-C", work]);
  const folder = join(work, "package");
  const path = join(folder, "package.json");
  const { dependencies, ...manifest } = JSON.parse(await readFile(path, "utf8"));
  const isOptional = ([name]: [string, unknown]) => OPTIONAL.includes(name);
  const all = Object.entries<string>(dependencies);
  const complete = {
    ...manifest,
    bin: { hicra: "./bin/hicra.js" },
    engines: { node: `>=${OLDEST}` },
    dependencies: { ...Object.fromEntries(all.filter((entry) => !isOptional(entry))), ...TYPES },
    peerDependencies: Object.fromEntries(all.filter(isOptional)),
    peerDependenciesMeta: Object.fromEntries(OPTIONAL.map((name) => [name, { optional: true }])),
  };
  await writeFile(path, JSON.stringify(complete, null, 2) + "\n");
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith(".d.ts")) continue;
    const text = await readFile(join(folder, name), "utf8");
    const lines = REFERENCES.filter(({ found }) => found.test(text))
      .map(({ reference }) => `/// <reference ${reference} />\n`);
    if (lines.length > 0) await writeFile(join(folder, name), lines.join("") + text);
  }
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "bin", "hicra.js"), PROGRAM);
  await chmod(join(folder, "bin", "hicra.js"), 0o755);
  const args = ["pack", folder, "--json", "--pack-destination", work];
  const [{ filename }] = JSON.parse(execFileSync("npm", args, { encoding: "utf8" }));
  await copyFile(join(work, filename), resolve(out));
} finally {
  await rm(work, { recursive: true });
}
