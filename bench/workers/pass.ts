import { ENTRANTS } from '../report/entrants.js'
import { serveTurns } from '../turns.js'

const [postgres = '', redis = ''] = process.argv.slice(2)

serveTurns((name) => {
  const entrant = ENTRANTS.find((each) => each.name === name)!
  return entrant.open({ postgres, redis: redis === '' ? null : redis })
})
