import { describe, expect, test } from 'vitest'
import { PoolClosedError } from '../../../../../src/base/errors.js'
import { explain, sqlState } from '../../../../../src/dialect/postgres/connection/server-errors.js'
import { STATE_CLASSES } from '../../../../../src/dialect/postgres/connection/retryable-errors.js'

const AGAIN = true
const GIVE_UP = false

const fromServer = (code: string, message = 'm', more: object = {}): Error =>
  Object.assign(new Error(message), { code, ...more })

describe('errors of the server', () => {
  /**
   * At least one code of each class in PostgreSQL's list of error codes, and every code that can occur while connecting or
   * locking.
   */
  const CODES: readonly (readonly [code: string, means: string, again: boolean])[] = [
    ['03000', 'sql_statement_not_yet_complete', GIVE_UP],
    ['08000', 'connection_exception', AGAIN],
    ['08001', 'sqlclient_unable_to_establish_sqlconnection', AGAIN],
    ['08003', 'connection_does_not_exist', AGAIN],
    ['08004', 'sqlserver_rejected_establishment_of_sqlconnection', AGAIN],
    ['08006', 'connection_failure', AGAIN],
    ['08007', 'transaction_resolution_unknown', AGAIN],
    [
      '08P01',
      'protocol_violation, and whatever a pooler has to say: a full queue, a server that is away',
      AGAIN,
    ],
    ['09000', 'triggered_action_exception', GIVE_UP],
    ['0A000', 'feature_not_supported', GIVE_UP],
    ['0B000', 'invalid_transaction_initiation', GIVE_UP],
    ['0F001', 'invalid_locator_specification', GIVE_UP],
    ['0L000', 'invalid_grantor', GIVE_UP],
    ['0P000', 'invalid_role_specification', GIVE_UP],
    ['0Z002', 'stacked_diagnostics_accessed_without_active_handler', GIVE_UP],
    ['10608', 'invalid_argument_for_xquery', GIVE_UP],
    ['20000', 'case_not_found', GIVE_UP],
    ['21000', 'cardinality_violation', GIVE_UP],
    ['22023', 'invalid_parameter_value: a setting of the start', GIVE_UP],
    ['22P05', 'untranslatable_character', GIVE_UP],
    ['23505', 'unique_violation', GIVE_UP],
    ['24000', 'invalid_cursor_state', GIVE_UP],
    ['25001', 'active_sql_transaction', GIVE_UP],
    ['25006', 'read_only_sql_transaction: a standby', AGAIN],
    ['25P02', 'in_failed_sql_transaction', GIVE_UP],
    ['25P03', 'idle_in_transaction_session_timeout', AGAIN],
    ['25P04', 'transaction_timeout', AGAIN],
    ['26000', 'invalid_sql_statement_name: a pooler has changed over', AGAIN],
    ['27000', 'triggered_data_change_violation', GIVE_UP],
    ['28000', 'invalid_authorization_specification: pg_hba.conf, or no such role', GIVE_UP],
    ['28P01', 'invalid_password', GIVE_UP],
    ['2B000', 'dependent_privilege_descriptors_still_exist', GIVE_UP],
    ['2D000', 'invalid_transaction_termination', GIVE_UP],
    ['2F000', 'sql_routine_exception', GIVE_UP],
    ['34000', 'invalid_cursor_name', GIVE_UP],
    ['38000', 'external_routine_exception', GIVE_UP],
    ['39000', 'external_routine_invocation_exception', GIVE_UP],
    ['3B000', 'savepoint_exception', GIVE_UP],
    ['3D000', 'invalid_catalog_name: no such database', GIVE_UP],
    ['3F000', 'invalid_schema_name', GIVE_UP],
    ['40001', 'serialization_failure', AGAIN],
    ['40002', 'transaction_integrity_constraint_violation', GIVE_UP],
    ['40003', 'statement_completion_unknown', AGAIN],
    ['40P01', 'deadlock_detected', AGAIN],
    ['42501', 'insufficient_privilege', GIVE_UP],
    ['42601', 'syntax_error', GIVE_UP],
    ['42704', 'undefined_object: a setting of the start that is not known', GIVE_UP],
    ['42P01', 'undefined_table', GIVE_UP],
    ['44000', 'with_check_option_violation', GIVE_UP],
    ['53000', 'insufficient_resources', AGAIN],
    ['53100', 'disk_full', AGAIN],
    ['53300', 'too_many_connections', AGAIN],
    ['53400', 'configuration_limit_exceeded', GIVE_UP],
    ['54000', 'program_limit_exceeded: a full queue of notifications', AGAIN],
    ['54001', 'statement_too_complex', GIVE_UP],
    ['55000', 'object_not_in_prerequisite_state: a database that takes no connections', AGAIN],
    ['55006', 'object_in_use', AGAIN],
    ['55P02', 'cant_change_runtime_param', GIVE_UP],
    ['55P03', 'lock_not_available', AGAIN],
    ['55P04', 'unsafe_new_enum_value_usage', GIVE_UP],
    ['57000', 'operator_intervention', AGAIN],
    ['57014', 'query_canceled', AGAIN],
    ['57P01', 'admin_shutdown', AGAIN],
    ['57P02', 'crash_shutdown', AGAIN],
    ['57P03', 'cannot_connect_now: starting up, shutting down, in recovery', AGAIN],
    ['57P04', 'database_dropped', GIVE_UP],
    ['57P05', 'idle_session_timeout', AGAIN],
    ['58000', 'system_error', AGAIN],
    ['58030', 'io_error', AGAIN],
    ['58P01', 'undefined_file', GIVE_UP],
    ['58P02', 'duplicate_file', GIVE_UP],
    ['58P03', 'file_name_too_long', GIVE_UP],
    ['72000', 'snapshot_too_old', AGAIN],
    ['F0000', 'config_file_error', GIVE_UP],
    ['HV000', 'fdw_error', GIVE_UP],
    ['HV00N', 'fdw_unable_to_establish_connection', AGAIN],
    ['P0001', 'raise_exception', GIVE_UP],
    ['XX000', 'internal_error', AGAIN],
    ['XX001', 'data_corrupted', GIVE_UP],
    ['XX002', 'index_corrupted', GIVE_UP],
    ['CR000', 'of a server that is not quite PostgreSQL', AGAIN],
  ]

  test.each(CODES)('%s, %s: again is %s', (code, _, again) => {
    const error = fromServer(code)
    expect(explain(error)).toMatchObject({ code: 'CONNECTION_FAILED', retryable: again, cause: error })
    expect(explain(error).message).toBe(`m (${code})`)
  })

  test('every class of the table is in the list above', () => {
    const ofServersLikeIt = ['CR']
    const listed = new Set(CODES.map(([code]) => code.slice(0, 2)))
    expect([...Object.keys(STATE_CLASSES), ...ofServersLikeIt].toSorted()).toEqual([...listed].toSorted())
  })

  test('a full lock table is distinguished from exhausted memory, in any language', () => {
    const full = fromServer('53200', 'gemeinsamer Speicher verbraucht', {
      hint: 'Sie müssen möglicherweise »max_locks_per_transaction« erhöhen.',
    })
    const outOfMemory = fromServer('53200', 'out of memory', { detail: 'Failed on request of size 8.' })
    expect(explain(full)).toMatchObject({ code: 'LOCK_TABLE_FULL', retryable: true })
    expect(explain(fromServer('53200', 'out of shared memory'))).toMatchObject({ code: 'LOCK_TABLE_FULL' })
    expect(explain(outOfMemory)).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true })
  })

  test('a pooler that refuses a setting of the start is one', () => {
    const error = fromServer('08P01', 'unsupported startup parameter: options')
    expect(explain(error)).toMatchObject({ code: 'POOLER_DETECTED', retryable: false })
  })
})

