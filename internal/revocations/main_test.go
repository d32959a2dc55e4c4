package main

import "testing"

// The figures are another day's business. What's checked here is that streams end, and no others.
func TestStreamsEndOnEveryStack(t *testing.T) {
	for _, stack := range stacks {
		t.Run(stack.name, func(t *testing.T) {
			s := size{users: 20, streams: 3, revocations: 5, rate: 1000}
			r, err := measure(stack, s)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.ended) != s.revocations || r.messages == 0 {
				t.Errorf("%d users were revoked, and %d messages received", len(r.ended), r.messages)
			}
		})
	}
}
