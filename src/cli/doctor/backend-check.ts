import { quoted } from '../../base/printable.js'
import { MOVING_FROM } from '../../dialect/postgres/schema/backend-sql.js'
import type { BackendRecord, DoctorFacts, ServerRow } from './doctor-facts.js'
import { sameDatabase } from './advised-commands.js'
import { ok, warning, type Verdict } from './verdict.js'

/** How the locks of the default namespace are kept, and whether a namespace is being moved. */
export function backendCheck(
  records: readonly BackendRecord[] | undefined,
  server: ServerRow,
  address: DoctorFacts['address'],
  source: string,
): Verdict {
  const moves = records?.filter(({ backend }) => backend.startsWith(MOVING_FROM)) ?? []
  if (moves.length > 0) {
    const commands = moves.map((move) => sameDatabase(goOn(move), server, { address, source }))
    return warning(
      moves.map(moveInWords).join('; '),
      `No pool of a namespace starts while it is moved. The next pool undoes a move that was broken off. This goes on with it: ${commands.join('; ')}`,
    )
  }
  const record = records?.find(({ namespace }) => namespace === '')
  if (record === undefined)
    return ok(
      records === undefined && server.has_schema
        ? 'this role may not read which backend keeps the locks'
        : 'the first pool decides how the locks are kept',
    )
  const isDistributed = record.backend === 'distributed'
  const kept = isDistributed ? 'backend "table" with engine "distributed"' : `backend "${record.backend}"`
  const text = `${kept} keeps the locks, by ${record.used_by} since ${record.since}`
  if (record.backend === 'advisory') return ok(text)
  const how = isDistributed ? 'with the same engine' : 'lockpool run --backend table, for example'
  return warning(text, `Other pools without a namespace must use it too: ${how}.`)
}

function moveInWords({ namespace, used_by: by, since, is_alive: isAlive }: BackendRecord): string {
  const what = namespace === '' ? 'the default namespace' : `namespace ${quoted(namespace)}`
  return isAlive
    ? `${what} is being moved to another backend by ${by} since ${since}`
    : `a move of ${what} to another backend was broken off: ${by}, which began at ${since}, is gone`
}

function goOn({ namespace, backend }: BackendRecord): string[] {
  const to = backend === `${MOVING_FROM}table` ? 'advisory' : 'table'
  return ['migrate-backend', '--to', to, ...(namespace === '' ? [] : ['--namespace', namespace])]
}
