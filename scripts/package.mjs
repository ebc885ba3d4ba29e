/**
 * Makes the published package from what `npm run build` has left in dist: node scripts/package.mjs [FOLDER]
 *
 * FOLDER is .build/package by default. The package holds the modules in a few minified files, the types that the entry
 * points reach, and the pages that belong to a package. The source maps of the minified files go to FOLDER-maps, which
 * is not published. With them, `node --enable-source-maps` shows where an error comes from.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './package/bundle.mjs'
import { declarations } from './package/declarations.mjs'
import { publishedPage } from './package/pages.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PAGES = ['README.md', 'SECURITY.md', 'llms.txt']
/** The fields that matter to users of a package. */
const FIELDS = [
  ...['name', 'version', 'description', 'license', 'author', 'repository', 'homepage', 'bugs', 'keywords'],
  ...['type', 'sideEffects', 'engines', 'bin', 'exports', 'dependencies', 'peerDependencies'],
  'peerDependenciesMeta',
]

const folder = resolve(process.argv[2] ?? join(ROOT, '.build/package'))
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const entries = Object.values(manifest.exports).filter((path) => path.endsWith('.js'))

rmSync(folder, { recursive: true, force: true })
rmSync(`${folder}-maps`, { recursive: true, force: true })
const { modules, maps } = await bundle(ROOT, [...entries, ...Object.values(manifest.bin)])
writeAll(folder, modules)
writeAll(`${folder}-maps`, maps)
writeAll(folder, declarations(ROOT, entries))
writeAll(
  folder,
  new Map(
    PAGES.map((path) => [path, publishedPage(readFileSync(join(ROOT, path), 'utf8'), PAGES, manifest)]),
  ),
)
cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
const published = Object.fromEntries(
  FIELDS.filter((field) => field in manifest).map((field) => [field, manifest[field]]),
)
writeAll(folder, new Map([['package.json', `${JSON.stringify(published, null, 2)}\n`]]))

function writeAll(target, files) {
  for (const [path, content] of files) {
    mkdirSync(dirname(join(target, path)), { recursive: true })
    writeFileSync(join(target, path), content)
  }
}
