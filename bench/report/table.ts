/** A table as text, for terminal, page and README alike. The first column is aligned left. */
export interface Table {
  readonly title: string;
  /** What it says and how to read it. */
  readonly note: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns beside the first that hold words and are aligned left. */
  readonly words?: readonly number[];
}
