import { QUEUE_SUFFIX, REGISTRATION_SUFFIXES, slotSuffix, WRITER_SUFFIX } from '../keys/lock-names.js'
import { COULD_BE_HAD, OPERATIONS, PLACES, type Statement } from './batch-sql.js'
import { TOKEN } from './server-queue-sql.js'

/**
 * The SQL of operations with `sharedSlots`. A reader takes a reader slot and then checks that the lock is free; a
 * writer takes the lock and then checks that all reader slots are free. The second of them sees the first. A writer
 * holds only the lock, and a reader only its slot.
 *
 * The places are those of `OPERATIONS`, and in addition `:w`, the name that a waiting writer holds, `:r0`, `:r1` and
 * so on, the names of reader slots, and `:y`, a yes or no. An answer is a word. `g` is a grant, in shared mode followed
 * by the number of the slot. Attempts of waiters begin with the registration: its digit, `c` if no name was free, or
 * `-` if it is as before. Then `i` means that the session was refused, and now has the name of a waiting writer.
 */
export type SharedOperation =
  | 'try'
  | 'release'
  | 'releaseWide'
  | 'tryShared'
  | 'releaseShared'
  | 'releaseSharedWide'
  | 'ask'
  | 'askShared'
  | 'queue'
  | 'yield'
  | 'join'
  | 'grant'
  | 'upgrade'
  | 'downgrade'
  | 'leave'
  | 'setIntent'
  | 'clearIntent'
  | 'refuse'

/** The operations of batches in exclusive mode without waiters: most batches contain nothing else. */
const PLAIN: readonly SharedOperation[] = ['try', 'release', 'releaseWide']

/** Writes a grant. `slot` is empty in exclusive mode. */
type Grant = (slot: string) => string

const PLAIN_GRANT: Grant = (slot) => `'g${slot}'`
/** The token is drawn once the lock is held. */
const GRANT_WITH_TOKEN: Grant = (slot) => `CONCAT('g${slot}:', ${TOKEN})`

/** Both answers are the same: the condition is for its effect. */
export function after(effect: string, answer: string): string {
  return `IF(${effect} = 1, ${answer}, ${answer})`
}

/**
 * What a waiter has besides the lock. RELEASE_LOCK has no effect on names of other sessions. All arguments of CONCAT_WS are
 * evaluated.
 */
const drop = (answer: string, names: readonly string[]): string =>
  `IF(CONCAT_WS('', ${names.map((name) => `RELEASE_LOCK(${name})`).join(', ')}) = '', ${answer}, ${answer})`

const REGISTRATIONS = REGISTRATION_SUFFIXES.map((_, i) => `:${i}`)
const REGISTER = `CASE ${REGISTRATIONS.map((name, i) => `WHEN GET_LOCK(${name}, 0) = 1 THEN '${i}'`).join(' ')} ELSE 'c' END`

/** `:s` is the registration of this session, or empty. It moves to the first name if that is free. */
const REGISTER_OR_MOVE =
  `CASE WHEN :s = '' THEN ${REGISTER} WHEN :s = :0 THEN '-' ` +
  `WHEN GET_LOCK(:0, 0) = 1 THEN ${after('RELEASE_LOCK(:s)', `'0'`)} ELSE '-' END`

const OTHER_WRITER_WAITS = `COALESCE(IS_USED_LOCK(:w), CONNECTION_ID()) <> CONNECTION_ID()`

/** The places of all reader slots. */
export function slotsOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `:r${i}`)
}

/** The names are checked from the first on, as far as the first that is used. */
export function noReader(slots: readonly string[]): string {
  return `COALESCE(${slots.map((slot) => `IS_USED_LOCK(${slot})`).join(', ')}) IS NULL`
}

function takeExclusive(slots: readonly string[], granted: string, refused: string): string {
  return (
    `CASE WHEN COALESCE(GET_LOCK(:k, 0), 0) <> 1 THEN ${refused} WHEN ${noReader(slots)} THEN ${granted} ` +
    `ELSE ${after('RELEASE_LOCK(:k)', refused)} END`
  )
}

