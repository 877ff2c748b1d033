// What only traffic between peers needs, loaded together when a client opens.
export { Messages } from './messages.ts'
export { Seal } from './seal.ts'
export { Sessions } from './sessions.ts'
