export {
  custom,
  degree,
  full,
  type LinkView,
  type Moves,
  type Policy,
  type Topology,
  type View
} from './topology.ts'
