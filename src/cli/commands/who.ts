import { STANDBY } from '../../inspect/findings.js'
import type { ServerLock } from '../../inspect/server-lock.js'
import type { LockSnapshot } from '../../inspect/snapshot.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS, KEY_ENVIRONMENT, namespaceOf } from '../connection.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { toggle, type Flag } from '../flags.js'
import { jsonLine, printable } from '../../base/printable.js'
import { coderOf, KEY_FLAGS, wantedLocks, type KeyFlags, type WantedLocks } from '../inspect/key-argument.js'
import { refuseInMysql } from '../mysql/address.js'
import { lockJson } from '../inspect/snapshot-json.js'
import { whoLines } from '../inspect/who-view.js'
import { COLOR_ENVIRONMENT, type Terminal } from '../terminal.js'
import { UsageError } from '../usage-error.js'

type WhoFlags = Pick<typeof CONNECTION_FLAGS, 'url'> & KeyFlags & Readonly<Record<'json', Flag<true>>>

const FLAGS: WhoFlags = {
  url: CONNECTION_FLAGS.url,
  ...KEY_FLAGS,
  json: toggle({ meaning: 'print one JSON object' }),
}

const NOT_HELD = 1

export const command: Command<WhoFlags> = {
  usage: 'KEY [FLAGS]',
  description: [
    'Shows who holds a lock, what that session is doing and what else it holds, and who waits for the lock, in order.',
    'KEY is a name as programs pass it to lockpool. Names are hashed, so spell it exactly as they do, with the same --namespace.',
  ],
  flags: FLAGS,
  environment: [...CONNECTION_ENVIRONMENT, ...KEY_ENVIRONMENT, ...COLOR_ENVIRONMENT],
  examples: [
    ["lockpool who 'invoice 4711' --namespace billing", 'the lock of a name'],
    ['lockpool who --raw 42', 'an advisory lock that another program has taken'],
    ['lockpool who --table orders', 'why does my UPDATE hang?'],
    ['lockpool who deploy > /dev/null || ./deploy.sh', 'in a script: run it if the lock is free'],
  ],
  exitCodes: [
    ['0', 'the lock is held'],
    [String(NOT_HELD), 'the lock is not held'],
    ...exitRows('usage', 'unavailable', 'config', 'internal'),
  ],
  async run({ flags, args, rest, terminal }) {
    const [text, ...more] = args
    if (text === undefined || more.length > 0 || rest !== null)
      throw new UsageError('who needs one KEY: lockpool who KEY')
    const namespace = namespaceOf(flags.namespace, process.env)
    refuseInMysql(flags.url, flags, 'table')
    const wanted = wantedLocks(text, { ...flags, namespace }, await coderOf(flags.url))
    const { withInspector } = await import('../inspect/with-inspector.js')
    return withInspector({ url: flags.url, applicationName: 'lockpool who' }, terminal, async (watch) => {
      const snapshot = await watch.look({ everything: flags.table === true, names: wanted.names })
      const found = snapshot.locks.filter(wanted.isOne)
      if (flags.json === true) terminal.out.write(`${jsonLine(whoJson(found, snapshot))}\n`)
      else print(wanted, found, snapshot, terminal)
      const isHeld = found.some(({ holders }) => holders.length > 0)
      if (!snapshot.server.isStandby) return isHeld ? EXIT.ok : NOT_HELD
      // A script acts on "not held", which a standby cannot know.
      terminal.err.write(`lockpool: ${STANDBY}; ask the primary\n`)
      return isHeld ? EXIT.ok : EXIT.unavailable
    })
  },
}

function whoJson(found: readonly ServerLock[], snapshot: LockSnapshot): object {
  const pids = new Set(
    found.flatMap(({ holders, waiters }) => [...holders, ...waiters].map((each) => each.session.pid)),
  )
  return {
    version: 1,
    at: snapshot.server.at.toISOString(),
    isStandby: snapshot.server.isStandby,
    locks: found.map(lockJson),
    sessions: snapshot.sessions.filter(({ pid }) => pids.has(pid)),
  }
}

function print(
  { title, elsewhere }: WantedLocks,
  found: readonly ServerLock[],
  { locks, server }: LockSnapshot,
  { out }: Terminal,
): void {
  const blocks = found.map((lock) =>
    whoLines(lock, (pid) => otherLocksOf(pid, lock, locks), out, server.hasReports !== false).join('\n'),
  )
  if (blocks.length > 0) return out.write(`${blocks.join('\n\n')}\n`)
  const here = server.isStandby ? ' on this server' : ''
  const lines = [`${title} is not held${here}, and has no waiters`, ...elsewhere(locks)]
  out.write(`${lines.map(printable).join('\n')}\n`)
}

/** How many locks besides this one a session holds. */
function otherLocksOf(pid: number, lock: ServerLock, locks: readonly ServerLock[]): number {
  return locks.filter((each) => each !== lock && each.holders.some(({ session }) => session.pid === pid))
    .length
}
