import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'

/** Of no password: an unknown email costs what a known one does. Same parameters as the stored hashes, the defaults. */
const nobodysHash = hash(randomBytes(32))

/** The hash that a try is checked against: one of the same cost when there is none of the user's. */
export const hashToCheck = async (passwordHash: string | null | undefined): Promise<string> =>
  passwordHash ?? (await nobodysHash)

/** Whether the password is the one that was hashed; takes as long when there is no hash. */
export async function isPassword(password: string, passwordHash: string | null | undefined): Promise<boolean> {
  const matches = await verify(await hashToCheck(passwordHash), password).catch(() => false)
  return matches && Boolean(passwordHash)
}
