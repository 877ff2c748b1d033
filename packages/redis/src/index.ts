/**
 * Several servers as one: a backplane over Redis, Sentinel or Cluster, by a client of yours.
 *
 * @module socket-signal-redis
 */

export { RedisBackplane, type RedisBackplaneEvents, type RedisBackplaneOptions } from './backplane.ts'
export type { Status } from './pulse.ts'
export type { IoredisClient, NodeRedisClient, RedisClient } from './store.ts'
export { RedisUsedTokens, type RedisUsedTokensOptions } from './used.ts'
