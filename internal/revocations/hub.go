package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A hub sends messages to the streams of a server.
type hub struct {
	mu    sync.Mutex
	feeds map[int]*feed // by the stream's ID
}

// A feed is one stream's, and numbers its messages.
type feed struct {
	messages chan string
	sent     int64
}

func newHub() *hub { return &hub{feeds: make(map[int]*feed)} }

// serve is a handler: it sends what its feed has until the stream ends.
func (h *hub) serve(ctx context.Context, id int, send func(string) error) error {
	f := &feed{messages: make(chan string, 64)}
	h.mu.Lock()
	h.feeds[id] = f
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.feeds, id)
		h.mu.Unlock()
	}()
	for {
		select {
		case message := <-f.messages:
			if err := send(message); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// await waits until n handlers run.
func (h *hub) await(n int) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		h.mu.Lock()
		running := len(h.feeds)
		h.mu.Unlock()
		if running == n {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d handlers run, want %d", running, n)
		}
	}
}

// send gives the streams messages, in turns and evenly, until ctx ends.
func (h *hub) send(ctx context.Context, perSecond int) {
	const tick = 10 * time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var turns []int
	for {
		for range max(1, perSecond/int(time.Second/tick)) {
			if len(turns) == 0 {
				turns = h.ids()
			}
			if len(turns) > 0 {
				h.sendOne(turns[0])
				turns = turns[1:]
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (h *hub) ids() (ids []int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.feeds {
		ids = append(ids, id)
	}
	return ids
}

// sendOne drops nothing: a stream whose buffer is full gets the number later.
func (h *hub) sendOne(id int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[id]
	if f == nil {
		return // it has ended
	}
	select {
	case f.messages <- fmt.Sprint(f.sent + 1):
		f.sent++
	default:
	}
}

// sentTo returns how many messages a stream was sent.
func (h *hub) sentTo(id int) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.feeds[id]; f != nil {
		return f.sent
	}
	return -1
}

var errNoID = errors.New("the request names no stream")
