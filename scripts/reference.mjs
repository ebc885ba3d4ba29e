/**
 * Writes docs/reference/api.md and the pages below it from the docstrings of the exports, and docs/reference/cli.md
 * from the help of the program: npm run docs:reference
 *
 * With `--check` it writes nothing. It fails if a page is out of date or an export has no docstring.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { resolveConfig } from 'prettier'
import { arrange } from './reference/pages.mjs'
import { cliPage } from './reference/cli-page.mjs'
import { withTypes } from './reference/read-types.mjs'
import { layOut } from './reference/lay-out.mjs'
import { renderIndex, renderPage } from './reference/render.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FOLDER = 'docs/reference'

/** `./pool` of the package is made from `src/pool/index.ts`. */
function entryPoints() {
  const { name, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  return Object.entries(exports)
    .filter(([, file]) => file.endsWith('.js'))
    .map(([path, file]) => ({
      specifier: path.replace(/^\./, name),
      slug: path === '.' ? name : basename(path),
      source: file.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'),
    }))
}

/** Returns the text of each page, and the exports that have no docstring. */
async function makeReference() {
  const { pages, silent } = withTypes(ROOT, (types) => {
    const entries = arrange(entryPoints().map((entry) => ({ ...entry, ...types.entry(entry.source) })))
    const exported = entries.flatMap(({ exports }) => exports.map(({ type }) => type))
    return {
      pages: [
        [`${FOLDER}/api.md`, renderIndex(entries)],
        ...entries.map((entry) => [`${FOLDER}/api/${entry.slug}.md`, renderPage(entry)]),
      ],
      silent: exported.filter(({ doc }) => doc.prose === '').map(({ name, path }) => `${name} in ${path}`),
    }
  })
  pages.push([`${FOLDER}/cli.md`, await cliPage(ROOT)])
  const style = await resolveConfig(join(ROOT, 'README.md'))
  return {
    pages: await Promise.all(pages.map(async ([path, text]) => [path, await layOut(text, style)])),
    silent,
  }
}

function current(path) {
  return existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : ''
}

const { pages, silent } = await makeReference()
const old = pages.filter(([path, text]) => current(path) !== text)
if (process.argv.includes('--check')) {
  for (const what of silent) process.stdout.write(`${what} has no docstring\n`)
  for (const [path] of old) process.stdout.write(`${path} is out of date: npm run docs:reference\n`)
  process.exitCode = silent.length + old.length > 0 ? 1 : 0
} else {
  for (const [path, text] of old) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true })
    writeFileSync(join(ROOT, path), text)
    process.stdout.write(`${path}\n`)
  }
}
