import { existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { sharedNow, type Moment, type WorkerEvent } from './history.js'

type Entry = WorkerEvent extends infer Event
  ? Event extends WorkerEvent
    ? Omit<Event, 'at' | 'wall'>
    : never
  : never

/**
 * The events of a worker, in a file. Each line is one write to a file that is opened for appending, made before the
 * worker continues. So a killed worker has lost no event, and a paused one holds none back.
 */
export class Journal {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  write(entry: Entry, at: Moment = sharedNow()): void {
    writeSync(this.#file, `${JSON.stringify({ ...entry, at, wall: Date.now() })}\n`)
  }
}

/**
 * Reads a journal. A kill may cut its last line short; that line is left out. The file may be missing if the kill came
 * early.
 */
export function readJournal(path: string): WorkerEvent[] {
  return existsSync(path) ? parseJournal(readFileSync(path, 'utf8')) : []
}

export function parseJournal(text: string): WorkerEvent[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as WorkerEvent)
}
