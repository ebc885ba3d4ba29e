/**
 * For `npm pack` in a clone: node scripts/package/in-place.mjs enter|leave
 *
 * `enter` replaces dist with the modules and types of .build/package, and `leave` puts the readable ones back. So `npm
 * pack` in a clone makes the tarball that is published.
 */
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const dist = join(ROOT, 'dist')
const readable = join(ROOT, '.build/dist-readable')

if (process.argv[2] === 'enter') {
  rmSync(readable, { recursive: true, force: true })
  renameSync(dist, readable)
  cpSync(join(ROOT, '.build/package/dist'), dist, { recursive: true })
} else if (existsSync(readable)) {
  rmSync(dist, { recursive: true, force: true })
  renameSync(readable, dist)
}
