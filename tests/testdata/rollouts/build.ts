/**
 * Builds the rollout files of this folder from the normalised source corpora, which the repository
 * does not hold: `deno run -A tests/testdata/rollouts/build.ts SOURCES`. Same sources and same Deno,
 * same bytes. `README.md` says where the sources come from and how rollouts were chosen.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";

interface Sample {
  response: string;
  answer?: string | null;
  correct?: boolean | null;
  score?: number;
  model?: string;
}

interface Chunk {
  chunk: string;
  "function_tags": string[];
  "depends_on": string[];
  "resampling_importance_accuracy": number;
  "counterfactual_importance_accuracy": number;
  "forced_importance_accuracy": number;
}

interface Source {
  source: string;
  "group_id": string;
  model: string;
  problem: string;
  gold: string;
  samples: Sample[];
}

type Line = Record<string, unknown>;

function read<T>(folder: string, name: string): T[] {
  const text = gunzipSync(readFileSync(join(folder, `${name}.jsonl.gz`))).toString("utf8");
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as T);
}

function write(name: string, lines: Line[]): void {
  const text = lines.map((line) => JSON.stringify(line) + "\n").join("");
  const bytes = gzipSync(text, { level: 9 });
  bytes[9] = 0xff; // the header's operating system: unknown, so that every machine writes the same
  writeFileSync(join(dirname(fileURLToPath(import.meta.url)), `${name}.jsonl.gz`), bytes);
  const prompts = new Set(lines.map((line) => line.prompt_id)).size;
  console.log(`${name}: ${prompts} prompts, ${lines.length} rollouts, ${bytes.length} bytes`);
}

function isMixed(samples: Sample[]): boolean {
  const right = samples.filter((sample) => sample.correct === true).length;
  return right > 0 && right < samples.length;
}

/** Takes `count` of a group, evenly spaced over the source's order. */
function spread<T>(values: T[], count: number): T[] {
  if (values.length <= count) return values;
  return Array.from({ length: count }, (_, i) => values[Math.floor(i * values.length / count)]!);
}

function reward(sample: Sample): number {
  return sample.score ?? (sample.correct === true ? 1 : 0);
}

function rlvrStep(folder: string, step: number): Line[] {
  type Group = Source & { bench: string };
  return read<Group>(folder, "reasoning_gym_llama3b_aime_amc_groups")
    .filter((group) => group.model.endsWith(`step_${step}`))
    .flatMap((group) =>
      spread(group.samples, 16).map((sample) => ({
        prompt_id: group.group_id.replace(`-step_${step}`, ""),
        prompt: group.problem,
        completion: sample.response,
        reward: reward(sample),
        // The prompt format asks for <answer> tags: without the closing one the text ran out.
        truncated: !sample.response.includes("</answer>"),
        gold: group.gold,
        answer: sample.answer,
        model: "Llama-3.2-3B-Instruct",
        step,
        bench: group.bench,
        source: group.source,
      }))
    );
}

function r1Distill14b(folder: string): Line[] {
  type Group = Source & { position: number };
  return read<Group>(folder, "cot_project_r1q14b_groups")
    .filter((group) => isMixed(group.samples))
    .flatMap((group) =>
      spread(group.samples, 26).map((sample) => ({
        prompt_id: group.group_id,
        prompt: group.problem,
        completion: sample.response,
        reward: reward(sample),
        truncated: sample.correct === null,
        gold: group.gold,
        answer: sample.answer,
        position: group.position,
        model: group.model,
        source: group.source,
      }))
    );
}

