/** Of what a member is called, `process 88 on web-3 (chaos w2.3)`, the worker. Null: it is none. */
export function processOf(name: string): string | null {
  return /\(chaos (w\S+)\)$/.exec(name)?.[1] ?? null
}
