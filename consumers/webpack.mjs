/**
 * Runs webpack for the project in the given folder, with the configuration in the working directory. The CLI of webpack is a
 * separate package, so this does not use it.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const webpack = createRequire(join(process.argv[2], 'package.json'))('webpack')
const { default: config } = await import(pathToFileURL(join(process.cwd(), 'webpack.config.mjs')).href)

webpack({ ...config, context: process.cwd() }, (error, stats) => {
  if (error !== null) throw error
  if (!stats.hasErrors()) return
  process.stderr.write(stats.toString('errors-only'))
  process.exitCode = 1
})
