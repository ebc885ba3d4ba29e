import { cpuUsage } from 'node:process'
import { openFront } from '../../src/cli/serve/open-front.js'
import { serve } from '../worker.js'
import type { FrontAnswer } from './front-terms.js'

const [url = ''] = process.argv.slice(2)

const open = await openFront(
  {
    host: '127.0.0.1',
    port: 0,
    max: 5,
    maxClients: 10_000,
    usersFile: null,
    authQuery: null,
    tls: null,
    others: { kind: 'refuse' },
    mayPin: false,
    leaseMs: 60_000,
    isStrict: false,
    graceMs: 0,
    loginTimeoutMs: 10_000,
    idleTimeoutMs: Infinity,
    metrics: null,
    isDev: false,
    isJson: false,
    url: undefined,
    namespace: '',
  },
  url,
  (message) => {
    throw new Error(message)
  },
)
const { port } = await open.front.listen()

serve(
  (): Promise<FrontAnswer> => {
    const { user, system } = cpuUsage()
    return Promise.resolve({ port, cpuMicroseconds: user + system })
  },
  async () => {
    await open.front.drain(Promise.resolve())
    await open.close()
  },
)
