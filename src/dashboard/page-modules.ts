import { readdirSync, readFileSync } from 'node:fs'

/**
 * The modules of the page, as text, by their names. This is how they are had where the sources run as they are, as in tests:
 * from where `npm run build` has compiled them to. In the package `scripts/embed-page.mjs` has put a module in the place of
 * this one that has the texts in it, so that no bundler can lose them.
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
