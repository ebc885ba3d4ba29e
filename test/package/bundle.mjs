/**
 * Bundles standard input, as a user of the package does: node bundle.mjs FOLDER FORMAT OUTFILE
 *
 * A warning of the bundler is a failure.
 */
import { text } from 'node:stream/consumers'
import { build } from 'esbuild'

const [resolveDir, format, outfile] = process.argv.slice(2)
// A program that bundles pg as an ES module must define `require`.
const banner = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`
const { warnings } = await build({
  stdin: { contents: await text(process.stdin), resolveDir },
  bundle: true,
  platform: 'node',
  minify: true,
  external: ['pg-native'],
  format,
  outfile,
  ...(format === 'esm' ? { banner: { js: banner } } : {}),
})
if (warnings.length > 0) process.exitCode = 1
