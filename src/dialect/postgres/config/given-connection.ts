import { types } from 'node:util'
import { show } from '../../../base/options.js'
import { DRIVER_SETTINGS } from './driver-settings.js'
import { HOSTS } from '../hosts/host-list.js'

/** What was given as a connection, as far as it is one. */
export type Given = { readonly settings: Readonly<Record<string, unknown>> } | { readonly problem: string }

/** What `pg` calls otherwise, and would take no notice of: it would connect to wherever the environment says. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  url: 'connectionString',
  uri: 'connectionString',
  dsn: 'connectionString',
  databaseurl: 'connectionString',
  hostname: 'host',
  hostaddr: 'host',
  server: 'host',
  username: 'user',
  login: 'user',
  pass: 'password',
  passwd: 'password',
  pwd: 'password',
  db: 'database',
  dbname: 'database',
  databasename: 'database',
  sslmode: 'ssl',
}

/** `statementTimeout`, `statement-timeout` and `statement_timeout` are one word. */
const inPlain = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, '')

/** Whether an object that has it is meant for `pg`, and for connecting. */
function isTelling(name: string): boolean {
  const fate = DRIVER_SETTINGS.get(name)?.fate
  return fate === 'as given' || fate === 'for borrowers'
}

const TELLING = new Map([...DRIVER_SETTINGS.keys()].filter(isTelling).map((name) => [inPlain(name), name]))

/**
 * Reads an object as `pg` does, by asking it for what there is to know: getters, what is inherited and what is not
 * enumerable count as well. Once, so that what was checked is what is used.
 */
export function readGiven(given: unknown): Given {
  if (types.isStringObject(given) || typeof given === 'string')
    return { settings: { connectionString: String(given) } }
  if (isUrl(given)) return { settings: { connectionString: given.href } }
  const wrongKind = wrongKindOf(given)
  if (wrongKind !== null) return { problem: wrongKind }
  const settings: Record<string | symbol, unknown> = {}
  // From settings of ours, which somebody hands on.
  if (HOSTS in (given as object)) settings[HOSTS] = (given as { [HOSTS]: unknown })[HOSTS]
  for (const name of namesIn(given as object)) {
    const value = ask(given as object, name)
    if (value === THREW) return { problem: `can't be read: its "${name}" throws` }
    if (value !== undefined) settings[name] = value
  }
  if (isUrl(settings['connectionString'])) settings['connectionString'] = settings['connectionString'].href
  const problem = otherNameIn(settings) ?? foreignIn(given as object, settings)
  return problem === null ? { settings } : { problem }
}

function wrongKindOf(given: unknown): string | null {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return `must be a connection string or an object with what pg takes, got ${show(given)}`
  if (typeof ask(given, 'connect') !== 'function' || typeof ask(given, 'query') !== 'function') return null
  return (
    'is a pool or a client, and lockpool opens connections of its own: give it what that one was made with ' +
    '(of a pg.Pool, its "options")'
  )
}

/** Every name that `pg` asks for, and whatever else is there to be seen: `pg` may learn more. */
function namesIn(given: object): ReadonlySet<string> {
  const names = new Set(DRIVER_SETTINGS.keys())
  for (const name in given) names.add(name)
  for (let at: object | null = given; at !== null; at = Object.getPrototypeOf(at) as object | null)
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if ('get' in descriptor) names.add(name)
  names.delete('__proto__')
  return names
}

function otherNameIn(settings: Readonly<Record<string, unknown>>): string | null {
  for (const name of Object.keys(settings)) {
    if (DRIVER_SETTINGS.has(name)) continue
    if (inPlain(name) === 'service') return `has "${name}" in it, and pg reads no service files`
    const right = OTHER_NAMES[inPlain(name)] ?? TELLING.get(inPlain(name))
    if (right !== undefined && settings[right] === undefined)
      return `has "${name}" in it, which pg knows as "${right}"`
  }
  return null
}

/** An object that was meant for something else. An empty one leaves all to the environment. */
function foreignIn(given: object, settings: Readonly<Record<string, unknown>>): string | null {
  const prototype: unknown = Object.getPrototypeOf(given)
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null
  const names = Object.keys(settings)
  if (names.some(isTelling) || (isPlain && names.length === 0)) return null
  const found =
    names.length === 0
      ? show(given)
      : `only ${names
          .slice(0, 5)
          .map((name) => `"${name}"`)
          .join(', ')}`
  return `has nothing in it that pg knows of a connection: ${found}`
}

/** Also one of another realm, as tests and frames have them. */
function isUrl(value: unknown): value is URL {
  if (typeof value !== 'object' || value === null || ask(value, Symbol.toStringTag) !== 'URL') return false
  return typeof ask(value, 'href') === 'string'
}

/** What is there, and can't be read. */
const THREW = Symbol('threw')

/** Some objects throw for whatever they do not have: then it is not there. */
function ask(given: object, name: string | symbol): unknown {
  try {
    return (given as Record<string | symbol, unknown>)[name]
  } catch {
    // Not with what the error says, which may be a secret.
    return name in given ? THREW : undefined
  }
}
