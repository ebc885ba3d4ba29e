import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'

/**
 * A line of input means that the child process has ended. The end of the input without a line means that its parent has
 * ended.
 */
const WATCH = 'read -r line && exit; kill -9 "$1"; [ -z "$2" ] || { sleep 1; rm -rf -- "$2"; }'

/**
 * Ends a child process, and removes its folder, when this process ends, even if SIGKILL ends it. A shell does that: the
 * end of its input shows the death. The shell has its own session, so Ctrl-C does not reach it. The child stays a direct
 * child of this process, which sends it signals and gets its exit code.
 */
export function endWithParent(child: ChildProcess, folder = ''): void {
  // A program that could not be started has no process id.
  if (child.pid === undefined) return
  const watch = spawn('sh', ['-c', WATCH, 'sh', String(child.pid), folder], {
    cwd: tmpdir(),
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watch.once('error', () => undefined)
  watch.stdin.on('error', () => undefined)
  // Neither may keep this process alive.
  watch.unref()
  ;(watch.stdin as Socket).unref()
  child.once('exit', () => watch.stdin.end('ended\n'))
}
