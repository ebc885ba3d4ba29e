/** What a text says that may leave something on its session, where it is not known to leave nothing. */
export interface Signs {
  /** It says so itself: then the connection is lent again when it is known to be clean. */
  readonly isTelling: boolean
  /** Takes away what the driver has prepared. */
  readonly deallocates: boolean
  /** Makes or changes what names stand for. */
  readonly defines: boolean
  /** What may be a setting with a dot in it. */
  readonly custom: readonly string[]
}

const TELLING: readonly RegExp[] = [
  // SET begins a statement, or it is that of an UPDATE. What is set for a transaction ends with it.
  /(?:^(?:\s*--[^\n]*\n)*|;|\*\/)\s*set\s+(?!local\b|transaction\b|constraints\b)/i,
  /\bset_config\b/i,
  /advisory_(?!xact_)/i,
  /\blisten\b/i,
  /\b(?:create|into)\s+(?:or\s+replace\s+)?(?:(?:global|local|unlogged)\s+)*temp(?:orary)?\b|\bpg_temp\b/i,
  /\bwith\s+hold\b/i,
  /\bprepare\s+(?!transaction\b)/i,
]

const DEALLOCATES = /\b(?:deallocate\s+(?:prepare\s+)?|discard\s+)all\b/i

const DEFINES = /\b(?:alter\b|create\s+(?!(?:(?:global|local)\s+)?temp))/i

const CUSTOM = /(?<![\w.$])[a-z_][\w$]*(?:\.[a-z_][\w$]*)+(?![\w.$])/gi

const WHOLLY_CUSTOM = /^[a-z_][\w$]*(?:\.[a-z_][\w$]*)+$/i

/** So many of one text. */
const MOST_CUSTOM = 50

export function signsIn(text: string): Signs {
  const deallocates = DEALLOCATES.test(text)
  return {
    isTelling: deallocates || TELLING.some((pattern) => pattern.test(text)),
    deallocates,
    defines: DEFINES.test(text),
    custom: [...new Set(text.match(CUSTOM))].slice(0, MOST_CUSTOM),
  }
}

/** Of the values beside a text those that may be names of settings. */
export function settingsAmong(values: readonly unknown[]): string[] {
  return values
    .filter((value): value is string => typeof value === 'string' && WHOLLY_CUSTOM.test(value))
    .slice(0, MOST_CUSTOM)
}
