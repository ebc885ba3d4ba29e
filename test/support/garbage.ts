import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { settle } from '../../src/testing/manual-clock.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Several rounds, because finalizers run some time after the collection. A round takes a second on a busy machine. */
export async function collect(until: () => boolean, rounds = 50): Promise<void> {
  for (let round = 0; round < rounds && !until(); round++) {
    collectGarbage()
    await settle()
  }
}

/** Garbage is collected as often as that takes at most, for what must not be found. */
export const collectInVain = (): Promise<void> => collect(() => false, 10)
