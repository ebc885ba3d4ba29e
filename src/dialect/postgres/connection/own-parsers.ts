type Parser = (text: string) => unknown

/**
 * How our own statements read what the server answers: `pg`'s own way of the beginning, for the types that occur in them.
 * All others, bigint first of all, stay the text they are.
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

/** The signature is that of `pg`; the format is always text. */
export function parserOf(oid: number): Parser {
  return PARSERS.get(oid) ?? asIs
}

function asIs(text: string): string {
  return text
}

/** An element of an array: in quotes, with what needs it behind a backslash, or as it is. */
const ELEMENT = /"((?:[^"\\]|\\.)*)"|[^{},"]+/gs

/** Of one dimension, which all of ours have. */
function parseArray<T>(text: string, parse: (element: string) => T): (T | null)[] {
  return Array.from(text.matchAll(ELEMENT), ([whole, quoted]) => {
    if (quoted !== undefined) return parse(quoted.replaceAll(/\\(.)/gs, '$1'))
    return whole === 'NULL' ? null : parse(whole)
  })
}
