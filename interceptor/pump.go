package interceptor

// A pump receives a stream's messages in a goroutine, since nothing but the stream's own end
// makes a transport's receive return. The goroutine ends with the stream.
type pump struct {
	receive func(any) error // the transport's
	ended   <-chan struct{} // closed when the stream ends
	wanted  chan any        // messages to receive into; nil until there is one
	results chan received   // one for each, unless the stream ends first
}

// received is what became of a message.
type received struct {
	err      error
	panicked any
}

// next receives into m. It returns false if the stream ends first, and then m may still be
// written to.
func (p *pump) next(m any) (r received, ok bool) {
	if p.wanted == nil {
		p.wanted, p.results = make(chan any), make(chan received, 1)
		go p.run()
	}
	select {
	case p.wanted <- m:
	case <-p.ended:
		return r, false
	}
	select {
	case r = <-p.results:
		return r, true
	case <-p.ended:
		return r, false
	}
}

func (p *pump) run() {
	for {
		select {
		case m := <-p.wanted:
			p.results <- p.receiveOne(m)
		case <-p.ended:
			return
		}
	}
}

// receiveOne keeps a panic, which the server may know how to survive, for the
// handler's goroutine.
func (p *pump) receiveOne(m any) (r received) {
	defer func() { r.panicked = recover() }()
	return received{err: p.receive(m)}
}
