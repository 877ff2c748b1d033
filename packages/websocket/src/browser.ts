export { SocketSignalWebsocketClient, type SocketSignalWebsocketClientOptions, type Urls } from './client.ts'
