export { SocketSignalWebsocketClient, type SocketSignalWebsocketClientOptions, type Urls } from './client.ts'
export { SocketSignalWebsocketServer, type SocketSignalWebsocketServerOptions } from './server.ts'
export type { Upgrade, UpgradeOptions } from './upgrade.ts'
