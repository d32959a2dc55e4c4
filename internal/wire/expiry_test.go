package wire_test

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// expired is what every stream comes to whose token ends before it does.
var expired = invalidToken("expired", bearer(expiringToken), "TOKEN_EXPIRED",
	"the token expired while the stream was open")

// An ending is one way for a stream to be caught by the expiry.
type ending struct {
	handler string // its script
	kinds   []kind
	moment  moment
	hold    bool // whether it needs the client to keep its side open
}

var endings = []ending{
	{handler: waits, kinds: []kind{serverStream, clientStream, bidiStream}, moment: unsent},
	{handler: waitsThenFails, kinds: []kind{serverStream, clientStream, bidiStream}, moment: unsent},
	{handler: receives, kinds: []kind{clientStream, bidiStream}, moment: unsent, hold: true},
	{handler: sends, kinds: []kind{serverStream, bidiStream}, moment: sent},
	{handler: sendsThenWaits, kinds: []kind{serverStream, bidiStream}, moment: sent},
	{handler: sendsThenReceives, kinds: []kind{bidiStream}, moment: sent, hold: true},
	{handler: sendsHeaderThenWaits, kinds: []kind{serverStream, bidiStream}, moment: sent},
}

// All streams of all paths are open at once, and end together.
func TestEveryPathTellsTheExpiryAlike(t *testing.T) {
	auth, tokens := newAuth(t)
	var streams []*expiringStream
	for _, path := range paths() {
		streams = append(streams, path.expiringStreams()...)
	}
	tokens.awaitStreams(len(streams))
	var opened sync.WaitGroup
	for _, path := range paths() {
		server := path.launch(t, auth)
		client := path.dial(t, server)
		for _, s := range streams {
			if s.path.name != path.name {
				continue
			}
			s.server = server
			opened.Go(func() { s.answer = perform(t, client, s.call()) })
		}
	}
	opened.Wait()
	expiry := tokens.expiry(t)
	for _, s := range streams {
		t.Run(s.path.name+"/"+string(s.kind)+"/"+"the handler "+s.ending.handler, func(t *testing.T) { s.check(t, expiry) })
	}
}

type expiringStream struct {
	path   path
	kind   kind
	ending ending
	server *server
	answer answer
}

// expiringStreams returns those that are possible on the path.
func (p path) expiringStreams() []*expiringStream {
	var streams []*expiringStream
	for _, ending := range endings {
		if ending.hold && p.waitsForRequest() {
			continue
		}
		for _, kind := range ending.kinds {
			if slices.Contains(p.kinds, kind) {
				streams = append(streams, &expiringStream{path: p, kind: kind, ending: ending})
			}
		}
	}
	return streams
}

func (s *expiringStream) call() call {
	return call{
		kind:          s.kind,
		authorization: expired.authorization,
		script:        s.ending.handler,
		hold:          !s.path.waitsForRequest(),
	}
}

func (s *expiringStream) check(t *testing.T, expiry time.Time) {
	s.path.check(t, s.answer, s.kind, expired, s.ending.moment)
	if early := expiry.Sub(s.answer.ended); early > 0 {
		t.Errorf("the stream ended %v before its token", early)
	}
	header := s.ending.handler == sendsHeaderThenWaits
	if got, want := s.answer.messages > 0, s.ending.moment == sent && !header; got != want {
		t.Errorf("%d messages arrived, want some = %v", s.answer.messages, want)
	}
	s.server.checkQuiet(t)
}
