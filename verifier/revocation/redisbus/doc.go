// Package redisbus carries revocations between the replicas of a service, over a Redis Stream.
//
//	client := redis.NewClient(&redis.Options{Addr: "redis.example:6379"})
//	bus, err := redisbus.New(client, redisbus.Config{})
//	list, err := revocation.New(revocation.Config{Bus: bus, Stale: revocation.Admit})
//	go list.Run(ctx)
//
// When one replica revokes a token, the others refuse it a few milliseconds later, and its open
// streams end there. A replica that was away or starts anew reads what it has missed. Calls never
// wait for Redis.
//
// The package is a module of its own, so other users don't depend on a Redis client. It needs
// Redis 6.2 or later, or Valkey.
//
// # What Redis must keep
//
// A revocation is acknowledged once Redis has executed the command. Its settings decide how safe
// the event then is:
//
//   - With "appendonly no", a restart loses all events. Running replicas still know them, but later
//     ones don't. With "appendfsync always" none is lost. With "everysec", the default, a power
//     failure can cost a second.
//   - Replication is asynchronous. A failover can lose the last events, for replicas that start
//     later.
//   - Under maxmemory, Redis may evict the whole stream unless the policy is noeviction or volatile.
//
// A reader notices when it's given another stream, even one with lower IDs. It reads that from the
// start, and [Status] counts it.
//
// # Who may write
//
// A writer can have any caller refused. To let one in, it would have to delete events. Entries
// without an event change nothing and are counted. A user of Redis needs these rights and no more:
//
//	ACL SETUSER orders on >secret -@all ~oidcrpc:revocations +eval +evalsha +time +xtrim +xlen +xadd +xread +xrange
//
// # A full stream
//
// If [Config].MaxEvents must still be kept, [Bus.Publish] returns [ErrFull] and removes none of
// them. So the replica that revoked a token refuses it, but the others don't know.
package redisbus
