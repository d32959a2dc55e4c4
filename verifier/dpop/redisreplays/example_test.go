package redisreplays_test

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/dpop/redisreplays"
)

func ExampleNew() {
	client := redis.NewClient(&redis.Options{Addr: "redis.example:6379"})
	defer client.Close()
	replays, err := redisreplays.New(client, redisreplays.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	config := dpop.Config{
		Origins: []string{"https://api.example.com"},
		Replays: replays,
	}
	_, err = dpop.New(config) // or interceptor.WithDPoP(config)
	fmt.Println(err)
	// Output: <nil>
}
