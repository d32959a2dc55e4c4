package wire_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// expired is what every stream comes to whose token ends before it does.
var expired = invalidToken("expired", bearer(expiringToken), "TOKEN_EXPIRED",
	"the token expired while the stream was open")

// An ending is one way for a stream to be caught by the end of its token.
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
	streams := endingStreams()
	tokens.awaitStreams(len(streams))
	var opened sync.WaitGroup
	openAll(t, &opened, auth, streams, expired)
	opened.Wait()
	expiry := tokens.expiry(t)
	for _, s := range streams {
		t.Run(s.name(), func(t *testing.T) { s.check(t, expired, expiry) })
	}
}

// An endingStream is a stream that ends before its handler wants it to.
type endingStream struct {
	path   path
	kind   kind
	ending ending
	server *server
	answer answer
}

// endingStreams returns those that are possible on all paths.
func endingStreams() []*endingStream {
	var streams []*endingStream
	for _, path := range paths() {
		for _, ending := range endings {
			if ending.hold && path.waitsForRequest() {
				continue
			}
			for _, kind := range ending.kinds {
				if slices.Contains(path.kinds, kind) {
					streams = append(streams, &endingStream{path: path, kind: kind, ending: ending})
				}
			}
		}
	}
	return streams
}

// openAll opens the streams, on a server for each path. The group has their ends.
func openAll(
	t *testing.T, opened *sync.WaitGroup, auth *interceptor.Authenticator, streams []*endingStream, want outcome,
) {
	t.Helper()
	for _, path := range paths() {
		openPath(t, opened, auth, path, streams, want)
	}
}

// openPath opens those of the streams that take a path, and returns them.
func openPath(
	t *testing.T, opened *sync.WaitGroup, auth *interceptor.Authenticator, path path, streams []*endingStream, want outcome,
) (chosen []*endingStream) {
	t.Helper()
	server := path.launch(t, auth)
	server.service.end = verifier.Code(strings.ToLower(want.reason))
	client := path.dial(t, server)
	for _, s := range streams {
		if s.path.name != path.name {
			continue
		}
		s.server = server
		chosen = append(chosen, s)
		opened.Go(func() {
			s.answer = perform(t, client, call{
				kind:          s.kind,
				authorization: want.authorization,
				script:        s.ending.handler,
				hold:          !s.path.waitsForRequest(),
			})
		})
	}
	return chosen
}

func (s *endingStream) name() string {
	return s.path.name + "/" + string(s.kind) + "/the handler " + s.ending.handler
}

// check expects the stream to have ended at a moment or later.
func (s *endingStream) check(t *testing.T, want outcome, end time.Time) {
	t.Helper()
	s.path.check(t, s.answer, s.kind, want, s.ending.moment)
	if early := end.Sub(s.answer.ended); early > 0 {
		t.Errorf("the stream ended %v too early", early)
	}
	header := s.ending.handler == sendsHeaderThenWaits
	if got, want := s.answer.messages > 0, s.ending.moment == sent && !header; got != want {
		t.Errorf("%d messages arrived, want some = %v", s.answer.messages, want)
	}
	s.server.checkQuiet(t)
}
