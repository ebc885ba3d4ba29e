/**
 * `lockpool top`, with something to see: npm run try
 *
 * The programs of the picture in docs/guides/terminal.svg, on a PostgreSQL of their own. Everything is gone after `q`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { LOCKPOOL, withScene } from './terminal/scene.mjs'

// The program hears of ctrl-C itself, and the rest is to be taken down in order.
process.on('SIGINT', () => undefined)
process.stderr.write('starting a PostgreSQL, and nine programs that lock in it ...\n')
process.exitCode = await withScene(async (env) => {
  const [code] = await once(spawn(process.execPath, [LOCKPOOL, 'top'], { env, stdio: 'inherit' }), 'exit')
  return code ?? 1
})
