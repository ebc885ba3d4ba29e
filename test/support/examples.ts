/** The examples of the documents, as files that the compiler can check. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { blocks, pages, ROOT } from './repository.js'

const FOLDER = join(ROOT, '.build', 'examples')

/** What an example may use without saying where it comes from, as its page does in words. */
const GIVEN = `
declare const locks: import('lockpool').LockPool
declare const signal: AbortSignal
declare function work(): Promise<void>
`

const COMPILER = {
  extends: '../../tsconfig.json',
  compilerOptions: {
    noEmit: true,
    isolatedDeclarations: false,
    declaration: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    paths: {
      lockpool: ['../../src/index.ts'],
      'lockpool/pool': ['../../src/pool/index.ts'],
      'lockpool/testing': ['../../src/testing.ts'],
      'lockpool/embedded': ['../../src/embedded/index.ts'],
      'lockpool/telemetry': ['../../src/telemetry/index.ts'],
      'lockpool/dashboard': ['../../src/dashboard.ts'],
    },
  },
  include: ['*.ts'],
}

/** How many there are, and what the compiler says about them: nothing, if all is well. */
export function checkExamples(): { readonly count: number; readonly complaints: string } {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  let count = 0
  for (const { path, text } of pages()) {
    blocks(text, 'ts').forEach((code, i) => {
      const name = `${path.replaceAll('/', '-').replace(/\.md$/, '')}-${i + 1}.ts`
      // Each is a module of its own, so that names don't collide.
      writeFileSync(join(FOLDER, name), `${code}\nexport {}\n`)
      count++
    })
  }
  writeFileSync(join(FOLDER, 'given.d.ts'), GIVEN)
  writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(COMPILER))
  return { count, complaints: compile() }
}

function compile(): string {
  try {
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', FOLDER], {
      cwd: ROOT,
    })
    return ''
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout ?? error)
  }
}
