// In place of `parts` where all is bundled into one file, and nothing comes later.
export {
  leftOut as createVeil,
  leftOut as diagnose,
  leftOut as explain,
  leftOut as recall
} from './left-out.ts'
export { createPeers } from './peers.ts'
export const assertShapes = () => {}
