"""Python's etcd3 at an Aspen: nothing in this program knows that it is not an etcd.

With Debian's package python3-etcd3:  python3 etcd3_example.py 127.0.0.1:2379 [user password ca.pem]

The library cannot make users, but it can be one, over TLS: it does not send a token over a line that others can read. Elections
it does not know; its lock is a key that it puts itself.
"""
import sys
import threading

import etcd3

host, port = (sys.argv[1] if len(sys.argv) > 1 else '127.0.0.1:2379').rsplit(':', 1)
user, password, ca = (sys.argv[2:5] + [None, None, None])[:3]
client = etcd3.client(host=host, port=int(port), timeout=20, user=user, password=password, ca_cert=ca)


def keys():
    client.put('py/greeting', 'hello')
    value, meta = client.get('py/greeting')
    client.put('py/second', 'too')
    names = [meta.key.decode() for _, meta in client.get_prefix('py/', sort_order='descend')]
    swapped = [client.replace('py/greeting', 'hello', 'swapped') for _ in range(2)]
    print('py: kv:', value.decode(), meta.version, names, swapped)


def transactions():
    succeeded, responses = client.transaction(
        compare=[client.transactions.value('py/greeting') == 'swapped', client.transactions.version('py/none') == 0],
        success=[client.transactions.put('py/greeting', 'by txn'), client.transactions.get('py/second')],
        failure=[client.transactions.delete('py/greeting')],
    )
    print('py: txn:', succeeded, responses[1][0][0].decode())


def watches():
    changes, cancel = client.watch_prefix('py/watched/')
    client.put('py/watched/key', '1')
    client.put('py/watched/key', '2')
    client.delete('py/watched/key')
    told = []
    for change in changes:
        told.append(type(change).__name__ + ' ' + change.value.decode())
        if len(told) == 3:
            cancel()
            break
    print('py: watch:', ', '.join(told))


def leases():
    lease = client.lease(ttl=10)
    client.put('py/leased', 'for a while', lease=lease)
    refreshed = lease.refresh()[0].TTL
    keys = [key.decode() for key in lease.keys]
    lease.revoke()
    print('py: lease:', refreshed, keys, client.get('py/leased')[0])


def locks():
    held = []
    with client.lock('py', ttl=10) as lock:
        held.append(lock.is_acquired())
        other = client.lock('py', ttl=10)
        waiter = threading.Thread(target=lambda: held.append(other.acquire(timeout=20)))
        waiter.start()
    waiter.join()
    other.release()
    print('py: lock:', held)


def members():
    status = client.status()
    names = [member.name for member in client.members]
    print('py: members:', len(names), status.leader is not None, status.version)


keys()
transactions()
watches()
leases()
locks()
members()
client.close()
print('py: done')
