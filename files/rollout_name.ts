/** What errors call a rollout: its place among those of its file, from 0, and its prompt. */
export function rolloutName(index: number, promptId: unknown): string {
  return `rollout ${index} (prompt_id ${JSON.stringify(promptId)})`;
}
