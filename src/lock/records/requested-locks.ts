import type { ReleaseRequest } from '../../dialect/release-request.js'
import type { Lock } from '../handle/lock.js'
import type { Reporting } from './session-reports.js'

/** The locks or the permit of this process that another program asks for. */
export function requestedLocks(
  { serverId, keyId, permit }: ReleaseRequest,
  locks: Reporting['locks'],
  semaphores: Reporting['semaphores'],
): readonly Lock[] {
  if (permit === null) {
    for (const { session, key, holders } of locks)
      if (session?.link.serverId === serverId && key.id === keyId) return [...holders]
    return []
  }
  for (const { session, semaphore, holders } of semaphores)
    if (session?.link.serverId === serverId && semaphore.key.id === keyId)
      return holders.filter(({ place }) => place === permit - 1)
  return []
}
