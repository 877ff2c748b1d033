export { join, sender } from './ws.mjs'
