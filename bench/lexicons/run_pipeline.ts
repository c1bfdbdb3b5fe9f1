import { spawn } from "node:child_process";
import { access } from "node:fs/promises";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseReport, type PipelineRun } from "./pipeline_run.ts";

/** One way to mine: a program with its embedder. */
export interface Pipeline {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
}

/** Where the peer is installed. */
export interface PeerPlace {
  /** The interpreter of the environment that bench/peers/setup.sh makes. */
  readonly python: string;
  /** Folder with the models in `float32` and `int8`. */
  readonly models: string;
}

const MINE_FILES = pathOf("mine_files.ts");
const MINING_PIPELINE = pathOf("../peers/mining_pipeline.py");
const PROTOTYPES = pathOf("../../mining/judge/prototypes.json");

/** Our pipeline with a model, or with the static vectors of the module. */
export function ourPipeline(name: string, model: string): Pipeline {
  return {
    name,
    command: [process.execPath, "run", "-A", "--quiet", MINE_FILES, "--model", model],
  };
}

/** The one in plain Python. */
export function pythonPipeline(
  name: string,
  python: string,
  { embedder, model }: { readonly embedder: "torch" | "onnx"; readonly model: string },
): Pipeline {
  const flags = ["--embedder", embedder, "--model", model, "--prototypes", PROTOTYPES];
  return { name, command: [python, MINING_PIPELINE, ...flags] };
}

/**
 * Says why there is nothing to compare with.
 *
 * @param place Where the peer should be.
 * @returns One line for the user; undefined if all is there.
 */
export async function missingPeer({ python, models }: PeerPlace): Promise<string | undefined> {
  const needed = [
    python,
    join(models, "float32", "model.onnx"),
    join(models, "int8", "model.onnx"),
  ];
  for (const path of needed) {
    if (await access(path).then(() => false, () => true)) {
      return `SKIPPED: the plain Python pipeline, as ${relative(".", path)} is not there; ` +
        "`bash bench/peers/setup.sh` makes what it needs";
    }
  }
  return undefined;
}

/**
 * Runs a pipeline in a process of its own.
 *
 * @param pipeline What to run.
 * @param files Rollouts.
 * @returns What it reports, and how long the process took.
 * @throws {Error} If it fails; the message ends with what it wrote on standard error.
 */
export async function runPipeline(
  { name, command: [program, ...args] }: Pipeline,
  files: readonly string[],
): Promise<PipelineRun> {
  const start = performance.now();
  const child = spawn(program, [...args, ...files], {
    env: { ...process.env, HF_HUB_OFFLINE: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => output += chunk);
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => errors += chunk);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  const wallSeconds = (performance.now() - start) / 1000;
  if (status !== 0) {
    throw new Error(
      `Cannot time ${name} as it must end with status 0: it ended with ${status}\n${
        errors.slice(-2000)
      }`,
    );
  }
  return { ...parseReport(output, name), wallSeconds };
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
