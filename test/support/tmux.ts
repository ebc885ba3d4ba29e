import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'

export const hasTmux: boolean = ((): boolean => {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

/** The limit of one wait. These calls are synchronous, so the timeout of the test cannot interrupt them. */
const LIMIT_MS = 10_000

/** A terminal without a user. A test can read the screen, and type keys. */
export class VirtualTerminal implements Disposable {
  readonly #socket = `lockpool-${randomBytes(6).toString('hex')}`

  /** Runs a shell, so that a test sees the state in which a program leaves the terminal. */
  constructor(env: NodeJS.ProcessEnv, columns: number, rows: number) {
    const size = ['-x', String(columns), '-y', String(rows)]
    const shell = ['sh', '-c', "PS1='ready> ' exec sh"]
    execFileSync('tmux', ['-L', this.#socket, '-f', '/dev/null', 'new-session', '-d', ...size, ...shell], {
      env,
      timeout: LIMIT_MS,
    })
  }

  type(...keys: string[]): void {
    this.#tmux('send-keys', '-t', '0', ...keys)
  }

  get screen(): string {
    return this.#tmux('capture-pane', '-t', '0', '-p')
  }

  async shows(text: string | RegExp): Promise<void> {
    await expect.poll(() => this.screen, { timeout: 10_000 }).toMatch(text)
  }

  /** Whether the program uses the alternate screen, which disappears when the program ends. */
  get isOnOtherScreen(): boolean {
    return this.#tmux('display-message', '-p', '-t', '0', '#{alternate_on}').trim() === '1'
  }

  /** The process id of the program that the shell runs. */
  get child(): number {
    const shell = this.#tmux('display-message', '-p', '-t', '0', '#{pane_pid}').trim()
    return Number(execFileSync('pgrep', ['-P', shell], { encoding: 'utf8', timeout: LIMIT_MS }).trim())
  }

  [Symbol.dispose](): void {
    this.#tmux('kill-server')
  }

  #tmux(...args: string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, ...args], { encoding: 'utf8', timeout: LIMIT_MS })
  }
}
