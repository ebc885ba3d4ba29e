import type { Channel } from '../terminal.js'

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/**
 * The terminal as one picture: another screen than the one the shell writes to, no cursor, no wrapping, and every key at
 * once. However this process ends, except by SIGKILL, the terminal is restored.
 */
export class FullScreen {
  readonly #channel: Channel
  readonly #onInput: (input: string) => void
  #isOn = false
  readonly #restore = (): void => this.leave()
  readonly #hear = (bytes: Buffer): void => this.#onInput(bytes.toString('utf8'))

  constructor(channel: Channel, onInput: (input: string) => void) {
    this.#channel = channel
    this.#onInput = onInput
  }

  enter(): void {
    if (this.#isOn) return
    this.#isOn = true
    process.on('exit', this.#restore)
    process.stdin.setRawMode?.(true)
    process.stdin.on('data', this.#hear)
    process.stdin.resume()
    this.#channel.write(ENTER)
  }

  leave(): void {
    if (!this.#isOn) return
    this.#isOn = false
    process.off('exit', this.#restore)
    process.stdin.off('data', this.#hear)
    process.stdin.setRawMode?.(false)
    process.stdin.pause()
    this.#channel.write(LEAVE)
  }

  /**
   * Over what was there, line by line: clearing all of it first would flicker. Each line is cleared before it is written,
   * because behind a full one the cursor stands on its last character.
   */
  draw(lines: readonly string[]): void {
    if (!this.#isOn) return
    const text = lines.map((line) => CLEAR_LINE + line).join('\r\n')
    this.#channel.write(HOME + text + CLEAR_BELOW)
  }
}