/** `yields`: a condition under which the reader yields to a waiting writer. */
function takeShared(slots: readonly string[], yields: string, granted: (slot: number) => string): string {
  const attempts = slots.map(
    (slot, i) =>
      `WHEN GET_LOCK(${slot}, 0) = 1 THEN IF(IS_FREE_LOCK(:k) = 1, ${granted(i)}, ${after(`RELEASE_LOCK(${slot})`, `'n'`)})`,
  )
  return `CASE WHEN ${yields} THEN 'n' WHEN COALESCE(IS_FREE_LOCK(:k), 0) <> 1 THEN 'n' ${attempts.join(' ')} ELSE 'n' END`
}

function upgrade(slots: readonly string[], granted: string): string {
  const others = slots.map((slot) => `NULLIF(IS_USED_LOCK(${slot}), CONNECTION_ID())`).join(', ')
  return (
    `CASE WHEN COALESCE(GET_LOCK(:k, 0), 0) <> 1 THEN 'n' ` +
    `WHEN COALESCE(${others}) IS NOT NULL THEN ${after('RELEASE_LOCK(:k)', `'n'`)} ` +
    `WHEN RELEASE_LOCK(:s) = 1 THEN ${drop(granted, [':w'])} ELSE ${after('RELEASE_LOCK(:k)', `'n'`)} END`
  )
}

/**
 * While this session holds the lock, readers hold slots only for the instant in which they find that out. So a wait for
 * a slot is short.
 */
function downgrade(slots: readonly string[], grant: Grant): string {
  const move = (i: number): string => after('RELEASE_LOCK(:k)', grant(String(i)))
  const attempts = slots.map((slot, i) => `WHEN GET_LOCK(${slot}, 0) = 1 THEN ${move(i)}`)
  return (
    `CASE WHEN COALESCE(IS_USED_LOCK(:k), 0) <> CONNECTION_ID() THEN 'n' ${attempts.join(' ')} ` +
    `WHEN GET_LOCK(:r0, 1) = 1 THEN ${move(0)} ELSE ${after('RELEASE_LOCK(:k)', `'n'`)} END`
  )
}

function releaseShared(sql: string): string {
  return sql.replace('RELEASE_LOCK(:k)', 'RELEASE_LOCK(:s)')
}

function operations(count: number, grant: Grant): Readonly<Record<SharedOperation, string>> {
  const slots = slotsOf(count)
  const waiting = [...REGISTRATIONS, ':w']
  const intent = `IF(:y = 1, IF(GET_LOCK(:w, 0) = 1, 'i', 'n'), 'n')`
  const askShared = takeShared(slots, `IF(:y = 1, ${OTHER_WRITER_WAITS}, 0)`, (i) =>
    drop(grant(String(i)), REGISTRATIONS),
  )
  const inGrants = (sql: string): string => sql.replaceAll(`'g'`, grant(''))
  return {
    try: takeExclusive(slots, grant(''), `'n'`),
    release: OPERATIONS.release.sql,
    releaseWide: OPERATIONS.releaseWide.sql,
    tryShared: takeShared(slots, OTHER_WRITER_WAITS, (i) => grant(String(i))),
    releaseShared: releaseShared(OPERATIONS.release.sql),
    releaseSharedWide: releaseShared(OPERATIONS.releaseWide.sql),
    /** `:y`: the session does not have the name of a waiting writer yet. */
    ask: `CONCAT(${REGISTER_OR_MOVE}, ${takeExclusive(slots, drop(grant(''), waiting), intent)})`,
    /** `:y`: the reader yields to a waiting writer. */
    askShared: `CONCAT(${REGISTER_OR_MOVE}, ${askShared})`,
    queue: REGISTER,
    yield: inGrants(OPERATIONS.yield.sql),
    /** A writer at the head of the queue holds the lock while it waits for readers to go. Others hold it for an instant. */
    join:
      `CASE WHEN ${OTHER_WRITER_WAITS} THEN 'n' WHEN IS_FREE_LOCK(:k) = 1 THEN ${grant('')} ` +
      `WHEN IS_FREE_LOCK(:l) = 1 THEN ${grant('')} ELSE 'n' END`,
    grant: grant(''),
    upgrade: upgrade(slots, grant('')),
    downgrade: downgrade(slots, grant),
    leave: `IF(CONCAT_WS('', RELEASE_LOCK(:s), RELEASE_LOCK(:w)) = '', ${COULD_BE_HAD}, ${COULD_BE_HAD})`,
    setIntent: `IF(GET_LOCK(:w, 0) = 1, 'i', 'd')`,
    clearIntent: after('RELEASE_LOCK(:w)', `'r'`),
    refuse: `'n'`,
  }
}

