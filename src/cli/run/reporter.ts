import type { Clock } from '../../base/clock.js'
import { jsonLine, printableLines } from '../../base/printable.js'
import type { LockKey } from '../../dialect/lock-key.js'
import { keyInWords } from '../../dialect/key-words.js'
import type { Channel } from '../terminal.js'
import { TELLINGS, type RunEventName, type RunEvents } from './run-events.js'

export type Report = <Name extends RunEventName>(name: Name, event: RunEvents[Name]) => void

/** Tells what happens: one JSON object a line, or sentences, of which the unimportant ones only if `isVerbose`. */
export function reporter(
  channel: Channel,
  clock: Clock,
  order: {
    readonly name: string
    readonly key: LockKey
    readonly isJson: boolean
    readonly isVerbose: boolean
  },
): Report {
  if (order.isJson) {
    return (name, event) => {
      const at = new Date(clock.instant().wall).toISOString()
      channel.write(`${jsonLine({ version: 1, event: name, at, key: order.name, ...event })}\n`)
    }
  }
  const lock = keyInWords(order.key)
  return (name, event) => {
    const { isLoud, text } = TELLINGS[name]
    if (!isLoud && !order.isVerbose) return
    channel.write(
      `${channel.paint(isLoud ? 'red' : 'dim', 'lockpool:')} ${printableLines(text(event, lock))}\n`,
    )
  }
}
