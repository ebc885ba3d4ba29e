import type { WriteStream } from 'node:tty'

const ERASE_LINE = '\r\x1b[K'

/** Shows what is being measured. On a terminal it overwrites one line, in a log it writes one line per group. */
export class Progress {
  readonly #out: WriteStream
  #group = ''

  constructor(out: WriteStream) {
    this.#out = out
  }

  begin(group: string): void {
    this.#group = group
    if (!this.#out.isTTY) this.#out.write(`measuring ${group}\n`)
  }

  say(what: string): void {
    if (!this.#out.isTTY) return
    const line = `measuring ${this.#group}: ${what}`
    this.#out.write(ERASE_LINE + line.slice(0, this.#out.columns - 1))
  }

  end(): void {
    if (this.#out.isTTY) this.#out.write(ERASE_LINE)
  }
}
