/** What a text shows about the state that it may leave, for texts that are not known to leave nothing. */
export interface StateSigns {
  /**
   * The text itself says that it leaves something. Then the connection is checked out again only when it is known to be
   * clean.
   */
  readonly isExplicit: boolean
  /** The statement drops the driver's prepared statements. */
  readonly deallocates: boolean
  /** The statement creates or changes objects that names may stand for. */
  readonly defines: boolean
  /** Names in the text that may be settings with a dot. */
  readonly custom: readonly string[]
}

const EXPLICIT: readonly RegExp[] = [
  // Matches SET at the start of a statement, not the SET of an UPDATE. SET LOCAL and the like end with their
  // transaction.
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

/** The maximum number of names from one text. */
const MOST_CUSTOM = 50

export function stateSignsIn(text: string): StateSigns {
  const deallocates = DEALLOCATES.test(text)
  return {
    isExplicit: deallocates || EXPLICIT.some((pattern) => pattern.test(text)),
    deallocates,
    defines: DEFINES.test(text),
    custom: [...new Set(text.match(CUSTOM))].slice(0, MOST_CUSTOM),
  }
}

/** The values of a statement that may be names of settings. */
export function settingsAmong(values: readonly unknown[]): string[] {
  return values
    .filter((value): value is string => typeof value === 'string' && WHOLLY_CUSTOM.test(value))
    .slice(0, MOST_CUSTOM)
}
