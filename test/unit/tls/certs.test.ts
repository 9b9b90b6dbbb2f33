// `aspen certs` makes what nodes and clients can use at once, and never destroys what is there.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readTlsFiles } from '../../../runtime/node/tls/files.ts'
import { ensureSelfSigned } from '../../../runtime/node/tls/self-signed.ts'
import { run } from '../cli/harness.ts'

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'aspen-certs-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return join(dir, 'certs')
}

const certificate = (dir: string, name: string): X509Certificate =>
  new X509Certificate(readFileSync(join(dir, `${name}.pem`)))

test('an authority, certificates made out to hosts, clients by name; keys for the owner alone', async (t) => {
  const dir = folder(t)

  const { code, stdout } = await run([
    'certs',
    '--dir',
    dir,
    '--hosts',
    'localhost,127.0.0.1,node1',
    '--clients',
    'alice,root',
    '--days',
    '30',
  ])

  assert.equal(code, 0)
  const ca = certificate(dir, 'ca')
  assert.equal(ca.ca, true)
  for (const name of ['server', 'peer', 'alice', 'root']) {
    const one = certificate(dir, name)
    assert.equal(one.checkIssued(ca) && one.verify(ca.publicKey), true, name)
    assert.equal(one.ca, false)
    assert.equal(one.subject, `CN=${name}`)
    assert.equal(statSync(join(dir, `${name}-key.pem`)).mode & 0o777, 0o600)
    readTlsFiles({
      certFile: join(dir, `${name}.pem`),
      keyFile: join(dir, `${name}-key.pem`),
      clientCertAuth: false,
      minVersion: 'TLS1.2',
    })
  }
  assert.equal(statSync(join(dir, 'ca-key.pem')).mode & 0o777, 0o600)
  assert.equal(certificate(dir, 'server').subjectAltName, 'DNS:localhost, IP Address:127.0.0.1, DNS:node1')
  assert.deepEqual(certificate(dir, 'server').keyUsage, ['1.3.6.1.5.5.7.3.1'])
  assert.deepEqual(certificate(dir, 'peer').keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  assert.deepEqual(certificate(dir, 'alice').keyUsage, ['1.3.6.1.5.5.7.3.2'])
  const days = (Date.parse(certificate(dir, 'server').validTo) - Date.now()) / 86_400_000
  assert.equal(Math.round(days), 30)
  assert.ok(stdout.includes(`--cert-file ${dir}/server.pem --key-file ${dir}/server-key.pem`), stdout)
  assert.ok(stdout.includes(`--cacert ${dir}/ca.pem --cert ${dir}/alice.pem --key ${dir}/alice-key.pem`), stdout)
})

test('what is there is replaced only by force, and the authority not even then', async (t) => {
  const dir = folder(t)
  await run(['certs', '--dir', dir])
  const before = ['ca', 'server', 'client'].map((name) => certificate(dir, name).serialNumber)

  const again = await run(['certs', '--dir', dir])
  const kept = ['ca', 'server', 'client'].map((name) => certificate(dir, name).serialNumber)
  const forced = await run(['certs', '--dir', dir, '--for', 'server', '--force'])
  const after = ['ca', 'server', 'client'].map((name) => certificate(dir, name).serialNumber)
  const another = await run(['certs', '--dir', dir, '--for', 'clients', '--clients', 'bob'])

  assert.deepEqual([again.code, forced.code, another.code], [1, 0, 0])
  assert.match(again.stderr, /server\.pem, .*server-key\.pem, .*: there already; --force replaces them/)
  assert.deepEqual(kept, before)
  assert.deepEqual([after[0], after[1] === before[1], after[2]], [before[0], false, before[2]])
  assert.equal(certificate(dir, 'bob').verify(certificate(dir, 'ca').publicKey), true)
})

test('revoked certificates are listed, with those that were before', async (t) => {
  const dir = folder(t)
  await run(['certs', '--dir', dir, '--clients', 'alice,bob'])
  const { Authority } = await import('../../../runtime/node/tls/issue.ts')
  const { X509Crl } = await import('@peculiar/x509')
  assert.ok(Authority)

  const first = await run(['certs', '--dir', dir, '--revoke', 'alice'])
  const second = await run(['certs', '--dir', dir, '--revoke', 'alice,bob'])
  const none = await run(['certs', '--dir', dir, '--revoke', 'carol'])

  assert.deepEqual([first.code, second.code, none.code], [0, 0, 1])
  assert.match(none.stderr, /carol\.pem cannot be read/)
  const revoked = new X509Crl(readFileSync(join(dir, 'crl.pem'), 'utf8').replaceAll('X509 CRL', 'CRL')).entries
  assert.deepEqual(
    revoked.map(({ serialNumber }) => serialNumber.toUpperCase()).sort(),
    [certificate(dir, 'alice').serialNumber, certificate(dir, 'bob').serialNumber].sort(),
  )
  readTlsFiles({
    certFile: join(dir, 'server.pem'),
    keyFile: join(dir, 'server-key.pem'),
    crlFile: join(dir, 'crl.pem'),
    clientCertAuth: true,
    minVersion: 'TLS1.2',
  })
})

const wrong: readonly [readonly string[], RegExp][] = [
  [['--hosts', 'a b'], /--hosts: wanted host names and IP addresses, comma-separated, found "a b"/],
  [['--hosts', ''], /--hosts: .* found ""/],
  [['--clients', '../x'], /--clients: wanted names of letters.* found "\.\.\/x"/],
  [['--clients', 'ca'], /--clients: .* found "ca"/],
  [['--clients', 'server-key'], /--clients: .* found "server-key"/],
  [['--for', 'everybody'], /--for: wanted some of server, peer, clients, found "everybody"/],
  [['--days', '0'], /--days: wanted a whole number from 1 to 3650, found "0"/],
  [['--revoke', 'ca'], /--revoke: .* found "ca"/],
]
for (const [words, wanted] of wrong) {
  test(`refused: certs ${words.join(' ')}`, async (t) => {
    const { code, stderr } = await run(['certs', '--dir', folder(t), ...words])

    assert.equal(code, 2)
    assert.match(stderr, wanted)
  })
}

test("a node's own certificate is made once, and again when it is gone", async (t) => {
  const dir = folder(t)
  const files = {
    certFile: join(dir, 'fixtures', 'client', 'cert.pem'),
    keyFile: join(dir, 'fixtures', 'client', 'key.pem'),
  }
  const wish = { hosts: ['10.0.0.1', 'localhost'], days: 10 }

  const made = await ensureSelfSigned(files, wish)
  const first = readFileSync(files.certFile, 'utf8')
  const again = await ensureSelfSigned(files, wish)
  const kept = readFileSync(files.certFile, 'utf8')
  rmSync(files.keyFile)
  const anew = await ensureSelfSigned(files, { ...wish, hosts: ['0.0.0.0'] })

  assert.deepEqual([made, again, anew, kept === first], [true, false, true, true])
  assert.match(new X509Certificate(first).subjectAltName ?? '', /^IP Address:10\.0\.0\.1, DNS:localhost$/)
  assert.match(
    new X509Certificate(readFileSync(files.certFile)).subjectAltName ?? '',
    /DNS:localhost, IP Address:127\.0\.0\.1/,
  )
  readTlsFiles({ ...files, clientCertAuth: false, minVersion: 'TLS1.2' })
})
