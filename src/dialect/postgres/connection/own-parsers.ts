type Parser = (text: string) => unknown

/**
 * The parsers for the answers to our own statements: the default parsers of `pg`, for the types that our statements
 * return. Values of all other types, bigint above all, stay text.
 */
const PARSERS: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [16, (text) => text === 't'],
  // int2, int4, oid, float4, float8
  ...[21, 23, 26, 700, 701].map((oid): [number, Parser] => [oid, Number]),
  // json, jsonb
  ...[114, 3802].map((oid): [number, Parser] => [oid, JSON.parse]),
  // int2[], int4[], oid[]
  ...[1005, 1007, 1028].map((oid): [number, Parser] => [oid, (text) => parseArray(text, Number)]),
  // name[], text[], varchar[]
  ...[1003, 1009, 1015].map((oid): [number, Parser] => [oid, (text) => parseArray(text, asIs)]),
])

/** Has the signature that `pg` wants. The format is always text. */
export function parserOf(oid: number): Parser {
  return PARSERS.get(oid) ?? asIs
}

function asIs(text: string): string {
  return text
}

/**
 * An element of an array. It is either in quotes, with special characters escaped by backslashes, or written without
 * quotes.
 */
const ELEMENT = /"((?:[^"\\]|\\.)*)"|[^{},"]+/gs

/** Parses a one-dimensional array. All arrays of ours have one dimension. */
function parseArray<T>(text: string, parse: (element: string) => T): (T | null)[] {
  return Array.from(text.matchAll(ELEMENT), ([whole, quoted]) => {
    if (quoted !== undefined) return parse(quoted.replaceAll(/\\(.)/gs, '$1'))
    return whole === 'NULL' ? null : parse(whole)
  })
}
