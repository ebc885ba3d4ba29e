import type { EmbeddedPostgres } from '../../src/embedded/index.js'

/** A server of a test's own, to be restarted, killed or filled. As built: its guard is a script that node runs. */
export async function startServer(settings: Record<string, string | number> = {}): Promise<EmbeddedPostgres> {
  const built = new URL('../../dist/embedded/index.js', import.meta.url).href
  const { startEmbeddedPostgres } = (await import(built)) as typeof import('../../src/embedded/index.js')
  return startEmbeddedPostgres({ durable: false, settings })
}