describe('errors of the network', () => {
  test.each<[code: string, again: boolean]>(
    [
      ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'EHOSTDOWN'],
      ...[
        'ENETUNREACH',
        'ENETDOWN',
        'ENETRESET',
        'EADDRNOTAVAIL',
        'EMFILE',
        'ENFILE',
        'ENOBUFS',
        'ENOMEM',
        'EBUSY',
      ],
      // A name or the path of a socket may exist again later, when its server is back.
      ...['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'ESERVFAIL', 'ETIMEOUT', 'EREFUSED', 'ENOENT'],
      ...['ERR_TLS_HANDSHAKE_TIMEOUT', 'ERR_SOCKET_CONNECTION_TIMEOUT', 'ERR_STREAM_PREMATURE_CLOSE'],
      ...['ERR_STREAM_DESTROYED', 'ABORT_ERR', 'WHO_KNOWS'],
    ]
      .map((code): [string, boolean] => [code, AGAIN])
      .concat(
        [
          ...['EACCES', 'EPERM', 'EAFNOSUPPORT', 'EINVAL', 'ENAMETOOLONG', 'ENOTDIR', 'ENOTSOCK', 'EPROTO'],
          ...[
            'CERT_HAS_EXPIRED',
            'CERT_NOT_YET_VALID',
            'CERT_REVOKED',
            'CERT_UNTRUSTED',
            'CERT_SIGNATURE_FAILURE',
          ],
          ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
          ...[
            'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
            'UNABLE_TO_GET_CRL',
            'CRL_HAS_EXPIRED',
            'INVALID_CA',
            'INVALID_PURPOSE',
          ],
          ...[
            'HOSTNAME_MISMATCH',
            'PATH_LENGTH_EXCEEDED',
            'ERR_TLS_CERT_ALTNAME_INVALID',
            'ERR_TLS_INVALID_CONTEXT',
          ],
          ...[
            'ERR_SSL_WRONG_VERSION_NUMBER',
            'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
            'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
          ],
          ...['ERR_OSSL_PEM_NO_START_LINE', 'ERR_OSSL_X509_KEY_VALUES_MISMATCH', 'ERR_CRYPTO_INVALID_STATE'],
          ...['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE', 'ERR_SOCKET_BAD_PORT'],
        ].map((code): [string, boolean] => [code, GIVE_UP]),
      ),
  )('%s: again is %s', (code, again) => {
    const error = fromServer(code)
    expect(sqlState(error), 'it is none of the server').toBeUndefined()
    expect(explain(error)).toMatchObject({ code: 'CONNECTION_FAILED', retryable: again })
  })

  test('one of several addresses that may answer is enough', () => {
    const refused = fromServer('ECONNREFUSED', 'connect ECONNREFUSED ::1:5432')
    const hopeless = fromServer('EACCES', 'connect EACCES 127.0.0.1:5432')
    expect(explain(new AggregateError([hopeless, refused]))).toMatchObject({
      retryable: true,
      message: 'connect EACCES 127.0.0.1:5432; connect ECONNREFUSED ::1:5432',
    })
    expect(explain(new AggregateError([hopeless, hopeless])).retryable).toBe(false)
    expect(explain(new AggregateError([])).retryable).toBe(true)
  })
})

