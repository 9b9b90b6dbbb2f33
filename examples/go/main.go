// The official Go client of etcd, at an Aspen: nothing in this program knows that it is not an etcd.
//
// With Debian's packages golang-go and golang-etcd-server-dev, which carry the client library of etcd 3.4:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run main.go 127.0.0.1:2379
//
// In a module of one's own the import is go.etcd.io/etcd/client/v3, and the calls are the same.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
)

func main() {
	endpoints := []string{"127.0.0.1:2379"}
	if len(os.Args) > 1 {
		endpoints = strings.Split(os.Args[1], ",")
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second})
	check(err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()

	keys(ctx, client)
	transactions(ctx, client)
	watches(ctx, client)
	leases(ctx, client)
	locks(ctx, client)
	elections(ctx, client)
	if len(os.Args) > 2 {
		users(ctx, client, endpoints)
	}
	fmt.Println("go: done")
}

func keys(ctx context.Context, client *clientv3.Client) {
	_, err := client.Put(ctx, "go/greeting", "hello")
	check(err)
	again, err := client.Put(ctx, "go/greeting", "hello again", clientv3.WithPrevKV())
	check(err)
	all, err := client.Get(ctx, "go/", clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	check(err)
	old, err := client.Get(ctx, "go/greeting", clientv3.WithRev(again.Header.Revision-1))
	check(err)
	fmt.Printf("go: kv: %s, %s, %s\n", again.PrevKv.Value, all.Kvs[0].Value, old.Kvs[0].Value)
}

func transactions(ctx context.Context, client *clientv3.Client) {
	swap := func(from, to string) bool {
		done, err := client.Txn(ctx).
			If(clientv3.Compare(clientv3.Value("go/greeting"), "=", from)).
			Then(clientv3.OpPut("go/greeting", to)).
			Else(clientv3.OpGet("go/greeting")).
			Commit()
		check(err)
		return done.Succeeded
	}
	fmt.Println("go: txn:", swap("hello again", "swapped"), swap("hello again", "swapped"))
}

func watches(ctx context.Context, client *clientv3.Client) {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	changes := client.Watch(watching, "go/watched/", clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithCreatedNotify())
	<-changes
	for _, value := range []string{"1", "2"} {
		_, err := client.Put(ctx, "go/watched/key", value)
		check(err)
	}
	_, err := client.Delete(ctx, "go/watched/key")
	check(err)
	var told []string
	for len(told) < 3 {
		response := <-changes
		check(response.Err())
		for _, event := range response.Events {
			told = append(told, fmt.Sprintf("%s %s", event.Type, event.Kv.Value))
		}
	}
	fmt.Println("go: watch:", strings.Join(told, ", "))
}

func leases(ctx context.Context, client *clientv3.Client) {
	lease, err := client.Grant(ctx, 10)
	check(err)
	alive, err := client.KeepAlive(ctx, lease.ID)
	check(err)
	fmt.Println("go: lease:", (<-alive).TTL)
	_, err = client.Put(ctx, "go/leased", "for a while", clientv3.WithLease(lease.ID))
	check(err)
	left, err := client.TimeToLive(ctx, lease.ID, clientv3.WithAttachedKeys())
	check(err)
	_, err = client.Revoke(ctx, lease.ID)
	check(err)
	after, err := client.Get(ctx, "go/leased")
	check(err)
	fmt.Printf("go: leased: %s, then %d\n", left.Keys[0], after.Count)
}

func locks(ctx context.Context, client *clientv3.Client) {
	first, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	check(err)
	second, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	check(err)
	one, two := concurrency.NewMutex(first, "go/lock"), concurrency.NewMutex(second, "go/lock")
	check(one.Lock(ctx))
	taken := make(chan error, 1)
	go func() { taken <- two.Lock(ctx) }()
	select {
	case <-taken:
		log.Fatal("two held one lock")
	case <-time.After(200 * time.Millisecond):
	}
	check(one.Unlock(ctx))
	check(<-taken)
	fmt.Println("go: lock: one after the other")
	check(first.Close())
	check(second.Close())
}

func elections(ctx context.Context, client *clientv3.Client) {
	session, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	check(err)
	election := concurrency.NewElection(session, "go/election")
	check(election.Campaign(ctx, "ann"))
	check(election.Proclaim(ctx, "ann the second"))
	leader, err := election.Leader(ctx)
	check(err)
	fmt.Printf("go: election: %s\n", leader.Kvs[0].Value)
	check(election.Resign(ctx))
	_, err = election.Leader(ctx)
	fmt.Println("go: after it:", err)
	check(session.Close())
}

// Turns on users, does something as one of them, and turns them off again. Asked for with a second argument.
func users(ctx context.Context, client *clientv3.Client, endpoints []string) {
	must := func(_ interface{}, err error) { check(err) }
	must(client.RoleAdd(ctx, "root"))
	must(client.UserAdd(ctx, "root", "secret"))
	must(client.UserGrantRole(ctx, "root", "root"))
	must(client.RoleAdd(ctx, "reader"))
	must(client.RoleGrantPermission(ctx, "reader", "go/", clientv3.GetPrefixRangeEnd("go/"), clientv3.PermissionType(clientv3.PermRead)))
	must(client.UserAdd(ctx, "ann", "pw"))
	must(client.UserGrantRole(ctx, "ann", "reader"))
	must(client.AuthEnable(ctx))
	as := func(name, password string) *clientv3.Client {
		known, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second, Username: name, Password: password})
		check(err)
		return known
	}
	root, ann := as("root", "secret"), as("ann", "pw")
	read, err := ann.Get(ctx, "go/greeting")
	check(err)
	_, denied := ann.Put(ctx, "go/greeting", "mine")
	fmt.Printf("go: users: %s, %v\n", read.Kvs[0].Value, denied)
	must(root.AuthDisable(ctx))
	check(ann.Close())
	check(root.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
