/**
 * Names of cipher suites: etcd takes those of Go, which are IANA's; OpenSSL has its own for TLS 1.2.
 *
 * Suites of TLS 1.3 are a set apart. Naming none of them leaves all three on, as in Go, where they cannot be chosen;
 * naming one chooses.
 */

const tls13Suites: readonly string[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
]

/**
 * Go's suites for TLS 1.2 that this OpenSSL still has. RC4 and 3DES are not among them: Go calls them insecure, and
 * OpenSSL is built without them.
 */
const tls12Suites: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA256: 'AES128-SHA256',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
}

export function isCipherSuite(name: string): boolean {
  return tls13Suites.includes(name) || Object.hasOwn(tls12Suites, name)
}

/** Whether the suite is one of TLS 1.3, and useless to TLS 1.2. */
export function isTls13Suite(name: string): boolean {
  return tls13Suites.includes(name)
}

/** Every name that may be given, for a message. */
export function cipherSuiteNames(): readonly string[] {
  return [...tls13Suites, ...Object.keys(tls12Suites)]
}

/**
 * The list as OpenSSL reads it, order kept.
 *
 * @throws {RangeError} There is no such suite.
 */
export function opensslCiphers(names: readonly string[]): string {
  const wanted = names.map((name) => {
    const translated = tls13Suites.includes(name) ? name : tls12Suites[name]
    if (translated === undefined || !isCipherSuite(name)) {
      throw new RangeError(
        `cipher suites: wanted names such as ${cipherSuiteNames()[0]}, found ${JSON.stringify(name)}`,
      )
    }
    return translated
  })
  const of13 = wanted.filter((name) => tls13Suites.includes(name))
  const of12 = wanted.filter((name) => !tls13Suites.includes(name))
  return [...new Set([...(of13.length > 0 ? of13 : tls13Suites), ...of12])].join(':')
}
