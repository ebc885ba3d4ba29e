import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { settle } from '../../src/testing/manual-clock.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/**
 * Collects garbage in several rounds, because finalizers run some time after the collection. On a busy machine a round
 * takes a second.
 */
export async function collect(until: () => boolean, rounds = 50): Promise<void> {
  for (let round = 0; round < rounds && !until(); round++) {
    collectGarbage()
    await settle()
  }
}

/** For a test that expects no finding. Runs as many rounds as a finding can need. */
export const collectInVain = (): Promise<void> => collect(() => false, 10)
