/**
 * Ending a process so that others can go on at once: no lock that waits for a lease to run out, no work cut in half.
 *
 * The order matters: first no more work comes in, then what is under way ends, then `locks.close()` hands leadership over
 * and gives up what is left. It refuses new work by itself and always settles, so that is a matter of three lines. `graceMs`
 * should be less than what the platform waits before it kills (Kubernetes: 30 s).
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

/** `stopIntake` resolves when no work comes any more and none is under way. Resolves when everything is given back. */
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

/** Once: whoever presses Ctrl-C again means it. With everything closed, the process ends by itself. */
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
