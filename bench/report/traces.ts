import { applyTransforms, createTransform } from "../../advantage/mod.ts";
import { traceControlsHtml, traceHtml, traceRollouts } from "../../view/mod.ts";
import { SgMatcher } from "../../sg/mod.ts";
import { withHostAdvantages } from "../host_advantages.ts";
import type { BenchRun } from "../run.ts";
import { escapeHtml } from "./html.ts";

/** Traces of these lengths, in tokens, can be read on a page. */
const LENGTHS: readonly [shortest: number, longest: number] = [150, 1_500];

/**
 * Writes a few rollouts of each corpus with their planning tokens coloured: the first correct and the
 * first incorrect one of readable length, where there are any with an advantage other than 0, chosen by
 * nothing else.
 */
export function tracesHtml(
  { corpora, batches, tokenizer, lexicon, preset, figures }: BenchRun,
): string {
  const matcher = SgMatcher.compile(lexicon, tokenizer.table);
  const transforms = [createTransform({ name: "hicra", alpha: figures.settings.alpha })];
  let html = `<div class="traces">${traceControlsHtml()}`;
  corpora.forEach(({ name, rollouts }, c) => {
    const batch = withHostAdvantages(batches[c]!, preset) ?? batches[c]!;
    const { spans, ...planning } = matcher.match(batch);
    const advantages = batch.advantages && applyTransforms(
      transforms,
      { ...planning, advantages: batch.advantages },
      { batch, spans, step: 0, signals: {} },
    ).advantages;
    const isReadable = (s: number): boolean => {
      const length = batch.offsets[s + 1]! - batch.offsets[s]!;
      return length >= LENGTHS[0] && length <= LENGTHS[1];
    };
    const hasSignal = (s: number): boolean => (batch.advantages?.[batch.offsets[s]!] ?? 0) !== 0;
    const readable = rollouts.map((_, s) => s).filter(isReadable)
      .sort((a, b) => Number(hasSignal(b)) - Number(hasSignal(a)));
    const isCorrect = (s: number): boolean => (batch.rewards?.[s] ?? 0) > 0;
    const sequences = [readable.find(isCorrect), readable.find((s) => !isCorrect(s))]
      .filter((s) => s !== undefined);
    if (sequences.length === 0) return;
    html += `<h3>${escapeHtml(name)}</h3>\n`;
    const marks = { ...planning, spans, ...(advantages && { advantages }) };
    for (const trace of traceRollouts(batch, marks, { matcher, rollouts, sequences })) {
      html += traceHtml(trace, { open: c === 0 });
    }
  });
  return `${html}</div>\n`;
}
