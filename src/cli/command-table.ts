import type { Command } from './command.js'

export interface CommandRow {
  readonly name: string
  readonly summary: string
  /** Imported only when needed: loading the driver alone takes longer than starting Node.js. */
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
    summary: 'show all locks, their holders and their waiters',
    load: async () => (await import('./commands/ls.js')).command,
  },
  {
    name: 'who',
    summary: 'show the holder and the waiters of one lock',
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
    summary: 'check that a database is suitable, and suggest improvements',
    load: async () => (await import('./commands/doctor.js')).command,
  },
  {
    name: 'bench',
    summary: 'measure the cost of locks on a server',
    load: async () => (await import('./commands/bench.js')).command,
  },
  {
    name: 'install',
    summary: 'create the database objects for fencing tokens, guards and strict mode',
    load: async () => (await import('./commands/install.js')).command,
  },
  {
    name: 'migrate-backend',
    summary: 'change how locks are kept: session locks, or rows with leases',
    load: async () => (await import('./commands/migrate-backend.js')).command,
  },
  {
    name: 'uninstall',
    summary: 'drop the schema lockpool',
    load: async () => (await import('./commands/uninstall.js')).command,
  },
  {
    name: 'serve',
    summary: 'serve locks to programs in any language, as a PostgreSQL server',
    load: async () => (await import('./commands/serve.js')).command,
  },
  {
    name: 'dev',
    summary: 'start a temporary PostgreSQL for development and tests',
    load: async () => (await import('./commands/dev.js')).command,
  },
  {
    name: 'demo',
    summary: 'demonstrate locks on a temporary PostgreSQL',
    load: async () => (await import('./commands/demo.js')).command,
  },
  {
    name: 'completion',
    summary: 'print a shell completion script',
    load: async () => (await import('./commands/completion.js')).command,
  },
]
