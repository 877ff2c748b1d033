/**
 * The reference transport, in one process: for tests, and as a model for transports of your own.
 *
 * @module socket-signal-memory
 */

export { type Dialable, SocketSignalMemoryClient } from './client.ts'
export { type PairOptions, type SocketPair, socketPair } from './pair.ts'
export { SocketSignalMemoryServer, type SocketSignalMemoryServerOptions } from './server.ts'
