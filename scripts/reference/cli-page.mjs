/** The page about the program `lockpool`, made from the tables that also print its help. */
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const INTRODUCTION = `# The command line

\`lockpool\` takes locks from a shell, shows the locks of a database, and sets a database up. It comes with the package: \`npx lockpool COMMAND\`, or \`npm install --global lockpool\`. This page is made from the help texts; \`lockpool COMMAND --help\` prints the same.

Every command finds the database by \`--url\`, then \`LOCKPOOL_URL\`, then \`DATABASE_URL\`, then the \`PG*\` variables. Results go to standard output, everything else to standard error.`

/** Compiles the command table, because Node.js 20 cannot run TypeScript, and loads every command. */
async function loadCommands(root) {
  mkdirSync(join(root, '.build'), { recursive: true })
  const folder = mkdtempSync(join(root, '.build', 'cli-page-'))
  try {
    const outfile = join(folder, 'command-table.mjs')
    await build({
      entryPoints: [join(root, 'src/cli/command-table.ts')],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'error',
    })
    const { COMMANDS } = await import(pathToFileURL(outfile).href)
    return await Promise.all(COMMANDS.map(async (row) => ({ ...row, ...(await row.load()) })))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export async function cliPage(root) {
  const commands = await loadCommands(root)
  const overview = [
    '| command | purpose |',
    '| --- | --- |',
    ...commands.map(({ name, summary }) => `| [\`${name}\`](#${anchor(name)}) | ${cell(summary)} |`),
  ]
  return [INTRODUCTION, overview.join('\n'), exitCodes(commands), ...commands.map(section)].join('\n\n')
}

function anchor(name) {
  return `lockpool-${name}`
}

/** The meaning of each exit code. If it depends on the command, the row names the commands. */
function exitCodes(commands) {
  const meanings = new Map()
  for (const { name, exitCodes: rows } of commands)
    for (const [code, meaning] of rows) {
      const key = `${code}\0${meaning}`
      const entry = meanings.get(key) ?? { code, meaning, names: [] }
      entry.names.push(name)
      meanings.set(key, entry)
    }
  const rows = [...meanings.values()]
    .toSorted((a, b) => parseInt(a.code, 10) - parseInt(b.code, 10))
    .map(({ code, meaning, names }) => {
      const where = names.length === commands.length ? 'all' : names.map((name) => `\`${name}\``).join(', ')
      return `| ${code} | ${cell(meaning)} | ${where} |`
    })
  return ['## Exit codes', '', '| code | meaning | commands |', '| --- | --- | --- |', ...rows].join('\n')
}

function section({ name, usage, summary, description, flags, environment, examples }) {
  const parts = [
    `## \`lockpool ${name}\``,
    `${summary[0].toUpperCase()}${summary.slice(1)}.`,
    `\`\`\`text\nlockpool ${name} ${usage}\n\`\`\``,
    ...description.map(text),
    flagTable(flags),
  ]
  if (environment.length > 0) parts.push(environmentTable(environment))
  if (examples.length > 0)
    parts.push(`\`\`\`sh\n${examples.map(([command, when]) => `# ${when}\n${command}`).join('\n\n')}\n\`\`\``)
  return parts.filter((part) => part !== '').join('\n\n')
}

function flagTable(flags) {
  const rows = Object.entries(flags).map(([name, { short, value, meaning, default: fallback }]) => {
    const names = [...(short === undefined ? [] : [`-${short}`]), `--${name}`]
    const term = names.map((each, i) => (i === names.length - 1 && value ? `${each} ${value}` : each))
    return `| ${term.map((each) => `\`${each.replaceAll('|', '\\|')}\``).join(', ')} | ${cell(meaning)} | ${cell(fallback ?? '')} |`
  })
  if (rows.length === 0) return ''
  return ['| flag | meaning | default |', '| --- | --- | --- |', ...rows].join('\n')
}

function environmentTable(environment) {
  const rows = environment.map(([names, meaning]) => {
    const terms = names.split(', ').map((name) => `\`${name}\``)
    return `| ${terms.join(', ')} | ${cell(meaning)} |`
  })
  return ['| variable | meaning |', '| --- | --- |', ...rows].join('\n')
}

function text(paragraph) {
  return paragraph.replaceAll(/[<>_*[\]]/g, '\\$&')
}

function cell(words) {
  return text(words).replaceAll('|', '\\|')
}
