import { expect, test } from 'vitest'
import { recognize } from '../../../../src/serve/sql/recognize.js'
import { SeededRandom } from '../../../../src/testing/seeded-random.js'
import { randomSql } from '../../../support/sql-garble.js'
import { complaints, lockNames, parsed } from '../../../support/sql-judge.js'

/** `npm run fuzz:sql -- --count 1000000` */
const COUNT = Number(process.env['SQL_COUNT'] ?? 5000)
const SEED = Number(process.env['SQL_SEED'] ?? 1)

test(
  `PostgreSQL's parser finds no lock call that is passed on, and none misread, in ${COUNT} query strings of seed ${SEED}`,
  { timeout: 0 },
  () => {
    const random = new SeededRandom(SEED)
    const wrong: { text: string; about: readonly string[] }[] = []
    const counts = { valid: 0, withLock: 0, recognized: 0, suspicious: 0 }
    for (let i = 0; i < COUNT && wrong.length < 20; i++) {
      const text = randomSql(random)
      const about = complaints(text)
      if (about.length > 0) wrong.push({ text, about })
      count(counts, text)
    }
    expect(wrong).toEqual([])
    // The run proves nothing unless strings of each kind occur often enough.
    expect(counts.valid).toBeGreaterThan(COUNT / 4)
    expect(counts.withLock).toBeGreaterThan(COUNT / 8)
    expect(counts.recognized).toBeGreaterThan(COUNT / 40)
    expect(counts.suspicious).toBeGreaterThan(COUNT / 40)
  },
)

function count(
  counts: { valid: number; withLock: number; recognized: number; suspicious: number },
  text: string,
): void {
  const nodes = parsed(text)
  if (nodes === null) return
  counts.valid++
  if (nodes.some((node) => lockNames(node).length > 0)) counts.withLock++
  const { statements } = recognize(text, { standardConformingStrings: true })
  if (statements.some((one) => one.kind === 'select' && one.locks)) counts.recognized++
  if (statements.some(({ kind }) => kind === 'suspicious')) counts.suspicious++
}
