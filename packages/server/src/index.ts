export type { Project } from './endpoints.ts'
export { createServer, type ServerOptions, type SignalServer } from './server.ts'
export type { TokenOptions } from './tokens.ts'
