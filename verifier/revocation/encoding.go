package revocation

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// maxEventBytes fits every valid event, even if each of its bytes is escaped.
const maxEventBytes = 32 << 10

// encodingVersion changes when a reader of the old version would misunderstand an event.
const encodingVersion = 1

// A message is an event as it travels on the bus.
type message struct {
	Version  int    `json:"v"`
	At       int64  `json:"at"` // when it was revoked, in seconds since 1970
	Issuer   string `json:"iss"`
	TokenID  string `json:"jti,omitzero"`
	Session  string `json:"sid,omitzero"`
	Subject  string `json:"sub,omitzero"`
	ClientID string `json:"client_id,omitzero"`
	Before   int64  `json:"before"` // Event.IssuedBefore, in seconds since 1970
}

// encode expects a valid event with its IssuedBefore filled in.
func encode(e Event, at time.Time) ([]byte, error) {
	return json.Marshal(message{
		Version:  encodingVersion,
		At:       at.Unix(),
		Issuer:   e.Issuer,
		TokenID:  e.TokenID,
		Session:  e.SessionID,
		Subject:  e.Subject,
		ClientID: e.ClientID,
		Before:   e.IssuedBefore.Unix(),
	})
}

// decode reads an event. It refuses whatever a replica of this version doesn't write: to ignore a
// part would be to revoke something else.
func decode(data []byte) (e Event, at time.Time, err error) {
	if len(data) > maxEventBytes {
		return e, at, fmt.Errorf("it has %d bytes, more than %d", len(data), maxEventBytes)
	}
	var unknown, version string
	var isMisshapen bool
	text := func(value string) string {
		s, ok := strictjson.Text(value)
		isMisshapen = isMisshapen || !ok || s == ""
		return s
	}
	seconds := func(value string) time.Time {
		t, ok := wholeSeconds(value)
		isMisshapen = isMisshapen || !ok
		return t
	}
	isObject := strictjson.Members(string(data), 1, func(name, value string) {
		switch name {
		case "v":
			version = value
		case "at":
			at = seconds(value)
		case "iss":
			e.Issuer = text(value)
		case "jti":
			e.TokenID = text(value)
		case "sid":
			e.SessionID = text(value)
		case "sub":
			e.Subject = text(value)
		case "client_id":
			e.ClientID = text(value)
		case "before":
			e.IssuedBefore = seconds(value)
		default:
			unknown = name
		}
	})
	switch {
	case !isObject:
		return Event{}, at, errors.New("it is not a JSON object in UTF-8, or holds a name twice")
	case version != strconv.Itoa(encodingVersion):
		return Event{}, at, errors.New("it is of another version")
	case unknown != "":
		return Event{}, at, errors.New("it has an unknown member")
	case isMisshapen || at.IsZero() || e.IssuedBefore.IsZero():
		return Event{}, at, errors.New("a member has the wrong type, or is missing")
	}
	return e, at, nil
}

// wholeSeconds reads a time that can't be confused with the zero one.
func wholeSeconds(value string) (time.Time, bool) {
	number, ok := strictjson.Number(value)
	if !ok || number != math.Trunc(number) || number < 0 {
		return time.Time{}, false
	}
	return time.Unix(int64(number), 0), true
}
