import type { EmbeddedPostgres, EmbeddedPostgresOptions } from '../../src/embedded/index.js'

/** Uses the built package, because the guard of a server is a script that Node.js runs. */
export async function startEmbedded(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const built = new URL('../../dist/embedded/index.js', import.meta.url).href
  const { startEmbeddedPostgres } = (await import(built)) as typeof import('../../src/embedded/index.js')
  return startEmbeddedPostgres(options)
}

/** A server for one test, which may restart, kill or fill it. */
export function startServer(settings: Record<string, string | number> = {}): Promise<EmbeddedPostgres> {
  return startEmbedded({ durable: false, settings })
}
