package interceptor

// A pump receives a stream's messages in a goroutine, since nothing but the stream's own end
// makes a transport's receive return. A goroutine that serves every receive is cheapest for
// many messages, but it stays until the stream ends. So the first few messages have one each:
// most handlers with one request to receive only send from then on.
type pump struct {
	receive func(any) error // the transport's
	ended   <-chan struct{} // closed when the stream ends
	begun   int             // receives, up to aFew
	wanted  chan any        // messages to receive into; nil until there were a few
	results chan received   // one for each receive, unless the stream ends first
}

// aFew is how often a handler receives if it has one request: connect-go looks for a second.
const aFew = 2

// received is what became of a message.
type received struct {
	err      error
	panicked any
}

// next receives into m. It returns false if the stream ends first, and then m may still be
// written to.
func (p *pump) next(m any) (r received, ok bool) {
	select {
	case <-p.ended:
		return r, false // a receive may be left behind, and there must be only one
	default:
		p.begin(m)
	}
	select {
	case r = <-p.results:
		return r, true
	case <-p.ended:
		return r, false
	}
}

func (p *pump) begin(m any) {
	if p.results == nil {
		p.results = make(chan received, 1)
	}
	if p.begun < aFew {
		p.begun++
		go func() { p.results <- p.receiveOne(m) }()
		return
	}
	if p.wanted == nil {
		p.wanted = make(chan any, 1)
		go p.run()
	}
	p.wanted <- m
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
