import type { Clock } from '../../base/clock.js'
import { jsonLine, printableLines } from '../../base/printable.js'
import type { LockKey } from '../../dialect/lock-key.js'
import { keyInWords, semaphoreInWords } from '../../dialect/key-words.js'
import type { Channel } from '../terminal.js'
import { RUN_REPORTS, type RunEventName, type RunEvents } from './run-events.js'

export type Report = <Name extends RunEventName>(name: Name, event: RunEvents[Name]) => void

interface Reported {
  readonly names: readonly string[]
  readonly keys: readonly LockKey[]
  readonly permits: number | null
  readonly isJson: boolean
  readonly isVerbose: boolean
}

/** Reports each step: as one JSON object per line, or as sentences, of which `isVerbose` shows all. */
export function reporter(channel: Channel, clock: Clock, order: Reported): Report {
  if (order.isJson) {
    const { names } = order
    const about = { key: names.join(', '), ...(names.length > 1 ? { keys: names } : {}) }
    return (name, event) => {
      const at = new Date(clock.instant().wall).toISOString()
      channel.write(`${jsonLine({ version: 1, event: name, at, ...about, ...event })}\n`)
    }
  }
  const inWords = order.permits === null ? keyInWords : semaphoreInWords
  const lock = order.keys.map(inWords).join(', ')
  return (name, event) => {
    const { shown, text } = RUN_REPORTS[name]
    const isShown = shown === 'always' || order.isVerbose || (shown === 'on a terminal' && channel.isTerminal)
    if (!isShown) return
    const paint = shown === 'always' ? 'red' : 'dim'
    channel.write(`${channel.paint(paint, 'lockpool:')} ${printableLines(text(event, lock))}\n`)
  }
}
