/**
 * The ready-made server in code: what `npx socket-signal-server` starts.
 *
 * @module socket-signal-server
 */

export type { Project } from './endpoints.ts'
export { createServer, type ServerOptions, type SignalServer } from './server.ts'
export type { TokenOptions } from './tokens.ts'
