/**
 * Draws docs/guides/terminal.svg: npm run docs:terminal [-- FILE]
 *
 * Shows `lockpool top` in a real terminal, tmux, while programs lock in a PostgreSQL that the script starts.
 */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { runsOf } from './terminal/ansi.mjs'
import { LOCKPOOL, withScene } from './terminal/scene.mjs'
import { svgOf } from './terminal/svg.mjs'

const FILE = process.argv[2] ?? fileURLToPath(new URL('../docs/guides/terminal.svg', import.meta.url))
const SIZE = { columns: 124, rows: 19 }

/** The keys that are typed before each screen. */
const SCREENS = [[], ['Down', 'Down', 'v'], ['v', '3']]

function hasTmux() {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Captures the screens of `lockpool top` with their colors, one after each list of keys. */
async function record(env) {
  const name = `lockpool-picture-${randomBytes(6).toString('hex')}`
  const { NO_COLOR: _, TMUX: __, ...clean } = { ...env, LANG: 'C.UTF-8' }
  const tmux = (...args) =>
    execFileSync('tmux', ['-u', '-L', name, '-f', '/dev/null', ...args], { env: clean, encoding: 'utf8' })
  const shell = ['sh', '-c', `'${process.execPath}' '${LOCKPOOL}' top; cat`]
  tmux('new-session', '-d', '-x', String(SIZE.columns), '-y', String(SIZE.rows), ...shell)
  try {
    // Waits some seconds, so that `lockpool top` shows how long the programs have waited.
    await sleep(7000)
    const screens = []
    for (const keys of SCREENS) {
      for (const key of keys) tmux('send-keys', '-t', '0', key)
      await sleep(1000)
      screens.push(tmux('capture-pane', '-t', '0', '-e', '-p').replace(/\n$/, ''))
    }
    return screens
  } finally {
    tmux('kill-server')
  }
}

if (hasTmux()) {
  const screens = await withScene(record, { pauseMs: 1000 })
  writeFileSync(FILE, svgOf(screens.map(runsOf), { columns: SIZE.columns, title: 'lockpool top' }))
} else {
  process.stderr.write('tmux is the terminal that the picture is taken of, and it is not installed\n')
  process.exitCode = 1
}
