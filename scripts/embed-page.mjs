/**
 * Writes the modules of the page as text into the module of dist that serves them. `tsc` has left the modules in
 * .build. A bundle has no folder next to it to read from, so the text makes the page part of every bundle that serves
 * it. The modules are minified, because browsers load them.
 */
import { transformSync } from 'esbuild'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { brotliCompressSync } from 'node:zlib'

const root = new URL('..', import.meta.url)
const names = readdirSync(new URL('src/dashboard/page/', root))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replace(/ts$/, 'js'))

const entries = names.map((name) => {
  const text = readFileSync(new URL(`.build/dashboard/page/${name}`, root), 'utf8')
  return [name, transformSync(text, { minify: true, charset: 'utf8', legalComments: 'none' }).code]
})
writeModule('page-modules.js', 'pageModules', entries, 'new Map(unpack())')

const { pageStyle } = await import(new URL('dist/dashboard/page-style.js', root).href)
const style = transformSync(pageStyle(), { loader: 'css', minify: true, charset: 'utf8' })
writeModule('page-style.js', 'pageStyle', style.code, 'unpack()')

/** A module with one function, which returns `value`. It holds the value compressed: a third of its size. */
function writeModule(file, name, value, returned) {
  const packed = brotliCompressSync(JSON.stringify(value)).toString('base64')
  const lines = [
    "import { brotliDecompressSync } from 'node:zlib'",
    `const unpack = () => JSON.parse(brotliDecompressSync(Buffer.from('${packed}', 'base64')).toString())`,
    `export const ${name} = () => ${returned}`,
  ]
  writeFileSync(new URL(`dist/dashboard/${file}`, root), `${lines.join('\n')}\n`)
}

// The source map of the file that `tsc` wrote.
rmSync(new URL('dist/dashboard/page-modules.js.map', root), { force: true })
