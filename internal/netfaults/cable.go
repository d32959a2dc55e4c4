package main

import (
	"bytes"
	"io"
	"sync"
	"time"
)

var (
	verifierAddress = [4]byte{10, 0, 0, 1}
	issuerAddress   = [4]byte{10, 0, 0, 2}
	movedAddress    = [4]byte{10, 0, 0, 3} // the issuer's, too
)

// A cable carries packets between two devices as its weather permits.
type cable struct {
	verifier, issuer io.ReadWriter

	mu        sync.Mutex
	weather   weather
	flows     map[flow]bool // seen so far
	forgotten map[flow]bool
}

// weather is what happens to every packet. The zero value is fair.
type weather struct {
	loses   func(packet) bool // nil: none
	refuses bool              // TCP segments of the verifier, with a reset
	delay   time.Duration     // of each packet
}

func newCable(verifier, issuer io.ReadWriter) *cable {
	return &cable{verifier: verifier, issuer: issuer, flows: make(map[flow]bool)}
}

// run carries packets until both devices are closed.
func (c *cable) run() {
	var wg sync.WaitGroup
	wg.Go(func() { c.carry(c.verifier, c.issuer) })
	wg.Go(func() { c.carry(c.issuer, c.verifier) })
	wg.Wait()
}

func (c *cable) set(w weather) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.weather = w
}

// forget silently loses every packet of the TCP connections seen so far, like a NAT with a
// full table. New connections work.
func (c *cable) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgotten, c.flows = c.flows, make(map[flow]bool)
}

type parcel struct {
	packet packet
	due    time.Time
}

func (c *cable) carry(from io.ReadWriter, to io.Writer) {
	const longest = 4096 // more are lost, as in any queue
	queue := make(chan parcel, longest)
	go func() {
		for p := range queue {
			time.Sleep(time.Until(p.due))
			_, _ = to.Write(p.packet)
		}
	}()
	defer close(queue)
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p := packet(bytes.Clone(buffer[:n]))
		arrives, answer, delay := c.judge(p)
		if answer != nil {
			_, _ = from.Write(answer)
		}
		if !arrives {
			continue
		}
		select {
		case queue <- parcel{p, time.Now().Add(delay)}:
		default:
		}
	}
}

// judge decides whether a packet arrives, and when. An answer, if any, goes back to its sender.
func (c *cable) judge(p packet) (arrives bool, answer packet, delay time.Duration) {
	if !p.isIPv4() {
		return false, nil, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if flow, ok := p.flow(); ok {
		if c.forgotten[flow] {
			return false, nil, 0
		}
		c.flows[flow] = true
	}
	if c.weather.refuses && p.source() == verifierAddress {
		return false, p.reset(), 0
	}
	if c.weather.loses != nil && c.weather.loses(p) {
		return false, nil, 0
	}
	return true, nil, c.weather.delay
}
