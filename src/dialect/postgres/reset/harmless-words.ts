/**
 * Words of statements that leave nothing on their session by themselves. For a statement with other words, the server
 * is asked what is left.
 */

/** The first words of statements that leave nothing. */
export const PLAIN_BEGINNINGS: ReadonlySet<string> = words(
  'select insert update delete merge with values table show',
)

/**
 * The first words of transaction statements. The names in them run no code: if a commit runs something, an earlier
 * statement caused it.
 */
export const OF_TRANSACTIONS: ReadonlySet<string> = words(
  'begin start commit end rollback abort savepoint release',
)

/** Grammar words that may precede a parenthesis without a function call. */
export const BEFORE_PARENTHESIS: ReadonlySet<string> = words(`
  all and any array as between by case cast coalesce conflict cross cube distinct else except exclude exists filter for from
  full greatest group groups grouping having ilike in inner intersect interval into is join lateral least left like limit
  materialized natural not nullif offset on only or order outer over partition range recursive returning right rollup row rows
  select set sets similar some then to union update using values when where window with within
  bit char character decimal float numeric precision time timestamp timestamptz timetz varchar varying`)

/** The server's own functions that leave nothing behind: no settings, no locks, nothing that must be closed. */
export const PLAIN_FUNCTIONS: ReadonlySet<string> = words(`
  array_agg avg bit_and bit_or bool_and bool_or count cume_dist dense_rank every first_value json_agg json_object_agg jsonb_agg
  jsonb_object_agg lag last_value lead max min mode nth_value ntile percent_rank percentile_cont percentile_disc rank row_number
  stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance
  ascii btrim char_length character_length chr concat concat_ws decode encode format initcap left length lower lpad ltrim md5
  octet_length overlay position quote_ident quote_literal quote_nullable regexp_count regexp_like regexp_match regexp_matches
  regexp_replace regexp_split_to_array regexp_split_to_table repeat replace reverse right rpad rtrim sha256 sha512 split_part
  starts_with string_to_array strpos substr substring to_hex translate trim upper
  abs ceil ceiling div exp floor ln log mod pi power random round sign sqrt trunc width_bucket
  age clock_timestamp date_bin date_part date_trunc extract isfinite justify_days justify_hours justify_interval make_date
  make_interval make_time make_timestamp make_timestamptz now statement_timestamp timezone to_char to_date to_number to_timestamp
  transaction_timestamp
  array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions array_prepend
  array_remove array_replace array_to_json array_to_string array_upper cardinality generate_series generate_subscripts unnest
  json_array_elements json_array_elements_text json_array_length json_build_array json_build_object json_each json_each_text
  json_extract_path json_extract_path_text json_object json_object_keys json_populate_record json_populate_recordset
  json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_array_elements jsonb_array_elements_text
  jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text
  jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array
  jsonb_path_query_first jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_strip_nulls
  jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json to_jsonb
  currval gen_random_uuid host hashtext hashtextextended lastval lower_inc masklen network nextval num_nonnulls num_nulls
  upper_inc isempty plainto_tsquery phraseto_tsquery setweight to_tsquery to_tsvector ts_headline ts_rank ts_rank_cd
  websearch_to_tsquery
  current_database current_schema current_setting pg_backend_pid pg_column_size pg_notify pg_relation_size pg_sleep
  pg_table_size pg_total_relation_size pg_typeof to_regclass version
  pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared`)

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/))
}
