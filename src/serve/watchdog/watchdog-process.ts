/**
 * The watchdog of a front, a separate process. A front that hangs can't tell its clients that they are about to lose their
 * locks. (If a program with the library hangs, the holder hangs too.) So the watchdog kills a front that has been silent for
 * half a lease: then the kernel closes the connections of its clients, and they learn in time.
 *
 * Arguments: the process id of the front, and how long it may be silent, in milliseconds.
 */
import { systemClock } from '../../base/clock.js'
import { Silence, TICKS } from './heartbeat-silence.js'

const processId = Number(process.argv[2])
const tickMs = Number(process.argv[3]) / TICKS
const silence = new Silence()

// The watchdog ends with the front.
process.stdin.on('end', () => process.exit(0))
process.stdin.on('data', () => silence.heard())

function tick(): void {
  if (!silence.tick()) {
    systemClock.after(tickMs, tick)
    return
  }
  // After the end of the front, another process may have its pid.
  if (process.ppid === processId) process.kill(processId, 'SIGKILL')
  process.exit(0)
}

systemClock.after(tickMs, tick)
