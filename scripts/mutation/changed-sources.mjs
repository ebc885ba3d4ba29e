import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Instrumenter } from '@stryker-mutator/instrumenter'
import stryker from '../../stryker.config.mjs'

const SILENT = { isDebugEnabled: () => false, debug() {}, info() {}, warn() {} }

/**
 * The sources with all changes of StrykerJS, each switched off. `globalThis.__stryker__.activeMutant` switches one on.
 *
 * @returns {Promise<{ texts: Map<string, string>, changes: object[] }>} the texts by absolute path
 */
export async function changedSources(paths) {
  const inputs = paths.map((path) => {
    const name = resolve(path)
    return { name, mutate: true, content: readFileSync(name, 'utf8') }
  })
  const options = { ...stryker.mutator, ignorers: [], plugins: null, noHeader: false }
  const { files, mutants } = await new Instrumenter(SILENT).instrument(inputs, options)
  const pathOf = new Map(inputs.map(({ name }, i) => [name, paths[i]]))
  return {
    texts: new Map(files.map(({ name, content }) => [name, content])),
    changes: mutants
      .filter(({ status }) => status !== 'Ignored')
      .map(({ id, fileName, location, mutatorName, replacement }) => ({
        id,
        path: pathOf.get(fileName),
        line: location.start.line + 1,
        column: location.start.column + 1,
        end: `${location.end.line + 1}:${location.end.column + 1}`,
        kind: mutatorName,
        replacement,
      })),
  }
}
