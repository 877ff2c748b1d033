/**
 * Hooks for React 18 and later. On a server, and until a page is hydrated, each gives the same.
 *
 * @module socket-signal-sdk/react
 */

export { type MediaView, useLocalMedia } from './use-local-media.ts'
export { usePeers } from './use-peers.ts'
export { type RoomView, useRoom } from './use-room.ts'
export { type TopicOptions, type TopicView, useTopic } from './use-topic.ts'
