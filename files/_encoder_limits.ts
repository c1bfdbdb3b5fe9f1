/** What the encoder of `@huggingface/tokenizers` 0.2.0 makes of a `tokenizer.json` otherwise than the reference does. */
export interface EncoderLimits {
  /** Fields that it does not obey, with their values. */
  readonly unobeyed: readonly string[];
  /** Characters that it takes for something else, and the field whose stage does so. */
  readonly misread: readonly { readonly field: string; readonly characters: RegExp }[];
  /** The unknown token, where the encoder fuses those of neighboring pieces into one. */
  readonly fusedUnknown: number | undefined;
  /** Added tokens that the encoder also finds where only the normalized text spells them. */
  readonly literal: ReadonlySet<string>;
}

/** White space of Unicode that JavaScript's `\s` does not know, and the reverse. */
const OTHER_SPACE = /[\u0085\uFEFF]/;
/** What lower-cases to another sigma at the end of a word, compatibility forms included. */
const SIGMA = /[\u03A3\u03F9\u{1D6BA}\u{1D6F4}\u{1D72E}\u{1D768}\u{1D7A2}]/u;
const OTHER_DIGITS = /[^\P{N}0-9]/u;
const ASTRAL_CHINESE = /[\u{20000}-\u{2FA1F}]/u;
/** The letters beyond ASCII that fold to one of ASCII. */
const FOLDING = /[\u017F\u212A]/;

type JsonRecord = Readonly<Record<string, unknown>>;

/**
 * Compares a tokenizer with what the encoder obeys. `tests/testdata/encoder/features.py` holds a case for
 * each rule, with the ids that Python's tokenizers 0.23.3 gives. Truncation and padding are not obeyed and
 * not refused, as transformers switches both off. Where Unicode has grown, the reference's own tables
 * (NFKC, accents, punctuation) are some versions older than the engine's, which is not looked at.
 */
export function encoderLimits(file: JsonRecord): EncoderLimits {
  const unobeyed: string[] = [];
  const misread: { field: string; characters: RegExp }[] = [];
  const found: Found = {
    refuse: (field, value, note = "") =>
      unobeyed.push(`${field} ${JSON.stringify(value) ?? "missing"}${note}`),
    misread: (field, characters) => misread.push({ field, characters }),
  };
  const model = asRecord(file.model);
  const normalizers = stagesOf(file.normalizer, "normalizer", "normalizers");
  const preTokenizers = stagesOf(file.pre_tokenizer, "pre_tokenizer", "pretokenizers");
  const tokens = Array.isArray(file.added_tokens) ? file.added_tokens.map(asRecord) : [];
  const vocab = vocabOf(model);
  checkModel(model, found);
  checkNormalizers(normalizers, found);
  checkPreTokenizers(preTokenizers, { normalizers, vocab, tokens }, found);
  checkAddedTokens(tokens, { vocab, isNormalizing: file.normalizer != null }, found);
  for (const [field, { type }] of stagesOf(file.post_processor, "post_processor", "processors")) {
    if (!POST_PROCESSORS.has(String(type))) found.refuse(`${field}.type`, type);
  }
  return { unobeyed, misread, ...fusing(), literal: literalTokens() };

  function fusing(): Pick<EncoderLimits, "fusedUnknown"> {
    const isUnigram = modelType(model) === "Unigram";
    const splits = preTokenizers.some(([, stage]) => canSplit(stage, normalizers, vocab));
    if (!splits || !(isUnigram || model.fuse_unk === true)) return { fusedUnknown: undefined };
    const unknown = isUnigram ? model.unk_id : vocab.get(String(model.unk_token));
    return { fusedUnknown: typeof unknown === "number" ? unknown : undefined };
  }

  function literalTokens(): Set<string> {
    if (normalizers.length === 0 && preTokenizers.length === 0) return new Set();
    // What the model spells with one token gets that one either way, where nothing cuts it.
    const isWhole = preTokenizers.every(([, stage]) => neverMatches(stage, normalizers));
    const isOther = (content: string) => !isWhole || !vocab.has(content);
    return new Set(
      tokens.filter(({ normalized, content }) =>
        normalized !== true && typeof content === "string" && content !== "" && isOther(content)
      ).map(({ content }) => content as string),
    );
  }
}

interface Found {
  refuse(field: string, value: unknown, note?: string): void;
  misread(field: string, characters: RegExp): void;
}

/** A normalizer or pre-tokenizer and where it stands in the file. */
type Stage = readonly [field: string, stage: JsonRecord];

const POST_PROCESSORS: ReadonlySet<string> = new Set([
  "BertProcessing",
  "ByteLevel",
  "RobertaProcessing",
  "TemplateProcessing",
]);

/** `model.type`, or what the older files that lack it must be. */
export function modelType({ type, vocab, merges }: JsonRecord): unknown {
  return type ?? (Array.isArray(vocab) ? "Unigram" : Array.isArray(merges) ? "BPE" : "WordPiece");
}

