import { constants } from 'node:os'

/** Signals that end a program, or that it handles. */
export const CAUGHT_SIGNALS: readonly NodeJS.Signals[] = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
]

type Handler = (signal: NodeJS.Signals) => void

/** Receives all signals to this process until it exits. The handler can be replaced. */
export class SignalDesk {
  handler: Handler = () => undefined

  constructor() {
    for (const signal of CAUGHT_SIGNALS) process.on(signal, () => this.handler(signal))
  }
}

/** The exit code with which shells report a signal. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}
