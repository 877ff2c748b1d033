// What only traffic between peers needs, loaded together when a client opens.
export { IceSource } from './ice-source.ts'
export { Memberships } from './memberships.ts'
export { Messages } from './messages.ts'
export { Path } from './path.ts'
export { Seal } from './seal.ts'
export { Sessions } from './sessions.ts'
