/**
 * `lockpool top`, with something to see: npm run try
 *
 * Starts a PostgreSQL and the programs of the picture in docs/guides/terminal.svg. Stops everything after `q`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { LOCKPOOL, withScene } from './terminal/scene.mjs'

// Ctrl-C reaches `lockpool top` itself. This process then stops the rest in order.
process.on('SIGINT', () => undefined)
process.stderr.write('starting a PostgreSQL, and nine programs that lock in it ...\n')
process.exitCode = await withScene(async (env) => {
  const [code] = await once(spawn(process.execPath, [LOCKPOOL, 'top'], { env, stdio: 'inherit' }), 'exit')
  return code ?? 1
})
