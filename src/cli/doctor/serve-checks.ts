import { shareRules } from '../../lock/share-plan.js'
import type { Check } from './verdict.js'
import type { DoctorFacts } from './doctor-facts.js'

/** The default of `lockpool serve --max-clients`. */
const USUAL_CLIENTS = 10_000

/** A client has one connection to the front, and one from the front to a pooler with `--others URL`. */
const FILES_PER_CLIENT = 2

/** What `lockpool serve` needs in addition to the needs of every pool. `openFiles` is null if unknown. */
export function examineServe({ lockTable, server }: DoctorFacts, openFiles: number | null): Check[] {
  return [clientsCheck(lockTable.capacity, server.locks_per_transaction), filesCheck(openFiles)]
}

function clientsCheck(capacity: number, perSession: number): Check {
  const name = 'clients'
  const { alone } = shareRules({ capacity, perSession })
  if (alone >= USUAL_CLIENTS)
    return { name, status: 'ok', text: `a front may hold ${alone} locks for its clients`, advice: null }
  return {
    name,
    status: 'warning',
    text: `a front may hold ${alone} locks, and lets in ${USUAL_CLIENTS} clients: more get "out of shared memory" (53200)`,
    advice: `Raise max_locks_per_transaction (${perSession}), which takes a restart, or lower --max-clients.`,
  }
}

function filesCheck(openFiles: number | null): Check {
  const name = 'open files'
  if (openFiles === null)
    return { name, status: 'ok', text: 'the limit of this host on open files is not known', advice: null }
  const clients = Math.floor(openFiles / FILES_PER_CLIENT)
  const text = `this host allows ${openFiles} open files, enough for ${clients} clients`
  if (clients >= USUAL_CLIENTS) return { name, status: 'ok', text, advice: null }
  return { name, status: 'warning', text, advice: 'Raise it with ulimit -n, or LimitNOFILE of systemd.' }
}

interface Limits {
  readonly userLimits?: { readonly open_files?: { readonly soft: number | string } }
}

/** How many files a process may have open here; null if unknown. */
export function openFilesLimit(): number | null {
  const { userLimits } = (process.report?.getReport() ?? {}) as Limits
  const soft = userLimits?.open_files?.soft
  if (soft === 'unlimited') return Number.MAX_SAFE_INTEGER
  return typeof soft === 'number' ? soft : null
}
