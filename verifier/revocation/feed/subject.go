package feed

import (
	"cmp"
	"context"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

const (
	maxSubjectDepth = 8
	maxAliases      = 16
)

// An Identifier says who an event is about, in words that tokens don't have. [Signals].Map
// translates it.
type Identifier struct {
	// Format is "email" or "opaque" (RFC 9493, section 3.2).
	Format string

	// Value is the email address or the opaque ID, as sent. It's never empty.
	Value string

	// Member is where it stands in a complex subject: "user" or "session". It's "" if it's the
	// whole subject. An opaque ID alone may name a user or a session: the transmitter knows which.
	Member string

	// Tenant is the complex subject's tenant as JSON, or "" if there's none. If the transmitter
	// serves several tenants, the same address may name another user in each.
	Tenant string
}

// A Subject is a user or a session as tokens name them, by their sub and their sid. Both are empty
// if there's no such user here.
type Subject struct{ Subject, SessionID string }

// A target is what a subject's tokens have in common.
type target struct {
	Subject

	tokenID   string
	isForeign bool // another issuer's
}

func (t target) isEmpty() bool { return t.isForeign || t == target{} }

// A resolver finds out whose tokens a subject means.
type resolver struct {
	tokenIssuer string
	mapping     func(context.Context, Identifier) (Subject, error)
}

// resolve reads a subject (RFC 9493; Shared Signals Framework 1.0, section 3). The target is empty
// if the subject is well-formed, but names nothing that our tokens could have.
//
// A complex subject is narrowed down by its members, and those that tokens don't have, such as a
// device, are passed over: so the event ends more than it asks for, never less.
func (r resolver) resolve(ctx context.Context, object string) (target, error) {
	id, err := readIdentifier(object)
	if err != nil || id.format != "complex" {
		return r.resolveOne(ctx, id, err)
	}
	session, err := r.resolveMember(ctx, id, "session", id.session)
	if err != nil {
		return target{}, err
	}
	user, err := r.resolveMember(ctx, id, "user", id.user)
	if err != nil {
		return target{}, err
	}
	return target{
		Subject: Subject{
			Subject:   cmp.Or(user.Subject.Subject, session.Subject.Subject),
			SessionID: cmp.Or(session.SessionID, user.SessionID),
		},
		tokenID:   cmp.Or(session.tokenID, user.tokenID),
		isForeign: user.isForeign || session.isForeign,
	}, nil
}

// resolveMember resolves a complex subject's member.
func (r resolver) resolveMember(ctx context.Context, whole identifier, name, object string) (target, error) {
	if object == "" {
		return target{}, nil
	}
	id, err := readIdentifier(object)
	if err == nil && id.format == "complex" {
		err = refuse(codeRequest, "a complex subject is nested in another")
	}
	id.member, id.tenant = name, whole.tenant
	return r.resolveOne(ctx, id, err)
}

// resolveOne resolves a simple subject.
func (r resolver) resolveOne(ctx context.Context, id identifier, err error) (target, error) {
	if err != nil {
		return target{}, err
	}
	switch id.format {
	case "iss_sub":
		if id.issuer != r.tokenIssuer {
			return target{isForeign: true}, nil
		}
		return target{Subject: Subject{Subject: id.subject}}, nil
	case "jwt_id":
		if id.issuer != r.tokenIssuer {
			return target{isForeign: true}, nil
		}
		return target{tokenID: id.tokenID}, nil
	case "email":
		return r.translate(ctx, id, id.email)
	case "opaque":
		return r.translate(ctx, id, id.id)
	case "aliases":
		return r.resolveAlias(ctx, id)
	default:
		return target{}, nil
	}
}

func (r resolver) translate(ctx context.Context, id identifier, value string) (target, error) {
	if r.mapping == nil {
		return target{}, nil
	}
	subject, err := r.mapping(ctx, Identifier{Format: id.format, Value: value, Member: id.member, Tenant: id.tenant})
	if err != nil {
		return target{}, err
	}
	return target{Subject: subject}, nil
}

// resolveAlias returns the first alias that names something. All of them name the same subject
// (RFC 9493, section 3.2.8), and none is a list of aliases itself.
func (r resolver) resolveAlias(ctx context.Context, whole identifier) (target, error) {
	for _, object := range whole.aliases {
		id, err := readIdentifier(object)
		if err == nil && (id.format == "aliases" || id.format == "complex") {
			err = refuse(codeRequest, "an alias is no simple subject")
		}
		id.member, id.tenant = whole.member, whole.tenant
		if t, err := r.resolveOne(ctx, id, err); err != nil || !t.isEmpty() {
			return t, err
		}
	}
	return target{}, nil
}

// elements returns the elements of a JSON array, or nil.
func elements(array string) (list []string) {
	var values []jsontext.Value
	if json.Unmarshal([]byte(array), &values) != nil {
		return nil
	}
	for _, value := range values {
		list = append(list, string(value))
	}
	return list
}

// An identifier is a subject identifier as sent. Which members count depends on its format.
type identifier struct {
	format, member, tenant string

	issuer, subject, tokenID, id, email string
	user, session                       string // JSON
	aliases                             []string
}

// readIdentifier refuses an object without the members that its format requires.
func readIdentifier(object string) (id identifier, err error) {
	isValid := strictjson.Members(object, maxSubjectDepth, func(name, value string) {
		text, _ := strictjson.Text(value)
		switch name {
		case "format":
			id.format = text
		case "iss":
			id.issuer = text
		case "sub":
			id.subject = text
		case "jti":
			id.tokenID = text
		case "id":
			id.id = text
		case "email":
			id.email = text
		case "user":
			id.user = value
		case "session":
			id.session = value
		case "tenant":
			id.tenant = value
		case "identifiers":
			id.aliases = elements(value)
		}
	})
	switch {
	case !isValid || !id.isComplete():
		return identifier{}, refuse(codeRequest, "the subject lacks what its format requires, or is nested too deep")
	case slices.ContainsFunc([]string{id.subject, id.tokenID, id.id, id.email}, isTooLong):
		return identifier{}, refuse(codeRequest, "the subject is too long")
	}
	return id, nil
}

// isComplete reports whether a format's members are there. A format that is unknown here requires
// none.
func (id identifier) isComplete() bool {
	switch id.format {
	case "":
		return false
	case "iss_sub":
		return id.issuer != "" && id.subject != ""
	case "jwt_id":
		return id.issuer != "" && id.tokenID != ""
	case "email":
		return id.email != ""
	case "opaque":
		return id.id != ""
	case "aliases":
		return 0 < len(id.aliases) && len(id.aliases) <= maxAliases
	default:
		return true
	}
}
