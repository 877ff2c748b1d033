// In place of `primitives` where all is bundled into one file: WebCrypto's alone.
import { leftOut } from './left-out.ts'
import { chooseSigner as choose, type Signer } from './signer.ts'

export async function chooseSigner(subtle: SubtleCrypto | null | undefined): Promise<Signer> {
  return choose(subtle, leftOut)
}

export { leftOut as sha256 }
