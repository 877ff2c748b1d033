// By name, so that bundlers keep of the libraries only what a client without WebCrypto needs.
export { getPublicKey, hashes, sign, verify } from '@noble/ed25519'
export { sha512 } from '@noble/hashes/sha2.js'
