/**
 * From text and token ids to strategic grams: tokenizers as byte tables, lexicons, and the matcher.
 *
 * @module
 */
export type { Batch, PlanningTokens } from "../batch/mod.ts";
export { BUILT_IN_LEXICONS, builtInLexicon, DEFAULT_LEXICON } from "./built_in_lexicons.ts";
export { diffLexicons, type GramChange, type LexiconDiff } from "./diff_lexicons.ts";
export { dropGrams, type DropGramsOptions } from "./drop_grams.ts";
export { type CountedGram, type Gram, GRAM_KINDS, type GramKind } from "./gram.ts";
export {
  type DuplicateGram,
  duplicateGrams,
  type Lexicon,
  lexiconFromGrams,
  lexiconFromJson,
  type LexiconOptions,
  type LexiconProvenance,
  parseLexicon,
  serializeLexicon,
} from "./lexicon.ts";
export { mergeLexicons, type MergeLexiconsOptions } from "./merge_lexicons.ts";
export type { PhraseTables } from "./phrase_tables.ts";
export { placeboLexicon, type PlaceboLexiconOptions } from "./placebo_lexicon.ts";
export { serializeGrams } from "./serialize_grams.ts";
export { SgMatcher } from "./sg_matcher.ts";
export type { SgStream, StreamTokenOptions } from "./sg_stream.ts";
export { type TokenBytes, tokenBytes, type TokenBytesOptions } from "./token_bytes.ts";
