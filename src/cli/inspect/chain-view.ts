import { blockedCount, type Chain } from '../../inspect/chains.js'
import { durationInWords } from '../../inspect/durations-in-words.js'
import type { Finding } from '../../inspect/findings.js'
import { sessionInWords } from '../../inspect/session-in-words.js'
import type { Channel } from '../terminal.js'
import { printable } from './columns.js'

/** Below one session; the rest is counted. */
const MOST_BRANCHES = 10

/** Who blocks whom, as trees with the roots on top. */
export function chainLines(chains: readonly Chain[], channel: Channel): string[] {
  return chains.flatMap((chain) => {
    const { state, stateMs } = chain.session
    const doing =
      state === null ? '' : `, ${state}${stateMs === null ? '' : ` for ${durationInWords(stateMs)}`}`
    const head = printable(sessionInWords(chain.session) + doing)
    const count = blockedCount(chain)
    return [`${channel.paint('bold', head)}, blocks ${count}`, ...branchLines(chain.blocked, '', channel)]
  })
}

function branchLines(chains: readonly Chain[], indent: string, channel: Channel): string[] {
  const shown = chains.slice(0, MOST_BRANCHES)
  const left = chains.length - shown.length
  const lines = shown.flatMap((chain, i) => {
    const isLast = i === shown.length - 1 && left === 0
    const text = printable(waitInWords(chain))
    return [
      `${indent}${isLast ? '└─' : '├─'} ${text}`,
      ...branchLines(chain.blocked, `${indent}${isLast ? '   ' : '│  '}`, channel),
    ]
  })
  return left === 0 ? lines : [...lines, `${indent}└─ and ${left} more`]
}

function waitInWords({ session, wait }: Chain): string {
  const { lock, mode, waitedMs, isOutside } = wait!
  const how = [
    mode,
    waitedMs === null ? null : durationInWords(waitedMs),
    isOutside ? 'in its process' : null,
  ]
  return `${sessionInWords(session)} waits for ${lock.title} (${how.filter((each) => each !== null).join(', ')})`
}

/** Each finding is a sentence, with what to do below it. */
export function findingLines(findings: readonly Finding[], channel: Channel): string[] {
  return findings.flatMap(({ severity, text, advice }) => [
    channel.paint(
      severity === 'problem' ? 'red' : 'yellow',
      `${severity === 'problem' ? '✗' : '!'} ${printable(text)}`,
    ),
    channel.paint('dim', `  ${printable(advice)}`),
  ])
}
