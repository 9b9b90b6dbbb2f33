/** The tokens that a node makes and takes, as its settings have them. */
import type { AuthTokenSetting } from './auth-settings.ts'
import { loadJwtTokens } from './token-jwt.ts'
import { SimpleTokens } from './token-simple.ts'
import type { TokenProvider } from './tokens.ts'

/**
 * @param readFile - For the keys of JWTs.
 * @throws {TypeError} The keys cannot be read, or do not fit the signing method or one another.
 */
export async function loadTokens(
  setting: AuthTokenSetting,
  ttlMs: number,
  readFile: (path: string) => Uint8Array,
): Promise<TokenProvider> {
  return setting.type === 'simple' ? new SimpleTokens(ttlMs) : loadJwtTokens(setting, readFile)
}
