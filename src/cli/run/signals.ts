import { constants } from 'node:os'

/** What others send to a program to end it, or to tell it something. */
export const CAUGHT_SIGNALS: readonly NodeJS.Signals[] = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
]

type Handler = (signal: NodeJS.Signals) => void

/** Receives what is sent to this process from now on until it exits. What is done about it changes on the way. */
export class SignalDesk {
  handler: Handler = () => undefined

  constructor() {
    for (const signal of CAUGHT_SIGNALS) process.on(signal, () => this.handler(signal))
  }
}

/** As shells report it. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}
