import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** A declaration file of `tsc`. Each statement begins in the first column, after its comment. */
class Declarations {
  statements
  /** The imported names: for each, the file that it comes from, and its name there. */
  imports = new Map()
  needed = new Set()

  constructor(path, text) {
    this.statements = statementsOf(text)
    for (const { from, names } of this.statements) {
      if (from === null) continue
      for (const { local, name } of names) this.imports.set(local, { from: target(path, from), name })
    }
  }
}

/**
 * The declarations that the entry points reach. All others are internal. Without them the package is smaller, and no
 * user can import or depend on an internal type.
 */
export function declarations(root, entries) {
  const files = new Map()
  const open = (path) => {
    if (!files.has(path)) files.set(path, new Declarations(path, readFileSync(join(root, path), 'utf8')))
    return files.get(path)
  }
  const queue = []
  const need = (path, statement) => {
    const file = open(path)
    if (file.needed.has(statement)) return
    file.needed.add(statement)
    queue.push([path, statement])
  }
  const needName = (path, name) => {
    const file = open(path)
    const declared = file.statements.filter(({ declares }) => declares === name)
    const again = file.statements.filter(
      ({ isExport, names }) => isExport && names.some(({ local }) => local === name),
    )
    for (const statement of [...declared, ...again]) need(path, statement)
    const found = declared.length > 0 ? undefined : file.imports.get(name)
    if (found !== undefined && found.from !== null) needName(found.from, found.name)
  }
  for (const entry of entries.map((path) => posix.normalize(path).replace(/\.js$/, '.d.ts')))
    for (const statement of open(entry).statements) {
      if (statement.from === null || !statement.isExport) need(entry, statement)
      for (const { local } of statement.isExport ? statement.names : []) needName(entry, local)
    }
  while (queue.length > 0) {
    const [path, { from, words }] = queue.pop()
    if (from !== null) continue
    const file = open(path)
    for (const word of words) {
      if (file.imports.has(word) || file.statements.some(({ declares }) => declares === word))
        needName(path, word)
    }
  }
  return new Map(
    [...files].filter(([, { needed }]) => needed.size > 0).map(([path, file]) => [path, written(file)]),
  )
}

function statementsOf(text) {
  const statements = []
  let lines = []
  const end = () => {
    if (lines.length > 0) statements.push(statementOf(lines.join('\n')))
    lines = []
  }
  for (const line of text.trimEnd().split('\n')) {
    const isComment = line.startsWith('/**')
    const begins = isComment || /^(?:import|export|declare|interface|type|abstract)\b/.test(line)
    // A comment belongs to the statement after it.
    if (begins && !/^\s*\*\/$|\*\/$/.test(lines.at(-1) ?? '')) end()
    lines.push(line)
  }
  end()
  return statements
}

function statementOf(text) {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|'[^'\n]*'/g, (part) => (part.startsWith("'") ? part : ''))
  const [, from = null] = /\bfrom '([^']+)';$/.exec(code.trim()) ?? []
  const isExport = /^\s*export\b/.test(code)
  const [, declares = null] =
    /^\s*(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|const|function|enum) (\w+)/.exec(
      code,
    ) ?? []
  return {
    text,
    from,
    isExport,
    declares: from === null ? declares : null,
    names: from === null ? [] : namesOf(code),
    words: new Set(code.replaceAll(/'[^']*'/g, '').match(/\b[A-Za-z_]\w*/g) ?? []),
  }
}

/** The names that an import or an export from another file brings: `import a, { type b, c as d } from '...'`. */
function namesOf(code) {
  const [, single] = /^\s*import (?:type )?(\w+)(?:,| from)/.exec(code) ?? []
  const [, all] = /\* as (\w+)/.exec(code) ?? []
  const [, list = ''] = /\{([^}]*)\}/.exec(code) ?? []
  const listed = list
    .split(',')
    .map((part) => part.trim().replace(/^type /, ''))
    .filter((part) => part !== '')
    .map((part) => part.split(' as '))
    .map(([name, local = name]) => ({ name, local }))
  return [
    ...[single, all].filter((name) => name !== undefined).map((name) => ({ name, local: name })),
    ...listed,
  ]
}

/** Returns null for an import from a package. */
function target(path, from) {
  return from.startsWith('.') ? posix.join(posix.dirname(path), from).replace(/\.js$/, '.d.ts') : null
}

/** Returns the needed statements, and the imports of the names that they use. */
function written({ statements, needed }) {
  const kept = statements.filter((statement) => needed.has(statement))
  const used = new Set(kept.filter(({ from }) => from === null).flatMap(({ words }) => [...words]))
  return statements
    .map((statement) => {
      const { text, from, isExport, names } = statement
      if (from === null || isExport) return needed.has(statement) ? text : null
      const wanted = names.filter(({ local }) => used.has(local))
      if (wanted.length === 0) return null
      return names.length === wanted.length ? text : withNames(text, wanted)
    })
    .filter((text) => text !== null)
    .concat('')
    .join('\n')
}

function withNames(text, wanted) {
  return text.replace(/\{[^}]*\}/, (list) => {
    const parts = list.slice(1, -1).split(',')
    const kept = parts.filter((part) => wanted.some(({ local }) => new RegExp(`\\b${local}\\s*$`).test(part)))
    return `{${kept.join(',')} }`
  })
}
