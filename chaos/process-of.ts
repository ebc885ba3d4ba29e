/** The worker in the name of a member, such as `process 88 on web-3 (chaos w2.3)`. Null if it is not a worker. */
export function processOf(name: string): string | null {
  return /\(chaos (w\S+)\)$/.exec(name)?.[1] ?? null
}
