import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'

/** Of no password: an unknown email costs what a known one does. Same parameters as the stored hashes, the defaults. */
const nobodysHash = hash(randomBytes(32))

/** Whether the password is the one that was hashed; takes as long when there is no hash. */
export async function isPassword(password: string, passwordHash: string | null | undefined): Promise<boolean> {
  const matches = await verify(passwordHash ?? (await nobodysHash), password).catch(() => false)
  return matches && Boolean(passwordHash)
}
