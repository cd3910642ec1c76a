import { hash } from '@node-rs/argon2'
import { z } from 'zod'

/** Argon2id is the library's default; m=19 MiB, t=2, p=1 is what OWASP asks for. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** A password to be, by NIST SP 800-63B: long rather than intricate. */
export const newPassword = z.string().min(12, 'must have at least 12 characters').max(1024)

export const hashPassword = (password: string) => hash(password, cost)
