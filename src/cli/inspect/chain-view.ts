import { blockedCount, type Chain, type ChainWait } from '../../inspect/chains.js'
import { durationInWords } from '../../inspect/durations-in-words.js'
import type { Finding } from '../../inspect/findings.js'
import { titled } from '../../inspect/server-lock.js'
import { sessionInBrief, stateInWords } from '../../inspect/session-in-words.js'
import type { Channel } from '../terminal.js'
import { wrap } from '../wrap.js'
import { printable } from '../../base/printable.js'

/** The most branches to draw below one session; the others are counted. */
const MOST_BRANCHES = 10

/** Who blocks whom, as trees with the roots on top. */
export function chainLines(chains: readonly Chain[], channel: Channel): string[] {
  return chains.flatMap((chain) => {
    const who = channel.paint('bold', printable(sessionInBrief(chain.session)))
    return [`${who} ${printable(rootInWords(chain))}`, ...branchLines(chain.blocked, '', channel)]
  })
}

function branchLines(chains: readonly Chain[], indent: string, channel: Channel): string[] {
  const shown = chains.slice(0, MOST_BRANCHES)
  const left = chains.length - shown.length
  const lines = shown.flatMap((chain, i) => {
    const isLast = i === shown.length - 1 && left === 0
    const text = printable(`${sessionInBrief(chain.session)} ${waitInWords(chain.wait!)}`)
    return [
      `${indent}${isLast ? '└─' : '├─'} ${text}`,
      ...branchLines(chain.blocked, `${indent}${isLast ? '   ' : '│  '}`, channel),
    ]
  })
  return left === 0 ? lines : [...lines, `${indent}└─ and ${left} more`]
}

/** For a session that does not wait. */
export function rootInWords(chain: Chain): string {
  const doing = stateInWords(chain.session)
  return `blocks ${blockedCount(chain)}${doing === null ? '' : `, ${doing}`}`
}

export function waitInWords({ lock, mode, waitedMs, isOutside }: ChainWait): string {
  const how = [
    mode,
    waitedMs === null ? null : durationInWords(waitedMs),
    isOutside ? 'in its process' : null,
  ]
  return `waits for ${titled(lock)} (${how.filter((each) => each !== null).join(', ')})`
}

/** Each finding is a sentence, with the advice below it. */
export function findingLines(findings: readonly Finding[], channel: Channel, width: number): string[] {
  return findings.flatMap(({ severity, text, advice, endPid }) => {
    const [mark, paint] = severity === 'problem' ? (['✗', 'red'] as const) : (['!', 'yellow'] as const)
    const sentence = wrap(printable(text), width - 2).map((line, i) => `${i === 0 ? mark : ' '} ${line}`)
    const end = endPid === null ? '' : ` pg_terminate_backend(${endPid}) ends its session.`
    const below = wrap(printable(advice + end), width - 2).map((line) => `  ${line}`)
    return [
      ...sentence.map((line) => channel.paint(paint, line)),
      ...below.map((line) => channel.paint('dim', line)),
    ]
  })
}
