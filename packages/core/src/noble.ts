// By name, so that bundlers keep of the library only what a client without Ed25519 needs.
export { getPublicKeyAsync, hashes, signAsync, verifyAsync } from '@noble/ed25519'
export { sha512 } from './sha512.ts'
