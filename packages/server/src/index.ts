export { createServer, type ServerOptions, type SignalServer } from './server.ts'
