import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build } from 'esbuild'

/** Finds a file next to the module that the library starts as a process, or reads. */
const NEXT_TO_IT = /new URL\(\s*["']([\w./-]+)["'],\s*import\.meta\.url\)/g

/**
 * Bundles the modules of dist into a few files. Every entry point keeps its name, and the code that they share is in
 * files next to `dist/`. Names are shortened, except class and property names that users can see: errors set their
 * names as strings.
 */
export async function bundle(root, entries) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [
      ...entries.map((path) => ({ in: path, out: path.replace(/^\.?\/?dist\/|\.js$/g, '') })),
      ...processesOf(root).map((path) => ({ in: path, out: path.replace(/^.*\/|\.js$/g, '') })),
    ],
    ...{ outdir: 'dist', bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20' },
    ...{ packages: 'external', minify: true, charset: 'utf8', legalComments: 'none' },
    ...{ sourcemap: 'external', write: false, logLevel: 'warning', chunkNames: '[hash]' },
    plugins: [narrowSql],
  })
  const files = outputFiles.map(({ path, text }) => [relative(root, path), text])
  const modules = new Map(files.filter(([path]) => path.endsWith('.js')))
  const missing = missingNextTo(modules)
  if (missing.length > 0)
    throw new Error(`these files are not where modules look for them: ${missing.join(', ')}`)
  return { modules, maps: new Map(files.filter(([path]) => path.endsWith('.map'))) }
}

/** Takes the indentation out of SQL texts. No literal in them spans lines. */
const narrowSql = {
  name: 'narrow-sql',
  setup: ({ onLoad }) =>
    onLoad({ filter: /-sql\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(/\n +/g, '\n'),
    })),
}

/** Modules that run as separate processes. No module imports them. */
function processesOf(root) {
  const paths = readdirSync(join(root, 'dist'), { recursive: true }).map((path) => join('dist', path))
  return paths
    .filter((path) => path.endsWith('.js'))
    .flatMap((path) =>
      [...readFileSync(join(root, path), 'utf8').matchAll(NEXT_TO_IT)].map(([, file]) =>
        join(dirname(path), file),
      ),
    )
    .filter((path) => path.endsWith('.js') && existsSync(join(root, path)))
}

function missingNextTo(modules) {
  return [...modules].flatMap(([path, text]) =>
    [...text.matchAll(NEXT_TO_IT)]
      .map(([, file]) => join(dirname(path), file))
      .filter((target) => !modules.has(target) && target !== 'package.json'),
  )
}
