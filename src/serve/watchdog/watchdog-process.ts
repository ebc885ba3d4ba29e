/**
 * The watchdog of a front, a process of its own. A front that hangs can't tell its clients that their locks are about to be
 * lost, and a library that hangs does so with its holder, but a front does not. So a front that has been silent for half a
 * lease is killed: then the kernel closes the connections of its clients, who know in time.
 *
 * Arguments: the process id of the front, and how long it may be silent, in milliseconds.
 */
import { systemClock } from '../../base/clock.js'
import { Silence, TICKS } from './heartbeat-silence.js'

const processId = Number(process.argv[2])
const tickMs = Number(process.argv[3]) / TICKS
const silence = new Silence()

// The end of the front is the end of its watchdog.
process.stdin.on('end', () => process.exit(0))
process.stdin.on('data', () => silence.heard())

function tick(): void {
  if (!silence.tick()) {
    systemClock.after(tickMs, tick)
    return
  }
  // Once a front has ended its number may belong to another process.
  if (process.ppid === processId) process.kill(processId, 'SIGKILL')
  process.exit(0)
}

systemClock.after(tickMs, tick)
