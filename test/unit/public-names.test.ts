/**
 * The names that `lockpool` exports at its root. Another name there needs a decision: most names belong to `lockpool/advanced`,
 * or are not exported.
 */
import { expect, test } from 'vitest'
import { read } from '../support/repository.js'

const ROOT_NAMES: readonly string[] = [
  ...['LockPool', 'LockPoolOptions', 'PostgresConfig'],
  ...['LockKey', 'LockMode', 'AcquireOptions', 'Lock', 'LockGroup', 'Semaphore', 'Permit'],
  ...['LockTransaction', 'TransactionOptions', 'TableLockMode', 'Queryable'],
  ...['lockIn', 'tryLockIn', 'lockStatement', 'LockStatement', 'hashName'],
  ...['Campaign', 'CampaignOptions', 'Term'],
  ...['PoolSnapshot', 'ServerLock', 'LockEvents'],
  ...['ConnectionPool', 'Lease', 'PostgresConnection'],
  ...['LockError', 'LockErrorCode', 'BackendMismatchError', 'ConnectionError', 'FencingUnavailableError'],
  ...['InvalidKeyError', 'InvalidOptionError', 'LockDeadlockError', 'LockLostError', 'LockReentryError'],
  ...['LockTableFullError', 'LockTimeoutError', 'ModeUnsupportedError', 'PoolClosedError'],
  ...['PoolerDetectedError', 'PoolExhaustedError', 'PoolSaturatedError', 'StaleTokenError'],
  ...['StrictUnavailableError', 'TransactionFailedError'],
]

function namesExportedBy(path: string): string[] {
  return [...read(path).matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list]) =>
    list!
      .split(',')
      .map((name) => name.trim().replace(/^type /, ''))
      .filter((name) => name !== ''),
  )
}

test('the root exports what programs use, and nothing else', () => {
  expect(namesExportedBy('src/index.ts').toSorted()).toEqual(ROOT_NAMES.toSorted())
})

test('lockpool/advanced exports only types, which no other entry point exports', () => {
  const advanced = namesExportedBy('src/advanced.ts')
  expect(advanced.filter((name) => ROOT_NAMES.includes(name))).toEqual([])
  expect(read('src/advanced.ts')).not.toMatch(/^export \{/m)
})

test('lockpool/mysql exports every class of error that the root exports', () => {
  const errors = (names: readonly string[]): string[] =>
    names.filter((name) => name.endsWith('Error')).toSorted()
  expect(errors(namesExportedBy('src/mysql.ts'))).toEqual(errors(ROOT_NAMES))
})
