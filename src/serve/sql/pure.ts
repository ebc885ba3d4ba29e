/**
 * Recognizes expressions without side effects: constants, parameters, operators, and functions and types of PostgreSQL itself
 * that read and change nothing. The front may let the real server evaluate them for any client.
 */
import { isOp } from './lock-functions.js'
import type { Token } from './token.js'

/** Functions without side effects, whose result depends on their arguments only. */
export const PURE_FUNCTIONS: ReadonlySet<string> = new Set(
  (
    'hashtext hashtextextended hashint4 hashint8 hash_numeric uuid_hash hashtextextended md5 sha224 sha256 sha384 sha512 crc32 crc32c digest ' +
    'abs mod div sign trunc round ceil ceiling floor power gcd lcm greatest least coalesce nullif ' +
    'lower upper length char_length character_length octet_length bit_length left right substr substring replace translate trim btrim ltrim rtrim ' +
    'reverse split_part initcap concat concat_ws format quote_literal quote_ident strpos position starts_with ascii chr to_hex ' +
    'convert_to convert_from encode decode get_byte get_bit set_byte set_bit bit_count overlay to_number int4up int8up int4 int8 int2 ' +
    'jsonb_build_object json_build_object jsonb_build_array json_build_array'
  ).split(' '),
)

/** Words of the grammar, and names of types. */
const PURE_WORDS = new Set(
  (
    'null true false and or not is in between like case when then else end cast as array distinct from for pg_catalog ' +
    'bigint int8 int integer int4 smallint int2 text varchar character varying char bpchar name numeric decimal real float4 float8 double precision ' +
    'boolean bool bit varbit bytea uuid json jsonb oid regclass'
  ).split(' '),
)

const PURE_OPERATORS = new Set('( ) , . :: [ ] + - * / % || # & | ~ << >> ^ = <> != < > <= >='.split(' '))

export const isPure = (tokens: readonly Token[]): boolean =>
  tokens.every((token, i) => {
    if (token.type === 'op') return PURE_OPERATORS.has(token.value)
    if (token.type === 'name' || token.type === 'junk') return false
    if (token.type !== 'word') return true
    if (!isOp(tokens[i + 1], '(')) return PURE_WORDS.has(token.value)
    return PURE_FUNCTIONS.has(token.value) || PURE_WORDS.has(token.value)
  })
