/**
 * Writes the modules of the page as text into the module of dist that serves them. `tsc` has left the modules in
 * .build. A bundle has no folder next to it to read from, so the text makes the page part of every bundle that serves
 * it. The modules are minified, because browsers load them.
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

// The source map of the file that `tsc` wrote there.
rmSync(new URL('dist/dashboard/page-modules.js.map', root), { force: true })
