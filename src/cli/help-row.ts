/** A line of help: a term, and what it means. */
export type HelpRow = readonly [term: string, meaning: string]
