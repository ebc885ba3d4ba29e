import { systemClock } from '../../src/base/clock.js'
import { FakeServer } from '../../src/testing/fake-server.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { SimRowDialect } from '../simulation/rows/row-dialect.js'
import { RowWorld } from '../simulation/rows/row-world.js'
import { describeLockLink } from './lock-link.contract.js'

describeLockLink('the rows of the simulation', async () => {
  const server = new FakeServer()
  const { rows, send, hear } = new RowWorld(server, systemClock, new SeededRandom(1))
  return {
    factory: server.factory,
    dialect: new SimRowDialect({
      name: 'a contract test',
      clock: systemClock,
      random: new SeededRandom(2),
      server: rows,
      send,
      arrive: (told) => told(),
      hear,
      isNotified: true,
    }),
    leftovers: async () => rows.named,
    terminate: async (serverId) => rows.abandon(serverId),
    close: async () => undefined,
  }
})
