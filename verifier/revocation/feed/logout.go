package feed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

const (
	logoutEvent         = "http://schemas.openid.net/event/backchannel-logout"
	logoutType          = "logout+jwt"
	defaultLogoutMaxAge = 5 * time.Minute
)

// A LogoutConfig says whose logout requests a [Logout] takes. Only Verifier is required.
type LogoutConfig struct {
	// Verifier says who signs the logout tokens, and for whom. Issuer is the OpenID provider.
	// Audiences lists the IDs of the clients with this handler as their backchannel_logout_uri:
	// the clients that users log in to, not the API. Types must be nil. Of the fields about access
	// tokens none may be set: see [verifier.NewEventVerifier].
	//
	// The tokens that end are those from Issuer.
	Verifier verifier.Config

	// AllowPlainType accepts logout tokens whose typ is JWT or absent. By default it must be
	// logout+jwt, which is only recommended (OpenID Connect Back-Channel Logout 1.0, section 2.4).
	// Some providers need it, such as older versions of Keycloak. Then only their events tell
	// logout tokens from other JWTs.
	AllowPlainType bool

	// MaxAge is how old a logout token may be, by its iat. The default is 5 minutes, the minimum a
	// second and the maximum 366 days. If the token has an exp, it counts too.
	MaxAge time.Duration

	// MaxConcurrent is how many verified events are taken at a time. Others are answered 503. The
	// default is 16 and the maximum 10,000.
	MaxConcurrent int

	// Timeout bounds reading a request, and then what is done about it, such as fetching keys and
	// [revocation.Bus.Publish]. The default is 5 seconds and the maximum a minute.
	Timeout time.Duration

	// OnEvent, if set, is called after each logout token, sometimes concurrently.
	// Anyone can cause such a call. It should return soon and must not panic.
	OnEvent func(Report)
}

// A Logout takes Back-Channel Logout requests from an OpenID provider, and revokes the session or
// the user they name. Make one with [NewLogout]. It is an [http.Handler], safe for concurrent
// use, with nothing to close.
//
// A logout token with a sid ends that session's tokens for ever. If there's a sub too, the user's
// tokens without any sid end as well, if they were issued before. With a sub alone, all the user's
// tokens issued before end. See [revocation.Event].
//
// The answer is 200 if the list has the revocation, now or from an earlier request, and 400 with a
// JSON error if the request is bad (section 2.8). It's 503 with Retry-After if the provider's keys
// or the bus are unavailable. The specification has 400 for that too, but then nothing would tell
// a provider to try again.
type Logout struct {
	door   *door
	intake *intake
}

// NewLogout returns a Logout, or an error that names the invalid field. It makes no request.
func NewLogout(list *revocation.List, config LogoutConfig) (*Logout, error) {
	l, err := newLogout(list, config)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	return l, nil
}

func newLogout(list *revocation.List, config LogoutConfig) (*Logout, error) {
	if config.Verifier.Types != nil {
		return nil, errors.New("LogoutConfig.Verifier.Types must be nil; AllowPlainType accepts what isn't logout+jwt")
	}
	types := []string{logoutType}
	if config.AllowPlainType {
		types = append(types, "JWT")
	}
	in, err := newIntake(list, intakeConfig{
		name: "LogoutConfig", verifier: config.Verifier, types: types, onEvent: config.OnEvent, read: readLogout,
		maxAge: config.MaxAge, defaultMaxAge: defaultLogoutMaxAge, timeout: config.Timeout,
	})
	if err != nil {
		return nil, err
	}
	d, err := newDoor("LogoutConfig", config.MaxConcurrent, in)
	if err != nil {
		return nil, err
	}
	return &Logout{door: d, intake: in}, nil
}

// ServeHTTP implements [http.Handler].
func (l *Logout) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	body, ok := l.door.enter(w, r, "application/x-www-form-urlencoded", l.refuse)
	if !ok {
		return
	}
	token, err := logoutToken(body)
	if err != nil {
		l.refuse(w, err)
		return
	}
	report := l.intake.take(r.Context(), token)
	switch report.Outcome {
	case Refused:
		l.refuse(w, refusalOf(report.Err))
	case Failed:
		unavailable(w, report.Err)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

// refuse writes an error as OAuth has it (RFC 6749, section 5.2).
func (l *Logout) refuse(w http.ResponseWriter, r *refusal) {
	writeJSON(w, http.StatusBadRequest, map[string]string{
		"error":             codeRequest,
		"error_description": r.description,
	})
}

// logoutToken returns the one logout token in a form. Other values are ignored (section 2.5).
func logoutToken(body string) (string, *refusal) {
	form, err := url.ParseQuery(body)
	if err != nil || len(form["logout_token"]) != 1 {
		return "", refuse(codeRequest, "the request needs exactly one logout_token in a form")
	}
	return form.Get("logout_token"), nil
}

// readLogout follows OpenID Connect Back-Channel Logout 1.0, section 2.6.
func readLogout(_ context.Context, event *verifier.EventClaims) (meaning, error) {
	m := meaning{kind: logoutEvent}
	var claims struct {
		SessionID *string                   `json:"sid"`
		Subject   jsontext.Value            `json:"sub"`
		Nonce     jsontext.Value            `json:"nonce"`
		Events    map[string]jsontext.Value `json:"events"`
	}
	if err := event.Decode(&claims); err != nil {
		return m, refuse(codeRequest, "a claim in the logout token has the wrong type")
	}
	switch {
	case claims.Nonce != nil:
		return m, refuse(codeRequest, "the logout token has a nonce, as ID tokens do")
	case claims.Events[logoutEvent].Kind() != '{':
		return m, refuse(codeRequest, "the logout token has no logout event that is an object")
	case claims.SessionID == nil && claims.Subject == nil:
		return m, refuse(codeRequest, "the logout token has neither sub nor sid")
	case claims.SessionID != nil && *claims.SessionID == "", claims.Subject != nil && event.Subject() == "":
		return m, refuse(codeRequest, "the logout token's sub or sid is empty or no string")
	}
	revoke := revocation.Event{Issuer: event.Issuer(), Subject: event.Subject(), IssuedBefore: event.IssuedAt()}
	if claims.SessionID != nil {
		revoke.SessionID = *claims.SessionID
	}
	if isTooLong(revoke.Subject) || isTooLong(revoke.SessionID) {
		return m, refuse(codeRequest, "the logout token's sub or sid is too long")
	}
	m.revoke = []revocation.Event{revoke}
	return m, nil
}
