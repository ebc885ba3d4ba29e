import type { ServerSession } from '../server-state.js'

/** `process 88 on web-3 (billing)` */
const NAME = /^process (\d+) on (.*?) \((.*)\)$/

/** Shows a member as a session of the server. All its facts come from the name that it gave when it joined. */
export function memberSession(id: string, name: string): ServerSession {
  const [, process, host, application] = NAME.exec(name) ?? []
  const unknown = { user: null, state: null, waitsFor: null, query: null, startedAt: null }
  const ages = { sessionMs: null, transactionMs: null, stateMs: null }
  return {
    pid: Number(id),
    application: application ?? name,
    host: null,
    ...unknown,
    ...ages,
    process: process === undefined ? null : { host: host!, id: Number(process) },
    isLockSession: true,
  }
}
