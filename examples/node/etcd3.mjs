/**
 * The npm package etcd3 at an Aspen: nothing in this program knows that it is not an etcd.
 *
 *   npm install etcd3 && node etcd3.mjs http://127.0.0.1:2379
 *
 * With a second argument it turns on users, does something as one of them, and turns them off again.
 */
import { Etcd3 } from 'etcd3'

const [hosts = 'http://127.0.0.1:2379', withUsers] = process.argv.slice(2)
const client = new Etcd3({ hosts })

async function keys() {
  await client.put('js/greeting').value('hello')
  const all = await client.getAll().prefix('js/').strings()
  const swap = () =>
    client.if('js/greeting', 'Value', '==', 'hello').then(client.put('js/greeting').value('swapped')).commit()
  const swapped = [(await swap()).succeeded, (await swap()).succeeded]
  console.log('js: kv:', all, swapped)
}

async function watches() {
  const watcher = await client.watch().prefix('js/watched/').withPreviousKV().create()
  const told = []
  const enough = new Promise((resolve) => {
    const tell = (text) => {
      if (told.push(text) === 3) resolve()
    }
    watcher.on('put', (now, before) => tell(`put ${now.value} ${before?.value ?? '-'}`))
    watcher.on('delete', (_, before) => tell(`delete ${before?.value}`))
  })
  await client.put('js/watched/key').value('1')
  await client.put('js/watched/key').value('2')
  await client.delete().key('js/watched/key')
  await enough
  await watcher.cancel()
  console.log('js: watch:', told.join(', '))
}

async function leases() {
  const lease = client.lease(10)
  await lease.put('js/leased').value('for a while')
  await lease.keepaliveOnce()
  const before = await client.get('js/leased').string()
  await lease.revoke()
  console.log('js: lease:', before, await client.get('js/leased').string())
}

async function locks() {
  const order = []
  const take = (name) =>
    client
      .lock('js/lock')
      .ttl(10)
      .do(async () => {
        order.push(name)
        await new Promise((resolve) => setTimeout(resolve, 50))
        order.push(name)
      })
  await take('one')
  // This library does not wait for a lock: whoever comes while it is held is refused.
  const held = client.lock('js/lock')
  await held.acquire()
  const refused = await take('two').catch((error) => error.constructor.name)
  await held.release()
  console.log('js: lock:', order.join(' '), refused)
}

async function elections() {
  const election = client.election('js/election', 10)
  const campaign = election.campaign('ann')
  await new Promise((resolve, reject) => {
    campaign.once('elected', resolve)
    campaign.once('error', reject)
  })
  console.log('js: election:', await election.leader())
  await campaign.resign()
}

async function users() {
  const root = client.role('root')
  await root.create()
  await client.user('root').create('secret')
  await client.user('root').addRole('root')
  const reader = client.role('reader')
  await reader.create()
  await reader.grant({ permission: 'Read', range: client.range({ prefix: 'js/' }) })
  await client.user('ann').create('pw')
  await client.user('ann').addRole(reader)
  await client.auth.authEnable()
  const admin = new Etcd3({ hosts, auth: { username: 'root', password: 'secret' } })
  const ann = new Etcd3({ hosts, auth: { username: 'ann', password: 'pw' } })
  const read = await ann.get('js/greeting').string()
  const denied = await ann
    .put('js/greeting')
    .value('mine')
    .exec()
    .catch((error) => error.constructor.name)
  console.log('js: users:', read, denied)
  await admin.auth.authDisable()
  ann.close()
  admin.close()
}

await keys()
await watches()
await leases()
await locks()
await elections()
if (withUsers !== undefined) await users()
client.close()
console.log('js: done')
