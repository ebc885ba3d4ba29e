import type { Settings } from './client-settings.js'
import type { Identity } from './identity.js'

/** The same limit as in the pool. */
const MAX_LABEL = 200

/** The client that a lock is for, as it is shown with its holder: `app@10.0.0.7:51234 worker`. */
export class ClientLabel {
  readonly #identity: Identity
  readonly #settings: Settings
  #application: string | null = null
  #text = ''

  constructor(identity: Identity, settings: Settings) {
    this.#identity = identity
    this.#settings = settings
  }

  /** Every lock reads it, so the text is built again only after the application name has changed. */
  get text(): string {
    const application = this.#settings.show('application_name')
    if (application !== this.#application) {
      this.#application = application
      const { user, address } = this.#identity
      this.#text = `${user}@${address} ${application}`.trim().slice(0, MAX_LABEL)
    }
    return this.#text
  }
}
