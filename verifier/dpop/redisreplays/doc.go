// Package redisreplays remembers accepted DPoP proofs in Redis, so a proof counts once for all
// replicas of a service.
//
//	client := redis.NewClient(&redis.Options{Addr: "redis.example:6379"})
//	replays, err := redisreplays.New(client, redisreplays.Config{})
//	auth, err := interceptor.New(v, interceptor.WithDPoP(dpop.Config{
//		Origins:   []string{"https://api.example.com"},
//		NonceKeys: keys,
//		Replays:   replays,
//	}))
//
// The package is a module of its own, so other users don't depend on a Redis client.
//
// # What Redis must keep
//
// A forgotten proof can be used again until its time is over, a few minutes at most:
//
//   - The policy for maxmemory must be noeviction. When memory runs out, calls with proofs are then
//     Unavailable.
//   - With "appendonly no", a restart forgets all proofs. With "appendfsync everysec", a power
//     failure forgets a second.
//   - Replication is asynchronous, so a failover can forget the last ones.
//
// While Redis is down, calls with proofs are Unavailable. A key takes about 200 bytes, for two
// minutes by default.
//
// A user of Redis needs these rights and no more:
//
//	ACL SETUSER orders on >secret -@all ~oidcrpc:dpop:* +set +get
package redisreplays
