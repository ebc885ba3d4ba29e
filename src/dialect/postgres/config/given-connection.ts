import { types } from 'node:util'
import { show } from '../../../base/options.js'
import { DRIVER_SETTINGS } from './driver-settings.js'
import { HOSTS } from '../hosts/host-list.js'

/** The settings in a given connection, or the reason why it can't be used. */
export type Given = { readonly settings: Readonly<Record<string, unknown>> } | { readonly problem: string }

/**
 * Common names that `pg` does not know. It would ignore such a setting and connect to the server that the environment
 * names.
 */
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

/** Treats `statementTimeout`, `statement-timeout` and `statement_timeout` as the same name. */
const inPlain = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, '')

/** Whether this setting shows that an object was meant for `pg`. */
function isForConnecting(name: string): boolean {
  const fate = DRIVER_SETTINGS.get(name)?.fate
  return fate === 'as given' || fate === 'for borrowers'
}

const CONNECTION_SETTINGS = new Map(
  [...DRIVER_SETTINGS.keys()].filter(isForConnecting).map((name) => [inPlain(name), name]),
)

/**
 * Reads an object once and in the way of `pg`: getters and inherited or non-enumerable properties count as well.
 * Reading once ensures that the checked values are the ones that are used.
 */
export function readGiven(given: unknown): Given {
  if (types.isStringObject(given) || typeof given === 'string')
    return { settings: { connectionString: String(given) } }
  if (isUrl(given)) return { settings: { connectionString: given.href } }
  const wrongKind = wrongKindOf(given)
  if (wrongKind !== null) return { problem: wrongKind }
  const settings: Record<string | symbol, unknown> = {}
  // The object has settings that were split by `splitHosts` before.
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
    'is a pool or a client, but lockpool opens its own connections: pass the settings of that pool or client ' +
    '(for a pg.Pool, its "options")'
  )
}

/** All names that `pg` reads, and all others that the object has, because a later version of `pg` may read more. */
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
    const right = OTHER_NAMES[inPlain(name)] ?? CONNECTION_SETTINGS.get(inPlain(name))
    if (right !== undefined && settings[right] === undefined)
      return `has "${name}" in it, which pg knows as "${right}"`
  }
  return null
}

/** Refuses an object that was meant for something else. An empty object is fine: then the environment decides. */
function foreignIn(given: object, settings: Readonly<Record<string, unknown>>): string | null {
  const prototype: unknown = Object.getPrototypeOf(given)
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null
  const names = Object.keys(settings)
  if (names.some(isForConnecting) || (isPlain && names.length === 0)) return null
  const found =
    names.length === 0
      ? show(given)
      : `only ${names
          .slice(0, 5)
          .map((name) => `"${name}"`)
          .join(', ')}`
  return `has no setting that pg knows: ${found}`
}

/** Also accepts a URL of another realm, as in tests and frames. */
function isUrl(value: unknown): value is URL {
  if (typeof value !== 'object' || value === null || ask(value, Symbol.toStringTag) !== 'URL') return false
  return typeof ask(value, 'href') === 'string'
}

/** The value of a property whose getter throws. */
const THREW = Symbol('threw')

/** Reads a property. Some objects throw for every property that they lack; that counts as undefined. */
function ask(given: object, name: string | symbol): unknown {
  try {
    return (given as Record<string | symbol, unknown>)[name]
  } catch {
    // The error is not passed on, because its message may contain a secret.
    return name in given ? THREW : undefined
  }
}
