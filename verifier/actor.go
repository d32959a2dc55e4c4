package verifier

import "github.com/oidcrpc/oidcrpc/internal/strictjson"

// An Actor is a party that uses a token on behalf of its subject (RFC 8693, section 4.1).
type Actor struct {
	// Issuer is the actor's iss, or "" if the actor has none. Then the token's issuer knows it.
	Issuer string

	// Subject is the actor's sub, unique only within its issuer. It's never empty.
	Subject string
}

// Actor returns the party that uses the token now, which is the outermost act. It returns false
// if there is no act, or if it doesn't name an actor: its sub must be a string and not empty, and
// its iss, if present, a string.
func (c *Claims) Actor() (Actor, bool) {
	actor, _, ok := readActor(c.get().act)
	return actor, ok
}

// ActorChain returns all parties through which the token came, the current one first. It ends at
// an act that doesn't name an actor. Log it, but decide by [Claims.Actor] alone: earlier actors
// must not matter for access (RFC 8693, section 4.1).
func (c *Claims) ActorChain() []Actor {
	var chain []Actor
	for act := c.get().act; ; {
		actor, earlier, ok := readActor(act)
		if !ok {
			return chain
		}
		chain, act = append(chain, actor), earlier
	}
}

// readActor returns an act's actor, and the act in it.
func readActor(act string) (actor Actor, earlier string, ok bool) {
	isText := true
	isObject := strictjson.Members(act, maxPayloadDepth, func(name, value string) {
		switch name {
		case "iss":
			actor.Issuer, isText = strictjson.Text(value)
		case "sub":
			actor.Subject, _ = strictjson.Text(value)
		case "act":
			earlier = value
		}
	})
	if !isObject || !isText || actor.Subject == "" {
		return Actor{}, "", false
	}
	return actor, earlier, true
}
