// Cryptography that is loaded when it is needed.
import type { Signer } from './signer.ts'

/** Signs by WebCrypto where it knows Ed25519, else by noble. */
export async function chooseSigner(subtle: SubtleCrypto | null | undefined): Promise<Signer> {
  const { chooseSigner } = await import('./signer.ts')
  return chooseSigner(subtle, async () => (await import('./noble.ts')).nobleScheme(subtle))
}

/** For who has no WebCrypto: a page that came over plain http. */
export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return (await import('@noble/hashes/sha2.js')).sha256(bytes)
}
