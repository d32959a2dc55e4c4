package main

import (
	"math/rand/v2"
	"time"
)

// A fault spoils a scene, and knows how to repair it.
type fault struct{ begin, end func(*scene) error }

func weathered(w weather) fault {
	return fault{
		func(s *scene) error { s.cable.set(w); return nil },
		func(s *scene) error { s.cable.set(weather{}); return nil },
	}
}

func dropped() fault { return weathered(weather{loses: func(packet) bool { return true }}) }

func answersDropped() fault {
	return weathered(weather{loses: func(p packet) bool { return p.destination() == verifierAddress }})
}

func lossy(percent int) fault {
	return weathered(weather{loses: func(packet) bool { return rand.IntN(100) < percent }})
}

func refused() fault { return weathered(weather{refuses: true}) }

func delayed(each time.Duration) fault { return weathered(weather{delay: each}) }

// forgotten is over as soon as it has begun: new connections work.
func forgotten() fault {
	return fault{
		func(s *scene) error { s.cable.forget(); return nil },
		func(*scene) error { return nil },
	}
}

// moved heals when the name names the other address. The old one stays out of reach.
func moved() fault {
	return fault{
		func(s *scene) error {
			s.cable.set(weather{loses: func(p packet) bool {
				return p.source() == issuerAddress || p.destination() == issuerAddress
			}})
			return nil
		},
		func(s *scene) error { s.names.set(helpful, movedAddress); return nil },
	}
}

// misnamed ends the connections, too: a name is asked for only when there's none.
func misnamed(m mood) fault {
	return fault{
		func(s *scene) error { s.names.set(m, issuerAddress); s.cable.forget(); return nil },
		func(s *scene) error { s.names.set(helpful, issuerAddress); return nil },
	}
}

func greeting(h hello) fault {
	return fault{
		func(s *scene) error { return s.issuer.set(func(state *State) { state.Hello = h }) },
		func(s *scene) error { return s.issuer.set(func(state *State) { state.Hello = "" }) },
	}
}

func answering(a answer) fault {
	return fault{
		func(s *scene) error { return s.issuer.set(func(state *State) { state.Answer = a }) },
		func(s *scene) error { return s.issuer.set(func(state *State) { state.Answer = "" }) },
	}
}

func expiredCertificate() fault {
	return certified(func(s *scene) (pair, error) { return s.authority.issue(time.Now().Add(-time.Minute)) })
}

func unknownAuthority() fault {
	return certified(func(*scene) (pair, error) {
		stranger, err := newAuthority()
		if err != nil {
			return pair{}, err
		}
		return stranger.issue(time.Now().Add(time.Hour))
	})
}

func certified(issue func(*scene) (pair, error)) fault {
	use := func(s *scene, issue func(*scene) (pair, error)) error {
		pair, err := issue(s)
		if err != nil {
			return err
		}
		return s.issuer.set(func(state *State) { state.Pair = pair })
	}
	good := func(s *scene) (pair, error) { return s.authority.issue(time.Now().Add(time.Hour)) }
	return fault{
		func(s *scene) error { return use(s, issue) },
		func(s *scene) error { return use(s, good) },
	}
}

func paused() fault {
	return fault{
		func(s *scene) error { return s.issuer.pause() },
		func(s *scene) error { return s.issuer.resume() },
	}
}

// restarted forgets all keys but the newest.
func restarted() fault {
	return fault{
		func(s *scene) error { s.issuer.kill(); return nil },
		func(s *scene) error { s.issuer.withdraw(); return s.issuer.start() },
	}
}
