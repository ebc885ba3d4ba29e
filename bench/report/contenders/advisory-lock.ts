import advisoryLock from 'advisory-lock'
import { connectionsOf } from '../connections-of.js'
import { MOST_CONNECTIONS, type Entrant, type Release } from '../contender.js'

/** The package is CommonJS, and its default export is a property of what Node.js imports. */
const { default: connect } = advisoryLock as unknown as { default: (url: string) => CreateMutex }

type CreateMutex = (name: string) => { lock(): Promise<Release> }

const APPLICATION = 'report: advisory-lock'

export const advisoryLocks: Entrant = {
  name: 'advisory-lock',
  setUp: 'the package advisory-lock, which connects for each lock, no tokens',
  needsRedis: false,
  mostHeld: MOST_CONNECTIONS,
  open({ postgres }) {
    const url = new URL(postgres)
    url.searchParams.set('application_name', APPLICATION)
    const createMutex = connect(url.href)
    return Promise.resolve({
      lock: (key) => createMutex(key).lock(),
      connections: () => connectionsOf(postgres, APPLICATION),
      close: () => Promise.resolve(),
    })
  },
}
