import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { commonNameOf, credentialsOf } from '../../../gateway/etcd/credentials.ts'

const of = (headers: Readonly<Record<string, string>>, commonName?: string): unknown =>
  credentialsOf((name) => headers[name], commonName)

describe('credentials of a call', () => {
  test('are its token, raw or behind the word that HTTP puts before it', () => {
    assert.deepEqual(of({ token: 'abc.1' }), { token: 'abc.1' })
    assert.deepEqual(of({ authorization: 'abc.1' }), { token: 'abc.1' })
    assert.deepEqual(of({ authorization: 'Bearer abc.1' }), { token: 'abc.1' })
    assert.deepEqual(of({ token: 'one', authorization: 'two' }), { token: 'one' })
  })

  test('are there even when there is nothing to show, and an empty token is a token', () => {
    assert.deepEqual(of({}), {})
    assert.deepEqual(of({ token: '' }), { token: '' })
  })

  test('carry the name of a certificate', () => {
    assert.deepEqual(of({}, 'alice'), { commonName: 'alice' })
    assert.deepEqual(of({ token: 't' }, 'alice'), { token: 't', commonName: 'alice' })
  })
})

describe('the name in a certificate', () => {
  const peer = (authorized: boolean, CN: string | string[] | undefined): Parameters<typeof commonNameOf>[0] => ({
    authorized,
    getPeerCertificate: () => ({ subject: { CN } }),
  })

  test('counts only when the certificate was checked', () => {
    assert.equal(commonNameOf(peer(true, 'alice')), 'alice')
    assert.equal(commonNameOf(peer(false, 'root')), undefined)
    assert.equal(commonNameOf({}), undefined)
    assert.equal(commonNameOf(undefined), undefined)
  })

  test('is one name, and not an empty one', () => {
    assert.equal(commonNameOf(peer(true, ['alice', 'root'])), undefined)
    assert.equal(commonNameOf(peer(true, '')), undefined)
    assert.equal(commonNameOf(peer(true, undefined)), undefined)
    // As Node shows it where no certificate was sent.
    assert.equal(commonNameOf({ authorized: true, getPeerCertificate: () => ({}) }), undefined)
  })
})
