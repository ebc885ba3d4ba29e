/** Words that GLOSSARY.md replaces, and patterns that are hard to read, as far as a machine can tell. */
import { filesOf, read, type RepositoryFile } from './repository.js'

/** Each pattern with its replacement. */
const BANNED: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(?:whoever|whomever)\b/i, 'name the role: the holder, a caller, the user'],
  [
    /\b(?:nobody|somebody|everybody|anybody|anyone)\b/i,
    'name the role, or "no process", "another session", "all callers"',
  ],
  [/\bthose who\b/i, 'a noun: waiters, holders, callers'],
  [/\b(?:for|by|to|of|with|than|from) who\b(?! blocks)/i, 'a noun instead of "who"'],
  [
    /(?:^|[.:] |\| |\*\* )Who (?:waits|holds|comes|has|asks|wants|knows|looks|releases|needs)\b(?![^.]*\?)/m,
    'a noun as the subject',
  ],
  [/\b(?:is|are|was|were|be|been) told\b/i, 'the actor and an active verb: "the caller gets an error"'],
  [/\b(?:to|can|could|not) be had\b/i, 'available, can be acquired'],
  [/\bso (?:many|long)\b(?! as)/i, 'a number, "this many", "for this long"'],
  [/\b(?:has|have) to do with\b/i, 'concerns, uses, affects'],
  [/\bwill do\b/i, 'is suitable, is enough'],
  [/\bbeside\b/i, 'next to, alongside, compared with'],
  [/\b[Aa] lockpool\b/, 'lockpool, a pool, a process that uses lockpool'],
  [/\bcircles?\b/i, 'cycle'],
  [/\b(?:bell|ears|deaf)\b/i, 'notification listener, polling'],
  [/\bfail-overs?\b/i, 'failover'],
  [/\btime-outs?\b/i, 'timeout'],
  [/\b(?:give|gives|gave|given) back\b/i, 'release, check in'],
  [/\b(?:give|gives|giving) way\b/i, 'yield'],
  [/\bfor ever\b/i, 'forever'],
  [/\bin vain\b/i, 'unnecessarily, without success'],
  [/\bwhat (?:becomes|became) of\b/i, 'the result, the outcome'],
  [/\bsees? to it\b/i, 'ensures that'],
  [/\b(?:is|are|was|were) to be\b/i, 'must be, should be'],
  [/(?:\/\*\*|\/\/) (?:As `|(?:Told|Tells once|Answers how)\b)/, 'does the same as; calls, returns'],
]

/** Identifiers that GLOSSARY.md has replaced in `src`. */
const REPLACED_IDENTIFIERS: ReadonlySet<string> = new Set(
  (
    'AbortStock ArbiterPorts Asked BatchPorts CLAIM_SESSION CampaignPorts Circle Courtesy DOORBELL_MOVES ' +
    'DashboardPorts DetailPorts Doorbell DoorbellHost DoorbellState Ears FakeLines FakeMarks Forsaken ' +
    'FrontPorts GIVE_WAY_MS HandlerPorts HeardChange HeardMembers INTEREST_CLASS INTEREST_ENTRIES ' +
    'INTEREST_SLOTS INTEREST_SUFFIXES InterestBook KeyNamesPorts LINE_CLASS LINE_SUFFIX Lately ' +
    'LeaderBoardPorts Lender LenderPorts LineSessions LineTools ListeningPorts Loans LockKeeper Looker MARKED ' +
    'MARK_CLASSES MAX_CLAIMS MysqlLine NO_CLAIMS Naps PATIENCE_MS Parked Parking PassingPorts Patience ' +
    'PlaceInLine PlaceStore PollPorts PostgresMarks RecorderPorts ReportBoardPorts RowAsker Rung RunnerPorts ' +
    'SemaphorePorts SessionPorts Shelf ShelfRules ShortLeases Sightings Stock StockHost TELLINGS TURN_MS ' +
    'TablePorts Telling Tenant Told TransactionPorts TransactionTools UNMARK Unhoused UpstreamLease ' +
    'VAIN_RING_MS Vitals WaitingLine WatchPorts asTold askedOf circleHere claimants claimedHeld countImpatient ' +
    'doubtsOthers dropMark endLoan gaveUp giveBack givingUp goFirst hasInterest hasLeft hearsRequests ' +
    'inOurWords isAsleep isForOthers isGivingWay isImpatient isInVain isMark isMarked isRung isRungMeanwhile ' +
    'isTold judgeOthers leaver leftMs lendNow lendTo letGoFirst lineFault lineGoesFirst lineOf lineParameters ' +
    'lineUp loanEnded lookForOthers markOrder marksOf mayLineUp noMarks othersOf ownLine patienceMs placeStore ' +
    'relinquish retryMarked ringBehind ringForOthers ringMessages ringNow runMarked rungFor seasoned setMark ' +
    'stoodInLine tellAll tellOfMade tellWrong tenant toRing trustOthers unhoused untilTold upgradeMarked ' +
    'wasInVain wayTo yieldedInVain'
  ).split(' '),
)

/** Patterns that no title of a test may contain. */
const BANNED_IN_TITLES: readonly RegExp[] = [
  /\b(?:whoever|nobody|somebody|everybody|anybody)\b/i,
  /\bthose who\b/i,
  /\b(?:is|are|was|were|be|been) had\b/i,
  /\b(?:is|are|was|were|be|been) told\b/i,
  /\bso (?:many|long)\b(?! as)/i,
  /\b(?:beside|circles?|bells?|ears?|deaf|rung)\b/i,
  /\bgiven? back\b/i,
  /\b(?:in vain|for ever|ever more|will do|gives? way|as ever|none the|behind (?:its|our|the) back)\b/i,
  /\b(?:is|are|was|were) to be\b/i,
  /^(?:what|whatever|whoever)\b/i,
]

/** Pages without banned phrases. Add a page when it is clean. */
const CLEAN_PAGES: readonly string[] = [
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'README.md',
  'SECURITY.md',
  'llms.txt',
  'docs/README.md',
  'docs/benchmarks/README.md',
  'docs/benchmarks/lockpool.md',
  'docs/concepts/backends.md',
  'docs/concepts/connections-and-locks.md',
  'docs/concepts/deadlocks.md',
  'docs/concepts/fencing.md',
  'docs/concepts/leader-election.md',
  'docs/concepts/lock-table.md',
  'docs/concepts/promises.md',
  'docs/concepts/security.md',
  'docs/concepts/semaphores.md',
  'docs/concepts/waiting.md',
  'docs/comparison.md',
  'docs/decisions/0001-one-token-per-batch.md',
  'docs/decisions/0002-one-pool-for-sessions-and-leases.md',
  'docs/decisions/0003-a-batch-is-one-row.md',
  'docs/decisions/0004-deadlocks.md',
  'docs/decisions/0006-session-settings.md',
  'docs/decisions/0007-strict-mode.md',
  'docs/decisions/0008-tokens-over-a-fail-over.md',
  'docs/decisions/0010-semaphores-are-slots.md',
  'docs/decisions/0011-sharing-the-lock-table.md',
  'docs/decisions/0013-names-in-our-sql.md',
  'docs/decisions/0014-what-borrowers-leave.md',
  'docs/decisions/0015-holders-write-what-they-hold.md',
  'docs/decisions/0016-keys-without-waste.md',
  'docs/decisions/0017-the-server-queue.md',
  'docs/decisions/0018-rows-with-leases.md',
  'docs/decisions/0019-mariadb-and-mysql.md',
  'docs/decisions/0020-finding-the-primary.md',
  'docs/decisions/0021-one-contention-core.md',
  'docs/decisions/0023-wait-for-the-key-itself.md',
  'docs/decisions/0022-a-front-that-locks.md',
  'docs/decisions/0024-what-the-package-holds.md',
  'docs/decisions/0025-rows-in-innodb.md',
  'docs/guides/as-pg-pool.md',
  'docs/guides/dashboard.md',
  'docs/guides/fastify.md',
  'docs/guides/from-psycopg2-pool.md',
  'docs/guides/high-availability.md',
  'docs/guides/inspecting.md',
  'docs/guides/lock-in-your-transaction.md',
  'docs/guides/measuring.md',
  'docs/guides/recipes.md',
  'docs/guides/serve.md',
  'docs/reference/cli.md',
  'docs/reference/errors.md',
  'docs/reference/events.md',
  'docs/reference/fault-cases.md',
  'docs/reference/options.md',
  'docs/reference/testing.md',
  'docs/reference/track-record.md',
  'docs/guides/getting-started.md',
  'docs/guides/kubernetes.md',
  'docs/guides/migrating.md',
  'docs/guides/mysql.md',
  'docs/guides/nestjs.md',
  'docs/guides/nextjs.md',
  'docs/guides/poolers.md',
  'docs/guides/prisma.md',
  'docs/guides/production.md',
  'docs/guides/telemetry.md',
  'docs/guides/testing.md',
  'docs/guides/tls.md',
  'docs/guides/tour.md',
  'docs/guides/troubleshooting.md',
]

/** Every banned phrase in `src` and in clean pages, with its place. */
export function bannedPhrases(): string[] {
  const sources = filesOf('src', '.ts')
  const clean = CLEAN_PAGES.map((path) => ({ path, text: read(path) }))
  return [...sources.map(withoutLiterals), ...clean.map(withoutCode)].flatMap(phrasesIn)
}

/** Every replaced identifier in `src`, with its file. */
export function replacedIdentifiers(): string[] {
  return filesOf('src', '.ts').flatMap(({ path, text }) =>
    [...new Set(text.match(/\w+/g))]
      .filter((word) => REPLACED_IDENTIFIERS.has(word))
      .map((word) => `${path}: ${word}`),
  )
}

/** Every banned phrase in a title, with its file. */
export function bannedTitles(): string[] {
  return filesOf('test', '.ts').flatMap(({ path, text }) =>
    [...text.matchAll(/(?:\b(?:test|describe)\b[^'\n]*\(|\)\()\s*'([^'\n]+)'/g)].flatMap(([, title = '']) =>
      BANNED_IN_TITLES.some((pattern) => pattern.test(title)) ? [`${path}: ${title}`] : [],
    ),
  )
}

function phrasesIn({ path, text }: RepositoryFile): string[] {
  return text.split('\n').flatMap((line, i) =>
    BANNED.flatMap(([pattern, instead]) => {
      const found = pattern.exec(line)
      return found === null ? [] : [`${path}:${i + 1}: "${found[0].trim()}": ${instead}`]
    }),
  )
}

/** Removes names of values and of pages, and comments within SQL, because they are sent to the server unchanged. */
function withoutLiterals({ path, text }: RepositoryFile): RepositoryFile {
  const names = /['`](?:deaf|nobody|anybody)['`]|\bdeaf(?=: ')|\bdocs\/\S+\.md\b|^ *-- .*$/gm
  return { path, text: text.replaceAll(names, '') }
}

function withoutCode({ path, text }: RepositoryFile): RepositoryFile {
  const blank = (code: string): string => code.replaceAll(/[^\n]/g, '')
  const prose = text
    .replaceAll(/^```[\s\S]*?^```$/gm, blank)
    .replaceAll(/`[^`\n]*`/g, '')
    .replaceAll(/\]\([^)]*\)/g, ']')
  return { path, text: prose }
}
