package revocation

import (
	"container/heap"
	"maps"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A held is the set of all entries, at most so many. All but mayRevoke is called with the list's
// lock.
type held struct {
	maxEntries int
	filter     *filter
	byKey      map[key]*entry
	byExpiry   expiryQueue
	lastIssuer string // most entries are of one issuer, so they share its name
}

func newHeld(maxEntries int) *held {
	return &held{maxEntries: maxEntries, filter: newFilter(), byKey: make(map[key]*entry)}
}

// mayRevoke returns false if no entry can be about the token. It takes no lock.
func (h *held) mayRevoke(claims *verifier.Claims) bool {
	words := h.filter.load()
	if words == nil {
		return false
	}
	session, subject := claims.SessionID(), claims.Subject()
	return h.filter.mayHold(words, byToken, claims.ID()) ||
		h.filter.mayHold(words, bySession, session) ||
		h.filter.mayHold(words, bySubject, subject) ||
		session == "" && h.filter.mayHold(words, bySubjectWithoutSession, subject) ||
		h.filter.mayHold(words, byClient, claims.ClientID())
}

// find returns the entry that revokes the token, or nil.
func (h *held) find(claims *verifier.Claims, now time.Time) *entry {
	keys, n := keysOf(claims)
	for _, k := range keys[:n] {
		if e := h.byKey[k]; e != nil && e.covers(claims.IssuedAt()) && now.Unix() < e.expires {
			return e
		}
	}
	return nil
}

// add returns false if the entry finds no room.
func (h *held) add(added entry) bool {
	if e := h.byKey[added.key]; e != nil {
		e.issuedBefore = max(e.issuedBefore, added.issuedBefore)
		e.expires = max(e.expires, added.expires)
		heap.Fix(&h.byExpiry, e.position)
		return true
	}
	if h.isFull() {
		return false
	}
	if added.issuer != h.lastIssuer {
		h.lastIssuer = strings.Clone(added.issuer)
	}
	added.issuer, added.value = h.lastIssuer, strings.Clone(added.value)
	h.filter.add(added.kind, added.value, maps.Keys(h.byKey))
	h.byKey[added.key] = &added
	heap.Push(&h.byExpiry, &added)
	return true
}

func (h *held) isFull() bool { return len(h.byKey) >= h.maxEntries }

// prune forgets some of the entries whose time is over. Each event has some forgotten, so that
// none waits for many.
func (h *held) prune(now time.Time) {
	for range maxPruned {
		if len(h.byExpiry) == 0 || now.Unix() < h.byExpiry[0].expires {
			return
		}
		e, _ := heap.Pop(&h.byExpiry).(*entry)
		delete(h.byKey, e.key)
		h.filter.remove(e.kind, e.value)
	}
}

const maxPruned = 64

// An expiryQueue is a heap with the entry that expires first in front.
type expiryQueue []*entry

func (q *expiryQueue) Len() int           { return len(*q) }
func (q *expiryQueue) Less(i, j int) bool { return (*q)[i].expires < (*q)[j].expires }
func (q *expiryQueue) Swap(i, j int) {
	(*q)[i], (*q)[j] = (*q)[j], (*q)[i]
	(*q)[i].position, (*q)[j].position = i, j
}

// Push implements [heap.Interface].
func (q *expiryQueue) Push(x any) {
	e, _ := x.(*entry)
	e.position = len(*q)
	*q = append(*q, e)
}

// Pop implements [heap.Interface].
func (q *expiryQueue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
