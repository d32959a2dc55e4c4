package feed

// A Report says what became of one event. It holds no token and nothing about a user, but Err may
// name the event's issuer and audience.
type Report struct {
	// ID is the event's jti, or "" if the event was not verified.
	ID string

	// Type is the event's type, a URI, or "" if it's unknown.
	Type string

	Outcome Outcome

	// Err says why an event was refused, why it failed, or why it was ignored. It's for your logs.
	Err error
}

// An Outcome says what became of an event.
type Outcome string

// Outcomes of an event. With the first three the sender hears that all is well.
const (
	Applied  Outcome = "applied"  // the list has it
	Ignored  Outcome = "ignored"  // it's good, but revokes nothing here
	Repeated Outcome = "repeated" // it was here before, and changes nothing

	Refused Outcome = "refused" // it's bad: forged, for another service, too old, not understood
	Failed  Outcome = "failed"  // it could not be judged or kept just now: the sender tries again
)

// with returns r for an event that err has stopped.
func (r Report) with(err error) Report {
	r.Outcome, r.Err = Failed, err
	if refusalOf(err) != nil {
		r.Outcome = Refused
	}
	return r
}
