import { FakeServer } from '../../src/testing/fake-server.js'
import { describeLockLink } from './lock-link.contract.js'

describeLockLink('the fake server', async () => {
  const server = new FakeServer()
  return {
    factory: server.factory,
    dialect: server.dialect,
    leftovers: async () => server.table.size,
    queued: async () => server.queued,
    terminate: async (serverId) => server.end(server.connection(serverId)),
    close: async () => undefined,
  }
})
