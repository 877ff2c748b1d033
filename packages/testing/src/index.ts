/**
 * For tests: the contracts of sockets and backplanes as suites, WebRTC without a network, a clock that stands still,
 * and `simulate()`, a world with faults that can be repeated.
 *
 * @module socket-signal-testing
 */

export { type BackplaneCluster, type BackplaneSuiteOptions, backplaneSuite } from './backplane-suite.ts'
export { deterministicCrypto, type SynchronousCrypto } from './deterministic-crypto.ts'
export type { FakeIceCandidate } from './fake-wrtc/candidate.ts'
export type { FakeDataChannel } from './fake-wrtc/data-channel.ts'
export {
  type FakeSessionDescription,
  type FakeWrtc,
  type FakeWrtcOptions,
  fakeWrtc
} from './fake-wrtc/fake-wrtc.ts'
export type { FakeMediaStream, FakeMediaStreamTrack } from './fake-wrtc/media.ts'
export { FakeNetwork, type FakeNetworkOptions, type Reachable } from './fake-wrtc/network.ts'
export type { FakePeerConnection } from './fake-wrtc/peer-connection.ts'
export type { FakeRtpSender, FakeRtpTransceiver } from './fake-wrtc/transceiver.ts'
export { ManualClock } from './manual-clock.ts'
export { seededRandom } from './random.ts'
export {
  type Scenario,
  type SimulateOptions,
  type Simulation,
  SimulationError,
  simulate
} from './simulator/simulate.ts'
export type { SimulatedPeer } from './simulator/simulated-peer.ts'
export type { SimulatedServer } from './simulator/simulated-server.ts'
export { FAULTS, type Faults } from './simulator/storm.ts'
export type { Trace } from './simulator/trace.ts'
export type { App, Way, World } from './simulator/world.ts'
export { type SocketPair, type SocketSuiteOptions, socketSuite } from './socket-suite.ts'
export type { SuiteAssert, SuiteTest } from './suite.ts'
