import { REPORTED, type Settings, type SettingsMark } from './client-settings.js'

/** Reports settings to a client when they change. */
export class Reported {
  readonly #settings: Settings
  readonly #user: string
  /** The values that have been reported after the start of the session. */
  #reported: Map<string, string> | null = null
  #mark: SettingsMark

  constructor(settings: Settings, user: string) {
    this.#settings = settings
    this.#user = user
    this.#mark = settings.mark
  }

  /** All reported settings that the server has, for the start of the session. */
  *all(): Iterable<readonly [name: string, value: string]> {
    for (const name of REPORTED) {
      const value = this.#value(name)
      if (value !== null) yield [this.#settings.properName(name), value]
    }
  }

  /** The reported settings that have changed since the last call. */
  *changes(): Iterable<readonly [name: string, value: string]> {
    const mark = this.#settings.mark
    const isSame = mark.session === this.#mark.session && mark.local === this.#mark.local
    const before = this.#mark
    this.#mark = mark
    if (isSame) return
    for (const name of REPORTED) {
      const isTouched = [before.session, before.local, mark.session, mark.local].some((each) =>
        each.has(name),
      )
      const value = isTouched ? this.#value(name) : null
      if (value === null || value === this.#reported?.get(name)) continue
      this.#reported ??= new Map()
      this.#reported.set(name, value)
      yield [this.#settings.properName(name), value]
    }
  }

  #value(name: string): string | null {
    if (name === 'session_authorization') return this.#user
    try {
      return this.#settings.show(name)
    } catch {
      // An older server does not have this setting.
      return null
    }
  }
}
