export { type Dialable, SocketSignalMemoryClient } from './client.ts'
export { type PairOptions, type SocketPair, socketPair } from './pair.ts'
export { SocketSignalMemoryServer, type SocketSignalMemoryServerOptions } from './server.ts'
