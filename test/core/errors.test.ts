import {
  CODES,
  type Code,
  closeCode,
  codeOfClose,
  hasClose,
  isCode,
  isTerminal,
  SignalError,
  toSignalError,
  unreachable
} from '../../packages/core/src/errors.ts'
import { test } from '../tools/test.ts'

const codes = Object.entries(CODES) as [Code, { close?: number; retryable: boolean }][]

/** Written out: a number never gets another meaning. */
const NUMBERS = {
  SERVER_SHUTDOWN: 4000,
  SLOW_CONSUMER: 4001,
  HEARTBEAT_TIMEOUT: 4002,
  TOKEN_EXPIRED: 4003,
  RATE_LIMITED: 4004,
  BACKPLANE_UNAVAILABLE: 4005,
  OVERLOADED: 4006,
  INTERNAL: 4007,
  HELLO_TIMEOUT: 4008,
  ID_IN_USE: 4009,
  TOKEN_NOT_YET_VALID: 4010,
  BAD_FRAME: 4500,
  PROTOCOL_VERSION: 4501,
  AUTH_REQUIRED: 4502,
  TOKEN_INVALID: 4503,
  ORIGIN_DENIED: 4504,
  REPLACED: 4505,
  KICKED: 4506,
  TOO_LARGE: 4507,
  TOKEN_REPLAYED: 4508,
  BAD_PROOF: 4509
}

test('errors: every close number stands for the code it always stood for, and back', t => {
  for (const [code, number] of Object.entries(NUMBERS)) {
    t.equal(closeCode(code), number, code)
    t.equal(codeOfClose(number), code, String(number))
    t.ok(hasClose(code))
  }
  const numbers = codes.flatMap(([, { close }]) => close ?? [])
  t.equal(new Set(numbers).size, numbers.length, 'no number has two codes')
  t.end()
})

test('errors: a code without a number closes as INTERNAL, an unknown number reads as CLOSED', t => {
  for (const [code, { close }] of codes) if (close === undefined) t.equal(closeCode(code), 4007, code)
  for (const code of ['', 'NO_SUCH', 'toString', '__proto__', 'constructor']) {
    t.equal(closeCode(code), 4007, JSON.stringify(code))
    t.notOk(hasClose(code))
  }
  for (const number of [0, 1000, 1001, 1006, 3000, 4012, 4499, 4510, 4999, 5000])
    t.equal(codeOfClose(number), 'CLOSED', String(number))
  t.equal(codeOfClose(1009), 'TOO_LARGE', 'what WebSocket libraries say of a large message')
  t.end()
})

test('errors: the range of a number decides whether a client comes back, known or not', t => {
  for (const number of [
    4000, 4009, 4010, 4011, 4250, 4499, 1000, 1001, 1005, 1006, 1011, 1012, 1013, 3000, 3999, 5000
  ])
    t.notOk(isTerminal(number), `${number}: come back`)
  for (const number of [4500, 4509, 4510, 4750, 4999, 1002, 1003, 1007, 1008, 1009])
    t.ok(isTerminal(number), `${number}: do not`)
  t.end()
})

test('errors: a code with a number is retryable exactly where its range says come back', t => {
  for (const [code, { close, retryable }] of codes) {
    if (close !== undefined) t.equal(retryable, !isTerminal(close), code)
  }
  t.end()
})

test('errors: every code of ours may cross the wire', t => {
  for (const [code] of codes) t.ok(isCode(code), code)
  for (const code of ['', 'a', 'lower_case', '1A', '_A', 'A-B', `A${'B'.repeat(40)}`])
    t.notOk(isCode(code), code)
  t.ok(isCode(`A${'B'.repeat(39)}`))
  t.end()
})

test('errors: a SignalError says what its code says, unless it is told otherwise', t => {
  for (const [code, { retryable }] of codes) t.equal(new SignalError(code, 'x').retryable, retryable, code)
  t.equal(new SignalError('NO_SUCH', 'x').retryable, false, 'an unknown code')
  t.equal(new SignalError('toString', 'x').retryable, false, 'nor the name of a method')
  t.equal(new SignalError('TIMEOUT', 'x', { retryable: false }).retryable, false)
  const cause = new Error('why')
  const error = new SignalError('TIMEOUT', 'too late', { cause, retryAfterMs: 5 })
  t.ok(error instanceof Error)
  t.equal(error.name, 'SignalError')
  t.equal(error.cause, cause)
  t.equal(error.retryAfterMs, 5)
  t.notOk('cause' in new SignalError('TIMEOUT', 'x'), 'no cause, no property')
  t.notOk(
    'retryAfterMs' in new SignalError('TIMEOUT', 'x', { retryAfterMs: 0 }) &&
      new SignalError('TIMEOUT', 'x').retryAfterMs
  )
  t.end()
})

test('errors: whatever was thrown becomes an error with its words, and its code if it has one', t => {
  const own = new SignalError('KICKED', 'out')
  t.equal(toSignalError(own), own)
  const table: [unknown, string, string][] = [
    [new Error('words'), 'FORBIDDEN', 'words'],
    [Object.assign(new Error('words'), { code: 'NO_MONEY' }), 'NO_MONEY', 'words'],
    [Object.assign(new Error('words'), { code: 'not a code' }), 'FORBIDDEN', 'words'],
    [Object.assign(new Error('words'), { code: 7 }), 'FORBIDDEN', 'words'],
    [
      { code: 'KICKED', message: 'of another copy of this library' },
      'KICKED',
      'of another copy of this library'
    ],
    ['only words', 'FORBIDDEN', 'only words'],
    [new Error(''), 'FORBIDDEN', 'Error'],
    [null, 'FORBIDDEN', 'null'],
    [undefined, 'FORBIDDEN', 'undefined']
  ]
  for (const [thrown, code, message] of table) {
    const error = toSignalError(thrown, 'FORBIDDEN')
    t.equal(`${error.code}: ${error.message}`, `${code}: ${message}`)
  }
  t.equal(toSignalError(new Error('x')).code, 'INTERNAL', 'without a word of where')
  t.end()
})

test('errors: the end of a switch throws, should it ever be reached', t => {
  t.throws(() => unreachable('odd' as never), /TypeError: unexpected value: odd/)
  t.end()
})