function checkModel(model: JsonRecord, { refuse }: Found): void {
  if (model.vocab === undefined) return; // no tokenizer.json, as loading it says
  const type = modelType(model);
  if (type === "Unigram") {
    if (model.byte_fallback === true) refuse("model.byte_fallback", true, " of a Unigram model");
  } else if (type === "BPE") {
    if (Number(model.dropout ?? 0) > 0) refuse("model.dropout", model.dropout);
    if (model.continuing_subword_prefix) {
      refuse("model.continuing_subword_prefix", model.continuing_subword_prefix, " of a BPE model");
    }
    if (model.byte_fallback === true && Array.isArray(model.merges)) {
      const index = model.merges.findIndex((merge) => /<0x[0-9A-F]{2}>/.test(String(merge)));
      if (index !== -1) refuse(`model.merges[${index}]`, model.merges[index], " of byte tokens");
    }
  } else if (type === "WordPiece") {
    const prefix = model.continuing_subword_prefix;
    if (typeof prefix !== "string") refuse("model.continuing_subword_prefix", prefix);
  } else {
    refuse("model.type", type);
  }
}

function checkNormalizers(stages: readonly Stage[], found: Found): void {
  let canEmpty = false;
  for (const [field, stage] of stages) {
    switch (stage.type) {
      case "NFC":
      case "NFD":
      case "NFKC":
      case "NFKD":
        break;
      case "StripAccents":
        canEmpty = true;
        break;
      case "Strip":
        canEmpty = true;
        found.misread(field, OTHER_SPACE);
        break;
      case "Lowercase":
        found.misread(field, SIGMA);
        break;
      case "BertNormalizer":
        canEmpty = true;
        if (stage.lowercase === true) found.misread(`${field}.lowercase`, SIGMA);
        if (stage.handle_chinese_chars === true) {
          found.misread(`${field}.handle_chinese_chars`, ASTRAL_CHINESE);
        }
        break;
      case "Replace":
        canEmpty ||= stage.content === "";
        checkPattern(field, stage, found);
        if (String(stage.content).includes("$")) found.refuse(`${field}.content`, stage.content);
        break;
      case "Prepend":
        if (canEmpty) found.refuse(field, "Prepend", " to what a normalizer before it may empty");
        break;
      default:
        found.refuse(`${field}.type`, stage.type);
    }
  }
}

interface Surroundings {
  readonly normalizers: readonly Stage[];
  readonly vocab: ReadonlyMap<string, number>;
  readonly tokens: readonly JsonRecord[];
}

function checkPreTokenizers(
  stages: readonly Stage[],
  { normalizers, vocab, tokens }: Surroundings,
  found: Found,
): void {
  stages.forEach(([field, stage], i) => {
    const isAfter = (type: string) => stages.slice(0, i).some(([, before]) => before.type === type);
    switch (stage.type) {
      case "ByteLevel":
        if (stage.use_regex !== false) found.misread(field, OTHER_SPACE);
        break;
      case "WhitespaceSplit":
      case "BertPreTokenizer":
        found.misread(field, OTHER_SPACE);
        break;
      case "Digits":
        if (isAfter("ByteLevel")) found.refuse(field, "Digits", " after ByteLevel");
        found.misread(field, OTHER_DIGITS);
        break;
      case "Punctuation":
        if (stage.behavior !== "Contiguous") found.refuse(`${field}.behavior`, stage.behavior);
        break;
      case "Split":
        if (neverMatches(stage, normalizers)) break;
        if (!obeysBehavior(stage)) {
          const { behavior, invert } = stage;
          found.refuse(`${field}.behavior`, behavior, ` with invert ${JSON.stringify(invert)}`);
        }
        checkPattern(field, stage, found);
        break;
      case "Metaspace": {
        const { replacement = "▁", prepend_scheme: scheme = "always" } = stage;
        const isSplit = stage.split !== false;
        if (isSplit && i < stages.length - 1) {
          found.refuse(`${field}.split`, true, " before another pre-tokenizer");
        } else if (
          isSplit && [...vocab.keys()].some((piece) => piece.indexOf(String(replacement), 1) > 0)
        ) {
          found.refuse(`${field}.split`, true, " with tokens that a split would break");
        }
        if (stage.add_prefix_space === false && scheme !== "never") {
          found.refuse(`${field}.add_prefix_space`, false);
        }
        if (stage.str_rep !== undefined && stage.str_rep !== replacement) {
          found.refuse(`${field}.str_rep`, stage.str_rep);
        }
        const movesStart = normalizers.some(([, { type }]) => !FIXED_STARTS.has(String(type)));
        const isNormalized = normalizers.length > 0 &&
          tokens.some(({ normalized }) => normalized === true);
        if (scheme === "first" && (i > 0 || isNormalized || movesStart)) {
          found.refuse(`${field}.prepend_scheme`, scheme, " where the start is not plain");
        }
        break;
      }
      default:
        found.refuse(`${field}.type`, stage.type);
    }
  });
}

/** Normalizers that leave the first character at the start of the text. */
const FIXED_STARTS: ReadonlySet<string> = new Set(["NFC", "NFD", "NFKC", "NFKD", "Lowercase"]);

