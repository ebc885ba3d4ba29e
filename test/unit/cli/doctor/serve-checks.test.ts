import { describe, expect, test } from 'vitest'
import type { DoctorFacts } from '../../../../src/cli/doctor/doctor-facts.js'
import { examineServe, openFilesLimit } from '../../../../src/cli/doctor/serve-checks.js'

function verdicts(capacity: number, openFiles: number | null): string[] {
  const facts = { lockTable: { used: 0, capacity }, server: { locks_per_transaction: 64 } } as DoctorFacts
  return examineServe(facts, openFiles).map(({ name, status }) => `${name}: ${status}`)
}

describe('requirements of lockpool serve', () => {
  test('is there with a large lock table and many open files', () => {
    expect(verdicts(1_000_000, 65_536)).toEqual(['clients: ok', 'open files: ok'])
    expect(verdicts(1_000_000, null)).toEqual(['clients: ok', 'open files: ok'])
  })

  test('is warned of where the lock table or the limit on open files is small', () => {
    expect(verdicts(6400, 1024)).toEqual(['clients: warning', 'open files: warning'])
  })

  test('the limit on open files of this process is a number', () => {
    expect(openFilesLimit()).toBeGreaterThan(0)
  })
})
