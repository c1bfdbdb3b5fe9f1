/** What an n-gram counts: words, or single letters of a script that is written without spaces. */
export type GramUnit = "word" | "character";