function obeysBehavior({ behavior, invert, pattern }: JsonRecord): boolean {
  if (invert === true) return behavior === "Removed";
  if (behavior === "Isolated") return true;
  const { Regex: regex } = asRecord(pattern);
  return behavior === "Removed" && typeof regex === "string" &&
    !/\((?!\?)|\(\?</.test(plain(regex));
}

/** A character that the normalizer has replaced, as Gemma's spaces. */
function neverMatches({ type, pattern }: JsonRecord, normalizers: readonly Stage[]): boolean {
  const { String: text } = asRecord(pattern);
  const last = normalizers.at(-1)?.[1];
  return type === "Split" && typeof text === "string" && last?.type === "Replace" &&
    asRecord(last.pattern).String === text && !String(last.content).includes(text);
}

function canSplit(
  stage: JsonRecord,
  normalizers: readonly Stage[],
  vocab: ReadonlyMap<string, number>,
): boolean {
  if (stage.type === "ByteLevel") return stage.use_regex !== false;
  // Its pieces start with the replacement, which no unknown token then stands for.
  if (stage.type === "Metaspace") return !vocab.has(String(stage.replacement ?? "▁"));
  return !neverMatches(stage, normalizers);
}

function checkPattern(field: string, { pattern }: JsonRecord, found: Found): void {
  const { Regex: regex, String: text } = asRecord(pattern);
  if (typeof text === "string") return;
  if (typeof regex !== "string") return found.refuse(`${field}.pattern`, pattern);
  const source = plain(regex);
  if (/\(\?>|[*+?]\+/.test(source)) {
    found.refuse(`${field}.pattern`, regex, " with an atomic group or a possessive quantifier");
  }
  for (const [, folded] of source.matchAll(/\(\?i:([^)]*)/g)) {
    if (/[^\x20-\x7E]|ss|ff|fi|fl|st/i.test(folded!)) {
      found.refuse(`${field}.pattern`, regex, ` with (?i:${folded})`);
    }
    found.misread(`${field}.pattern`, FOLDING);
  }
}

/** A regular expression with a dot for each escape and each class. */
function plain(regex: string): string {
  return regex.replace(/\\[pP]\{[^}]*\}|\\./gs, ".").replace(/\[[^\]]*\]/g, ".");
}

function checkAddedTokens(
  tokens: readonly JsonRecord[],
  { vocab, isNormalizing }: { vocab: ReadonlyMap<string, number>; isNormalizing: boolean },
  found: Found,
): void {
  const ids = new Map<string, number>();
  let highest = -1;
  const strips = tokens.some(({ lstrip, rstrip }) => lstrip === true || rstrip === true);
  if (strips) found.misread("added_tokens with lstrip or rstrip", OTHER_SPACE);
  tokens.forEach((token, i) => {
    const field = `added_tokens[${i}]`;
    const content = String(token.content);
    if (content === "") return;
    if (token.single_word === true) found.refuse(`${field}.single_word`, true);
    if (strips && content !== content.trim()) {
      found.refuse(`${field}.content`, content, " beside a token with lstrip or rstrip");
    }
    // The reference numbers the tokens itself, in the order of the file.
    const next = highest >= vocab.size ? highest + 1 : vocab.size;
    const id = vocab.get(content) ?? ids.get(content) ?? next;
    ids.set(content, id);
    highest = Math.max(highest, id);
    if (token.id !== id) found.refuse(`${field}.id`, token.id, `, where the reference gives ${id}`);
  });
  // Without a normalizer the encoder looks for both kinds at once, the reference for one after the other.
  if (isNormalizing) return;
  const first = tokens.filter(({ normalized }) => normalized !== true);
  tokens.forEach(({ normalized, content }, i) => {
    if (normalized !== true) return;
    const other = first.find((one) => overlap(String(content), String(one.content)));
    if (other === undefined) return;
    found.refuse(
      `added_tokens[${i}].normalized`,
      true,
      `, overlapping ${JSON.stringify(other.content)}`,
    );
  });
}

/** Whether two texts can share characters when both occur in a third. */
function overlap(a: string, b: string): boolean {
  if (a.includes(b) || b.includes(a)) return true;
  for (let n = Math.min(a.length, b.length) - 1; n > 0; n--) {
    if (a.endsWith(b.slice(0, n)) || b.endsWith(a.slice(0, n))) return true;
  }
  return false;
}

function vocabOf({ vocab }: JsonRecord): ReadonlyMap<string, number> {
  if (Array.isArray(vocab)) {
    return new Map(vocab.map((entry, id) => [String((entry as unknown[] | null)?.[0]), id]));
  }
  return new Map(Object.entries(asRecord(vocab) as Record<string, number>));
}

/** The stages in order, those inside a `Sequence` in its place. */
function stagesOf(stage: unknown, field: string, childrenKey: string): Stage[] {
  if (stage === null || stage === undefined) return [];
  const record = asRecord(stage);
  if (record.type !== "Sequence") return [[field, record]];
  const children = record[childrenKey];
  if (!Array.isArray(children)) return [];
  return children.flatMap((child, i) =>
    stagesOf(child, `${field}.${childrenKey}[${i}]`, childrenKey)
  );
}

function asRecord(value: unknown): JsonRecord {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? value as JsonRecord : {};
}
