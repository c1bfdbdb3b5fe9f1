import { normalise } from "../normalise.ts";

/** Normalises a phrase as the matcher does a gram: rule 2 of the matching semantics, and trimmed. */
export function normalisePhrase(text: string): string {
  return normalise(text).replace(/^[ \n]+|[ \n]+$/g, "");
}
