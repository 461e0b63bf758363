// What went wrong, in words. Pure.

/** What is thrown may be anything. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
