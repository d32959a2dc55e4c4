package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const revoked = "a list of revocations"

// revocationRaces shows what a list costs a call whose token is remembered, and not on it.
func revocationRaces(
	issuer *verifiertest.Issuer, want func(name string) bool, rounds int,
) (races []Race, err error) {
	for _, w := range []workload{{name: oneToken, samples: one}, {name: manyTokens, samples: all}} {
		name := revoked + ", " + w.name
		if !want(name) {
			continue
		}
		m := newMintage(issuer, "RS256")
		var contestants []contestant
		for _, entries := range []int{-1, 0, 1000, 100_000} {
			c, err := listed(issuer, entries, w.samples(m))
			if err != nil {
				return nil, err
			}
			contestants = append(contestants, c)
		}
		results, err := race(contestants, rounds, verifySlice)
		if err != nil {
			return nil, err
		}
		races = append(races, Race{name, results})
	}
	return races, nil
}

// listed makes calls beside a list with so many entries, or beside none.
func listed(issuer *verifiertest.Issuer, entries int, samples []*sample) (contestant, error) {
	v, err := verifier.New(issuer.Config())
	if err != nil {
		return contestant{}, err
	}
	name := "no list"
	var options []interceptor.Option
	if entries >= 0 {
		name = fmt.Sprintf("%d entries", entries)
		list, err := fill(issuer.URL(), entries)
		if err != nil {
			return contestant{}, err
		}
		options = []interceptor.Option{interceptor.WithRevocations(list)}
	}
	auth, err := interceptor.New(v, options...)
	if err != nil {
		return contestant{}, err
	}
	calls := make([]interceptor.Call, len(samples))
	for i, s := range samples {
		calls[i] = interceptor.Call{Procedure: "/greet.v1.GreetService/Greet", Authorization: []string{"Bearer " + s.token}}
	}
	at := 0
	c := contestant{name, 1, func(n int) error {
		ctx := context.Background()
		for range n {
			if _, refusal := auth.Authenticate(ctx, calls[at]); refusal != nil {
				return errors.New(refusal.Message)
			}
			if at++; at == len(calls) {
				at = 0
			}
		}
		return nil
	}}
	return c, c.run(len(calls)) // what is remembered has been seen
}

// fill revokes tokens, sessions, subjects and clients in equal parts.
func fill(issuer string, entries int) (*revocation.List, error) {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		return nil, err
	}
	for i := range entries {
		name := fmt.Sprintf("b3f1c2d4-0000-4000-8000-%012d", i)
		e := [...]revocation.Event{{TokenID: name}, {SessionID: name}, {Subject: name}, {ClientID: name}}[i%4]
		e.Issuer = issuer
		if err := list.Revoke(context.Background(), e); err != nil {
			return nil, err
		}
	}
	return list, nil
}
