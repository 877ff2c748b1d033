/**
 * Client and server over WebSocket (RFC 6455), in browsers and Node; the server on `ws`. Where a bundler takes the
 * condition `browser`, the client alone.
 *
 * @module socket-signal-websocket
 */

export { SocketSignalWebsocketClient, type SocketSignalWebsocketClientOptions, type Urls } from './client.ts'
export type { ForeignSocket, GatewayLike } from './foreign.ts'
export { respondFor } from './http.ts'
export { SocketSignalWebsocketServer } from './server.ts'
export type { SocketSignalWebsocketServerOptions } from './server-options.ts'
export type { Upgrade, UpgradeOptions } from './upgrade.ts'
