package revocation

import (
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A watcher is an open stream, which ends if its token is revoked. It's found by each of its
// token's keys.
type watcher struct {
	issuedAt time.Time
	end      func(*verifier.AuthError)
	links    [maxKeys]link
	n        int // of links
}

// A link is a watcher's place among those with the same key.
type link struct {
	key            key
	watcher        *watcher // nil once removed
	previous, next *link
}

// watchers finds watchers by key. It's used with the list's lock.
type watchers struct {
	first map[key]*link
	n     int
}

func newWatchers() *watchers { return &watchers{first: make(map[key]*link)} }

func (ws *watchers) add(claims *verifier.Claims, end func(*verifier.AuthError)) *watcher {
	w := &watcher{issuedAt: claims.IssuedAt(), end: end}
	keys, n := keysOf(claims)
	w.n = n
	for i, k := range keys[:n] {
		l := &w.links[i]
		*l = link{key: k, watcher: w, next: ws.first[k]}
		if l.next != nil {
			l.next.previous = l
		}
		ws.first[k] = l
	}
	ws.n++
	return w
}

// remove takes the same time however many watchers share a key. It may be called again.
func (ws *watchers) remove(w *watcher) {
	if w.end == nil {
		return
	}
	for i := range w.links[:w.n] {
		l := &w.links[i]
		switch {
		case l.previous != nil:
			l.previous.next = l.next
		case l.next != nil:
			ws.first[l.key] = l.next
		default:
			delete(ws.first, l.key)
		}
		if l.next != nil {
			l.next.previous = l.previous
		}
	}
	*w = watcher{}
	ws.n--
}

// take removes the watchers whose tokens the entry revokes, and returns how to end them.
func (ws *watchers) take(e *entry) (ends []func(*verifier.AuthError)) {
	for l := ws.first[e.key]; l != nil; {
		w := l.watcher
		l = l.next
		if e.covers(w.issuedAt) {
			ends = append(ends, w.end)
			ws.remove(w)
		}
	}
	return ends
}
