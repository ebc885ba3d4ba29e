import { findingsOf } from '../../inspect/findings.js'
import type { ServerLock } from '../../inspect/server-lock.js'
import type { LockSnapshot } from '../../inspect/snapshot.js'
import type { Channel } from '../terminal.js'
import { wrap } from '../wrap.js'
import { chainLines, findingLines } from './chain-view.js'
import { byUrgency, ageHint, lockLines, nameHint } from './locks-view.js'

/** Some locks of a snapshot as a table, and all its chains and findings. */
export function overviewLines(
  snapshot: LockSnapshot,
  locks: readonly ServerLock[],
  limit: number,
  channel: Channel,
  width: number,
): string[] {
  const part = (heading: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', channel.paint('bold', heading), ...lines]
  const hints = [nameHint(snapshot.server, locks), ageHint(snapshot.server, locks)]
  const table = lockLines(locks.toSorted(byUrgency), limit, channel, width)
  return [
    ...(locks.length === 0 && snapshot.server.isStandby ? ['no locks on this standby'] : table),
    ...part('Who blocks whom (pid, client)', chainLines(snapshot.chains, channel)),
    ...part('Findings', findingLines(findingsOf(snapshot), channel, width)),
    ...hints.flatMap((hint) =>
      hint === null ? [] : ['', ...wrap(hint, width).map((line) => channel.paint('dim', line))],
    ),
  ]
}
