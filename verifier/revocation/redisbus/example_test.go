package redisbus_test

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/redisbus"
)

func ExampleNew() {
	client := redis.NewClient(&redis.Options{Addr: "redis.example:6379"})
	defer client.Close()
	bus, err := redisbus.New(client, redisbus.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	list, err := revocation.New(revocation.Config{
		Bus:   bus,
		Stale: revocation.Admit, // or Refuse: what becomes of calls while Redis is down for long
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Until list.Run has caught up with the stream, a revocation may be missing.
	fmt.Println(list.Status().Stale)
	// Output: true
}
