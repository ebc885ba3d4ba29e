import type { LeaderInfo, LeaderRecord } from '../dialect/leader.js'

/** The records of leaders, in memory. */
export class FakeLeaders {
  readonly #records = new Map<string, LeaderRecord & { readonly since: Date }>()

  /** An older leader does not overwrite a newer one. */
  record(record: LeaderRecord, since: Date): void {
    const stored = this.#records.get(record.key.id)
    if (stored === undefined || stored.token < record.token)
      this.#records.set(record.key.id, { ...record, since })
  }

  /** `holder` is the session that holds the key. */
  read(keyId: string, holder: number): LeaderInfo {
    const stored = this.#records.get(keyId)
    if (stored?.session !== holder) return { name: null, token: null, since: null }
    const { name, token, since } = stored
    return { name, token, since }
  }
}
