import type { Command } from './command.js'

export interface CommandRow {
  readonly name: string
  readonly summary: string
  /** Imported only when asked for: loading the driver alone takes longer than starting Node. */
  readonly load: () => Promise<Command>
}

/** Every command. A new one is a file in `commands/` and a row here. */
export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'run',
    summary: 'run a command while holding a lock',
    load: async () => (await import('./commands/run.js')).command,
  },
  {
    name: 'ls',
    summary: 'show what is locked, who holds it and who waits',
    load: async () => (await import('./commands/ls.js')).command,
  },
  {
    name: 'who',
    summary: 'tell who holds one lock, and who waits for it',
    load: async () => (await import('./commands/who.js')).command,
  },
  {
    name: 'top',
    summary: 'watch the locks of a database',
    load: async () => (await import('./commands/top.js')).command,
  },
  {
    name: 'dashboard',
    summary: 'show the locks of a database in a browser, live',
    load: async () => (await import('./commands/dashboard.js')).command,
  },
  {
    name: 'break',
    summary: 'end the session that holds a lock',
    load: async () => (await import('./commands/break.js')).command,
  },
  {
    name: 'doctor',
    summary: 'check whether a database will do, and what could be better',
    load: async () => (await import('./commands/doctor.js')).command,
  },
  {
    name: 'bench',
    summary: 'measure what locks cost with a server',
    load: async () => (await import('./commands/bench.js')).command,
  },
  {
    name: 'install',
    summary: 'make what fencing tokens, guards and strict mode need in a database',
    load: async () => (await import('./commands/install.js')).command,
  },
  {
    name: 'uninstall',
    summary: 'drop it again',
    load: async () => (await import('./commands/uninstall.js')).command,
  },
  {
    name: 'serve',
    summary: 'serve locks to programs in any language, as a PostgreSQL server',
    load: async () => (await import('./commands/serve.js')).command,
  },
  {
    name: 'dev',
    summary: 'start a PostgreSQL to work against',
    load: async () => (await import('./commands/dev.js')).command,
  },
  {
    name: 'demo',
    summary: 'show what the pool does, on a PostgreSQL of its own',
    load: async () => (await import('./commands/demo.js')).command,
  },
  {
    name: 'completion',
    summary: 'print what teaches a shell these commands',
    load: async () => (await import('./commands/completion.js')).command,
  },
]
