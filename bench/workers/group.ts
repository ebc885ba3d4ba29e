import { GROUPS } from '../groups.js'
import { Progress } from '../progress.js'
import type { Row } from '../row.js'
import { serve } from '../worker.js'

/** The group of rows to measure. */
export interface GroupQuestion {
  readonly name: string
  readonly url: string
  readonly rounds: number
  readonly seconds: number
}

serve(
  async ({ name, ...bench }: GroupQuestion): Promise<Row[]> => {
    const progress = new Progress(process.stdout)
    const group = GROUPS.find((each) => each.name === name)!
    progress.begin(name)
    try {
      return [...(await group.run({ ...bench, say: (what) => progress.say(what) }))]
    } finally {
      progress.end()
    }
  },
  () => Promise.resolve(),
)
