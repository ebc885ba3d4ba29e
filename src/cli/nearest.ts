/**
 * The candidate that the user probably meant: the closest one, if at most a third of its letters differ. Null if there is
 * none.
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null
  let fewest = Infinity
  for (const candidate of candidates) {
    const edits = editDistance(word, candidate)
    if (edits < fewest && edits * 3 <= Math.max(word.length, candidate.length)) {
      best = candidate
      fewest = edits
    }
  }
  return best
}

/** The end of a message: nothing, or a question. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const meant = nearest(word, candidates)
  return meant === null ? '' : `; did you mean ${meant}?`
}

/** How many letters must be inserted, deleted, changed, or swapped with a neighbor. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = isSwapped ? beforeLast[j - 2]! + 1 : Infinity
      row.push(Math.min(change, swap, last[j]! + 1, row[j - 1]! + 1))
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
