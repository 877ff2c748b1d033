import { assertFits, assertHas, assertPositive } from './assert.ts'
import type { SocketSignalClientOptions } from './client-options.ts'
import { assertMetadata, isObject } from './codec.ts'
import { assertIceServers } from './ice.ts'

/** Throws a `TypeError` for a slip in what a client is made of, which who writes an app is told at once; `lean-parts` leaves it out. */
export function assertShapes(options: SocketSignalClientOptions): void {
  const {
    metadata = {},
    requestTimeout,
    connectTimeout,
    simplePeer = {},
    recovery = {},
    reconnect,
    heartbeat,
    iceServers = []
  } = options
  assertMetadata(metadata)
  const groups = {
    simplePeer,
    recovery,
    reconnect: reconnect === false ? {} : reconnect,
    heartbeat: typeof heartbeat === 'boolean' ? {} : heartbeat
  }
  for (const [name, group = {}] of Object.entries(groups))
    assertFits(isObject(group), name, 'an object of options', group)
  const times = { requestTimeout, connectTimeout, grace: recovery.grace, ...Object(heartbeat) }
  for (const [name, ms = 1] of Object.entries(times)) assertPositive(ms, name)
  assertIceServers(iceServers)
  // By one method that others of a similar name have not, `Date` or the platform's `crypto` for instance.
  assertHas(options, 'rtc', 'call', 'a function')
  assertHas(options, 'random', 'call', 'a function')
  assertHas(options, 'clock', 'setTimeout', 'a Clock')
  assertHas(options, 'crypto', 'verify', 'a Crypto')
}
