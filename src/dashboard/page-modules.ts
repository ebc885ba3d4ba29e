import { readdirSync, readFileSync } from 'node:fs'

/**
 * The modules of the page, as text, by name. This version is for runs from the sources, such as tests: it reads the files
 * that `npm run build` has compiled. In the package, `scripts/embed-page.mjs` replaces this module with one that contains the
 * texts, so that no bundler can lose them.
 */
export function pageModules(): ReadonlyMap<string, string> {
  const folder = new URL('../../.build/dashboard/page/', import.meta.url)
  const names = readdirSync(folder).filter((name) => name.endsWith('.js'))
  return new Map(
    names.map((name) => [
      name,
      readFileSync(new URL(name, folder), 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'),
    ]),
  )
}
