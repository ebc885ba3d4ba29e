import type { Channel } from '../terminal.js'

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/**
 * Shows the terminal as one picture: on the alternate screen, without a cursor and without wrapping. It reads each key at
 * once. It restores the terminal however this process ends, except after SIGKILL.
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
   * Draws over the previous picture, line by line: clearing the whole screen first would flicker. It clears each line before
   * it writes it, because after a full line the cursor is on its last character.
   */
  draw(lines: readonly string[]): void {
    if (!this.#isOn) return
    const text = lines.map((line) => CLEAR_LINE + line).join('\r\n')
    this.#channel.write(HOME + text + CLEAR_BELOW)
  }
}