const KINDS = Object.keys(operations(1, PLAIN_GRANT)) as SharedOperation[]

/** The numbers of the operations in a batch. */
export const CODES: Readonly<Record<SharedOperation, number>> = Object.fromEntries(
  KINDS.map((kind, i) => [kind, i + 1]),
) as Record<SharedOperation, number>

/** The statements for one number of reader slots. */
export interface SharedStatements {
  readonly single: Readonly<Record<SharedOperation, Statement>>
  /** For batches of `PLAIN` operations, which need a tenth of the text. */
  readonly plain: string
  readonly batch: string
}

/** One operation in its own statement. */
export function single(sql: string): Statement {
  const names: string[] = []
  const text = sql.replaceAll(PLACES, (_, name: string) => {
    names.push(name)
    return '?'
  })
  return { sql: `SELECT ${text}, CONNECTION_ID()`, names }
}

/** The suffix of the name in a place. */
export function suffixAt(place: string): string {
  if (place === 'l') return QUEUE_SUFFIX
  if (place === 'w') return WRITER_SUFFIX
  return place.startsWith('r') ? slotSuffix(Number(place.slice(1))) : REGISTRATION_SUFFIXES[Number(place)]!
}

/** The same SQL for rows of a batch, whose columns are `k`, `s` and `y`. */
export function inRows(sql: string): string {
  return sql.replaceAll(PLACES, (_, place: string) =>
    'ksy'.includes(place) ? place : `CONCAT(k, '${suffixAt(place)}')`,
  )
}

export const NAME = `CHAR(64) CHARACTER SET latin1 COLLATE latin1_bin`
const COLUMNS = `o TINYINT PATH '$[0]', k ${NAME} PATH '$[1]', s ${NAME} PATH '$[2]', y TINYINT PATH '$[3]'`

/** See `BATCH_WITH_TOKEN`. Answers are separated by commas. */
function batch(
  all: Readonly<Record<SharedOperation, string>>,
  kinds: readonly SharedOperation[],
  token: string,
): string {
  const cases = kinds.map((kind) => `WHEN ${CODES[kind]} THEN ${inRows(all[kind])}`)
  return (
    `SELECT d.a, ${token}, CONNECTION_ID() FROM (SELECT GROUP_CONCAT(CASE o ${cases.join(' ')} END SEPARATOR ',') AS a ` +
    `FROM JSON_TABLE(?, '$[*]' COLUMNS (${COLUMNS})) AS t) AS d`
  )
}

function statements(count: number, hasTokens: boolean): SharedStatements {
  const alone = operations(count, hasTokens ? GRANT_WITH_TOKEN : PLAIN_GRANT)
  const inBatch = operations(count, PLAIN_GRANT)
  const token = hasTokens ? `IF(LOCATE('g', d.a) > 0, ${TOKEN}, NULL)` : 'NULL'
  const singles = KINDS.map((kind) => [kind, single(alone[kind])] as const)
  return {
    single: Object.fromEntries(singles) as Record<SharedOperation, Statement>,
    plain: batch(inBatch, PLAIN, token),
    batch: batch(inBatch, KINDS, token),
  }
}

const KNOWN = new Map<string, SharedStatements>()

/** The statements for this number of reader slots. All sessions of a process share them. */
export function sharedStatements(count: number, hasTokens: boolean): SharedStatements {
  const id = `${count} ${hasTokens}`
  let known = KNOWN.get(id)
  if (known === undefined) KNOWN.set(id, (known = statements(count, hasTokens)))
  return known
}

export function isPlain(operation: SharedOperation): boolean {
  return PLAIN.includes(operation)
}
