import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { settle } from '../../src/testing/manual-clock.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Several rounds, because finalizers run some time after the collection. */
export async function collect(until: () => boolean): Promise<void> {
  for (let round = 0; round < 50 && !until(); round++) {
    collectGarbage()
    await settle()
  }
}
