import type { Member } from './member.js'

/**
 * Members of this process that have ended while the server was unavailable, so the server does not know it. Their locks would
 * be free only after other members have missed their heartbeats for a lease. So the next member of this process reports their
 * end.
 */
export class UnreportedMembers {
  readonly #ids = new Set<string>()

  async abandon(member: Member): Promise<void> {
    if (!(await member.abandon())) this.#ids.add(String(member.id))
  }

  async abandonWith(next: Member): Promise<void> {
    const ids = [...this.#ids]
    this.#ids.clear()
    const done = await Promise.all(ids.map((id) => next.abandonOther(id)))
    for (const [i, id] of ids.entries()) if (!done[i]) this.#ids.add(id)
  }
}
