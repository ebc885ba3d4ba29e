/**
 * Ends a process so that other processes can continue at once: no lock waits for the end of its lease, and no work is
 * cut in half.
 *
 * The order matters: first no more work comes in, then the running work ends, then `locks.close()` hands over
 * leadership and releases what is left. `close` itself refuses new work and always settles, so three lines are enough.
 * `graceMs` should be less than the time after which the platform kills the process (Kubernetes: 30 s).
 *
 * - Fastify:  app.addHook('onClose', () => locks.close({ graceMs: 10_000 }))     // and call app.close() on SIGTERM
 * - NestJS:   a provider with onApplicationShutdown() { return this.locks.close({ graceMs: 10_000 }) }
 *             and app.enableShutdownHooks() in main.ts
 * - Next.js:  in instrumentation.ts, register() { if (process.env.NEXT_RUNTIME === 'nodejs') closeOnSignals(locks, ...) }
 * - Express, node:http: closeOnSignals(locks, () => new Promise((resolve) => server.close(() => resolve())))
 *
 *     DATABASE_URL=postgres://... node examples/graceful-shutdown.ts     # stop it with Ctrl-C
 */
import { fileURLToPath } from 'node:url'
import { LockPool } from 'lockpool'

/** `stopIntake` resolves when no more work comes in and none is running. Resolves when everything is released. */
export async function shutDown(
  locks: LockPool,
  stopIntake: () => Promise<void>,
  graceMs = 10_000,
): Promise<void> {
  try {
    await stopIntake()
  } finally {
    await locks.close({ graceMs })
  }
}

/**
 * Handles only the first signal: a second Ctrl-C ends the process at once. With everything closed, the process ends by
 * itself.
 */
export function closeOnSignals(locks: LockPool, stopIntake: () => Promise<void>): void {
  let isDown = false
  const begin = (): void => {
    if (isDown) return
    isDown = true
    process.off('SIGTERM', begin).off('SIGINT', begin)
    shutDown(locks, stopIntake).catch((error: unknown) => {
      console.error(error)
      process.exitCode = 1
    })
  }
  process.on('SIGTERM', begin).on('SIGINT', begin)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const locks = new LockPool()
  let isStopping = false
  const loop = (async () => {
    while (!isStopping) {
      await locks.withLock('work', () => new Promise((resolve) => setTimeout(resolve, 500)))
      console.log('one more piece of work is done')
    }
  })()
  closeOnSignals(locks, () => {
    isStopping = true
    return loop
  })
}
