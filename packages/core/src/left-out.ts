import { SignalError } from './errors.ts'

/** In place of whatever a lean bundle has not. */
export async function leftOut(): Promise<never> {
  const words = 'not in a lean bundle: explain(), diagnose(), history(), privacy, what WebCrypto lacks'
  throw new SignalError('UNSUPPORTED', words)
}
