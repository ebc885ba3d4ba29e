import { describe, expect, test } from 'vitest'
import { explain } from '../../../../../src/dialect/mysql/connection/server-errors.js'

/** An error of the server, in the shape of the driver. */
const answer = (errno: number): Error =>
  Object.assign(new Error(`error ${errno}`), { errno, sqlState: 'HY000' })

describe('an error is worth another attempt', () => {
  test.each([1044, 1045, 1698, 1251, 1275, 1396, 1524, 1820, 1862, 1873, 3118, 3159, 3955, 4151, 1129, 1130])(
    'not if the server does not let this user in (%i)',
    (errno) => {
      expect(explain(answer(errno))).toMatchObject({ code: 'CONNECTION_FAILED', retryable: false })
    },
  )

  test.each(['AUTH_SWITCH_PLUGIN_ERROR', 'HANDSHAKE_NO_SSL_SUPPORT'])(
    'not if the driver has no way to log in (%s)',
    (code) => {
      expect(explain(Object.assign(new Error('no way'), { code })).retryable).toBe(false)
    },
  )

  test.each([1040, 1203, 1226, 4031])(
    'if a connection that ends makes room, or only this one ended (%i)',
    (errno) => {
      expect(explain(answer(errno)).retryable).toBe(true)
    },
  )

  test.each(['ECONNREFUSED', 'ENOTFOUND', 'PROTOCOL_CONNECTION_LOST'])(
    'if the network failed (%s)',
    (code) => {
      expect(explain(Object.assign(new Error('gone'), { code })).retryable).toBe(true)
    },
  )
})