describe('errors of the driver without a code', () => {
  test.each<[message: string, again: boolean]>([
    ['Connection terminated unexpectedly', AGAIN],
    ['Connection terminated', AGAIN],
    ['timeout expired', AGAIN],
    ['Query read timeout', AGAIN],
    ['There was an error establishing an SSL connection', AGAIN],
    ['Client has encountered a connection error and is not queryable', AGAIN],
    ['the token service is away', AGAIN],
    ['', AGAIN],
    ['The server does not support SSL connections', GIVE_UP],
    ['SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string', GIVE_UP],
    ['SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a non-empty string', GIVE_UP],
    ['SASL: SCRAM-SERVER-FINAL-MESSAGE: server signature does not match', GIVE_UP],
    ['SASL: Only mechanism(s) SCRAM-SHA-256 are supported', GIVE_UP],
    ['Password must be a string', GIVE_UP],
    ['Unknown authenticationOk message type 7', GIVE_UP],
  ])('%j: again is %s', (message, again) => {
    expect(explain(new Error(message))).toMatchObject({ code: 'CONNECTION_FAILED', retryable: again })
  })

  test('a mistake of the program is not retryable, and an error with an explanation stays unchanged', () => {
    expect(explain(new TypeError('x is not a function')).retryable).toBe(false)
    expect(explain(new RangeError('port')).retryable).toBe(false)
    for (const odd of ['odd', null, undefined, 7, {}]) expect(explain(odd).retryable).toBe(true)
    const closed = new PoolClosedError()
    expect(explain(closed)).toBe(closed)
  })

  test('the error for a missing password says so', () => {
    const error = new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string')
    expect(explain(error).message).toMatch(/^the server asks for a password, and none was given/)
  })
})
