/** The examples of the pages, as files for the compiler and as programs. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { blocks, pages, ROOT } from './repository.js'

/** Declarations for names that an example uses without defining them, as its page explains. */
const GIVEN = `
declare const locks: import('lockpool').LockPool
declare const signal: AbortSignal
declare function work(): Promise<void>
`

const COMPILER_OPTIONS = {
  isolatedDeclarations: false,
  declaration: false,
  noUnusedLocals: false,
  noUnusedParameters: false,
  // NestJS only has decorators of this kind.
  experimentalDecorators: true,
  erasableSyntaxOnly: false,
}

const SOURCES = {
  lockpool: ['../../src/index.ts'],
  'lockpool/pool': ['../../src/pool/index.ts'],
  'lockpool/testing': ['../../src/testing.ts'],
  'lockpool/embedded': ['../../src/embedded/index.ts'],
  'lockpool/advanced': ['../../src/advanced.ts'],
  'lockpool/telemetry': ['../../src/telemetry/index.ts'],
  'lockpool/dashboard': ['../../src/dashboard.ts'],
  'lockpool/mysql': ['../../src/mysql.ts'],
}

interface Example {
  /** The name of the file, without its extension. */
  readonly name: string
  readonly page: string
  readonly code: string
}

/** Returns the number of examples, and the errors of the compiler. */
export function checkExamples(): { readonly count: number; readonly complaints: string } {
  const all = examples()
  const folder = write('examples', all, { ...COMPILER_OPTIONS, noEmit: true, paths: SOURCES })
  try {
    compile(folder)
    return { count: all.length, complaints: '' }
  } catch (error) {
    return { count: all.length, complaints: String((error as { stdout?: unknown }).stdout ?? error) }
  }
}

export function pagesWithExamples(): string[] {
  return [...new Set(examples().map(({ page }) => page))]
}

/** The programs of each page in order, compiled against the built package as a user would. */
export function compileToRun(): Map<string, string[]> {
  const all = examples().map((example) => ({ ...example, code: hereInsteadOf(example.code) }))
  const folder = write('documents', all, { ...COMPILER_OPTIONS, noEmit: false, rootDir: '.', paths: {} })
  compile(folder)
  const programs = new Map<string, string[]>()
  for (const { page, name } of all)
    programs.set(page, [...(programs.get(page) ?? []), join(folder, `${name}.js`)])
  return programs
}

/** Replaces the addresses in an example by the server of the tests, and its port by any free port. */
function hereInsteadOf(code: string): string {
  return code
    .replaceAll(/'postgres:\/\/(?:localhost\/app|app@db1,db2[^']*)'/g, `process.env['DATABASE_URL']!`)
    .replaceAll(/\.listen\(\d+/g, '.listen(0')
}

function examples(): Example[] {
  return pages().flatMap(({ path, text }) =>
    blocks(text, 'ts').map((code, i) => ({
      name: `${path.replaceAll('/', '-').replace(/\.md$/, '')}-${i + 1}`,
      page: path,
      code,
    })),
  )
}

function write(folderName: string, all: readonly Example[], compilerOptions: object): string {
  const folder = join(ROOT, '.build', folderName)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  // Each example is a separate module, so that names do not collide.
  for (const { name, code } of all) writeFileSync(join(folder, `${name}.ts`), `${code}\nexport {}\n`)
  writeFileSync(join(folder, 'given.d.ts'), GIVEN)
  const config = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  return folder
}

function compile(folder: string): void {
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder], { cwd: ROOT })
}
