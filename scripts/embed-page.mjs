/**
 * Puts the modules of the page, which `tsc` has left in .build, as text into the module of dist that serves them. So the
 * page goes wherever a bundler takes the code that serves it: a bundle has no folder next to it to read from. They are
 * minified, because browsers load them.
 */
import { transformSync } from 'esbuild'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const root = new URL('..', import.meta.url)
const target = new URL('dist/dashboard/page-modules.js', root)
const names = readdirSync(new URL('src/dashboard/page/', root))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replace(/ts$/, 'js'))

const entries = names.map((name) => {
  const text = readFileSync(new URL(`.build/dashboard/page/${name}`, root), 'utf8')
  return [name, transformSync(text, { minify: true, charset: 'utf8', legalComments: 'none' }).code]
})
const literal = JSON.stringify(Object.fromEntries(entries), null, 2)
writeFileSync(
  target,
  `const MODULES = new Map(Object.entries(${literal}))\n\nexport function pageModules() {\n  return MODULES\n}\n`,
)

const style = new URL('dist/dashboard/page-style.js', root)
const { PAGE_STYLE } = await import(style.href)
const { code } = transformSync(PAGE_STYLE, { loader: 'css', minify: true, charset: 'utf8' })
writeFileSync(style, `export const PAGE_STYLE = ${JSON.stringify(code)}\n`)

// That of what tsc had written there.
rmSync(new URL('dist/dashboard/page-modules.js.map', root), { force: true })