function r1Distill1p5b(folder: string): Line[] {
  type Trace = Source & Sample & { level: string; type: string; run: string };
  const traces = read<Trace>(folder, "uzaymacar_math_r1distill");
  const groups = Map.groupBy(traces, (trace) => trace.group_id);
  return [...groups.values()].filter((group) => group.length > 1).flat().map((trace) => ({
    prompt_id: trace.group_id,
    prompt: trace.problem,
    completion: trace.response,
    reward: reward(trace),
    truncated: trace.answer === null,
    gold: trace.gold,
    answer: trace.answer,
    level: trace.level,
    type: trace.type,
    run: trace.run,
    model: trace.model,
    source: trace.source,
  }));
}

function r1Distill8bLabelled(folder: string): Line[] {
  type Trace = Source & Sample & { level: string; type: string; base: string; chunks: Chunk[] };
  const traces = read<Trace>(folder, "thought_anchors_labelled_traces");
  traces.sort((a, b) => a.group_id < b.group_id ? -1 : a.group_id > b.group_id ? 1 : 0);
  return traces.map((trace) => {
    const completion = trace.response.slice(trace.response.indexOf("<think>"));
    return {
      prompt_id: trace.group_id,
      prompt: trace.problem,
      completion,
      reward: reward(trace),
      gold: trace.gold,
      answer: trace.answer,
      level: trace.level,
      type: trace.type,
      base: trace.base,
      sentences: sentences(completion, trace.chunks),
      model: "DeepSeek-R1-Distill-Llama-8B",
      source: "interp-reasoning/thought-anchors.com",
    };
  });
}

/**
 * Finds the labelled sentences in the completion. They are its text in order, but their white space
 * was changed where the source split it, so only the other characters are compared.
 */
function sentences(completion: string, chunks: Chunk[]): Line[] {
  let at = "<think>".length;
  return chunks.map((chunk) => {
    let start = -1;
    for (const character of chunk.chunk.replace(/\s+/g, "")) {
      while (/\s/.test(completion[at] ?? "")) at++;
      if (start === -1) start = at;
      if (!completion.startsWith(character, at)) {
        throw new RangeError(
          `Cannot place sentence "${chunk.chunk}" as the completion has ` +
            `"${completion.slice(at, at + 20)}" at ${at}`,
        );
      }
      at += character.length;
    }
    return {
      start,
      end: at,
      tags: chunk.function_tags,
      depends_on: chunk.depends_on.map(Number),
      resampling_importance: chunk.resampling_importance_accuracy,
      counterfactual_importance: chunk.counterfactual_importance_accuracy,
      forced_importance: chunk.forced_importance_accuracy,
    };
  });
}

function qwenMath(folder: string): Line[] {
  type Group = Source & { level: string };
  return read<Group>(folder, "qwen_math_cot_100x").flatMap((group) =>
    group.samples.map((sample) => ({
      prompt_id: group.group_id,
      prompt: group.problem,
      completion: sample.response,
      reward: reward(sample),
      gold: group.gold,
      answer: sample.answer,
      level: group.level,
      model: "Qwen2.5-Math",
      source: "hkust-nlp/simpleRL-reason",
    }))
  );
}

function gsm8k(folder: string): Line[] {
  return read<Source>(folder, "gsm8k_example_model_solutions").slice(0, 50).flatMap((group) =>
    group.samples.map((sample) => ({
      prompt_id: group.group_id,
      prompt: group.problem,
      completion: sample.response,
      reward: reward(sample),
      gold: group.gold.slice(group.gold.lastIndexOf("A: ") + 3),
      model: sample.model,
      source: group.source,
    }))
  );
}

const folder = process.argv[2];
if (folder === undefined) throw new TypeError("Usage: build.ts SOURCES");
write("llama3b_rlvr_step400", rlvrStep(folder, 400));
write("llama3b_rlvr_step800", rlvrStep(folder, 800));
write("r1_distill_14b_math", r1Distill14b(folder));
write("r1_distill_1p5b_math", r1Distill1p5b(folder));
write("r1_distill_8b_labelled", r1Distill8bLabelled(folder));
write("qwen_math", qwenMath(folder));
write("gsm8k_gpt3", gsm8k(folder));
