/**
 * Puts the modules of the page, which `tsc` has left in .build, as text into the module of dist that answers them. So the
 * page goes wherever a bundler takes the code that serves it: a bundle has no folder beside it to read from.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const root = new URL('..', import.meta.url)
const target = new URL('dist/dashboard/page-modules.js', root)
const names = readdirSync(new URL('src/dashboard/page/', root))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replace(/ts$/, 'js'))

const entries = names.map((name) => {
  const text = readFileSync(new URL(`.build/dashboard/page/${name}`, root), 'utf8')
  // Source maps are for who debugs the package, and are not served.
  return [name, text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n')]
})
const literal = JSON.stringify(Object.fromEntries(entries), null, 2)
writeFileSync(
  target,
  `const MODULES = new Map(Object.entries(${literal}))\n\nexport function pageModules() {\n  return MODULES\n}\n`,
)
// That of what tsc had written there.
rmSync(new URL('dist/dashboard/page-modules.js.map', root), { force: true })
