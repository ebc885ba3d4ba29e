/** The files of this repository, as the tidy test reads them. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url))

const NOT_OURS: ReadonlySet<string> = new Set(['node_modules', 'dist', 'coverage', '.build', '.git'])

export interface RepositoryFile {
  /** Relative to the root, with slashes. */
  readonly path: string
  readonly text: string
}

export interface Page extends RepositoryFile {
  /** The text without the contents of fenced blocks. */
  readonly prose: string
}

/** Every file below `folder` whose name ends in `ending`, in the order of their paths. */
export function filesOf(folder: string, ending: string): RepositoryFile[] {
  return pathsOf(join(ROOT, folder))
    .map((path) => relative(ROOT, path).split(sep).join('/'))
    .filter((path) => path.endsWith(ending))
    .toSorted()
    .map((path) => ({ path, text: read(path) }))
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

export function pages(): Page[] {
  return filesOf('.', '.md').map((page) => ({ ...page, prose: page.text.replaceAll(FENCED, '') }))
}

const FENCED = /^```[\s\S]*?^```$/gm

/** The blocks of one language on a page. */
export function blocks(text: string, language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm')
  return [...text.matchAll(fence)].map((match) => match[1]!)
}

/** The rows of every table on a page, without headings. Cells are unchanged. */
export function tableRows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  return lines
    .filter((line, i) => !isRule(line) && !isRule(lines[i + 1]))
    .map((line) => line.slice(1, line.lastIndexOf('|')).split(/(?<!\\)\|/))
    .map((cells) => cells.map((cell) => cell.trim()))
}

function isRule(line: string | undefined): boolean {
  return line !== undefined && /^\|[\s|:-]+$/.test(line)
}

/** The part of a page below one heading, up to the next of the same or a higher rank. */
export function section(text: string, heading: string): string {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.replace(/^#+ /, '') === heading && line.startsWith('#'))
  if (start < 0) throw new Error(`no heading "${heading}"`)
  const rank = /^#+/.exec(lines[start]!)![0].length
  const next = lines.findIndex(
    (line, i) => i > start && /^#+ /.test(line) && /^#+/.exec(line)![0].length <= rank,
  )
  return lines.slice(start + 1, next < 0 ? undefined : next).join('\n')
}

/** The files of this repository that a file imports, as paths from the root. Type imports count too. */
export function importsOf({ path, text }: RepositoryFile): string[] {
  const specifiers = [...text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']+)'/g)]
  return specifiers.map(([, specifier]) => {
    const target = resolve(ROOT, dirname(path), specifier!)
    return relative(ROOT, target).split(sep).join('/').replace(/\.js$/, '.ts')
  })
}

/** The code of a file. Spaces replace its comments and strings, and line breaks stay. */
export function codeOf(text: string): string {
  return text.replaceAll(COMMENT_OR_STRING, (found) => found.replaceAll(/[^\n]/g, ' '))
}

/** The string literals of a file, without their quotes. */
export function stringsOf(text: string): string[] {
  return [...text.matchAll(COMMENT_OR_STRING)]
    .map(([found]) => found)
    .filter((found) => !found.startsWith('/'))
    .map((found) => found.slice(1, -1))
}

const COMMENT_OR_STRING =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g

function pathsOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((each) => {
    if (NOT_OURS.has(each.name)) return []
    const path = join(folder, each.name)
    return each.isDirectory() ? pathsOf(path) : [path]
  })
}
