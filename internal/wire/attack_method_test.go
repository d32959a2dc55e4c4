package wire_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
)

// using returns a request's header with another HTTP method.
func using(method string, fields []field) []field {
	changed := slices.Clone(fields)
	for i := range changed {
		if changed[i].Name == ":method" {
			changed[i].Value = method
		}
	}
	return changed
}

// The procedure has no side effects, so Connect serves it by GET. Any proxy on the way
// may write its parameters into a log.
func TestTokenInAQueryIsNotRead(t *testing.T) {
	auth, tokens := newLaxAuth(t)
	token := tokens.issuer.Token(rights(nil))
	message := url.Values{"connect": {"v1"}, "encoding": {"proto"}, "message": {""}}.Encode()
	query := url.Values{
		"access_token": {token}, "token": {token}, "bearer": {token}, "header": {"authorization: Bearer " + token},
		"authorization": {"Bearer " + token}, "Authorization": {"Bearer " + token},
	}.Encode()
	for _, road := range roads() {
		if road.format != formatConnect {
			continue
		}
		t.Run(road.name, func(t *testing.T) {
			server := road.launch(t, auth)
			get := func(query string, more ...field) verdict {
				path := greetv1connect.GreetServiceGreetProcedure + "?" + query
				fields := using(http.MethodGet, road.format.fields(path, more...))
				fields = slices.DeleteFunc(fields, func(f field) bool { return f.Name == "content-type" })
				return road.send(t, server, fields, nil)
			}
			if got := get(message + "&" + query); got != missingToken {
				t.Errorf("with a token in the query: %s, want %s", got, missingToken)
			}
			if ran := server.service.ran.Load(); ran != 0 {
				t.Errorf("%d handlers ran", ran)
			}
			if got := get(message, field{Name: "authorization", Value: "Bearer " + token}); got != served {
				t.Errorf("with a token in the header: %s, want %s", got, served)
			}
			server.checkQuiet(t)
		})
	}
}

// Above all, a browser's preflight request carries no token. A CORS layer in front of us
// must answer it.
func TestOtherHTTPMethodsReachNoHandler(t *testing.T) {
	auth, tokens := newLaxAuth(t)
	good := field{Name: "authorization", Value: "Bearer " + tokens.issuer.Token(rights(nil))}
	preflight := []field{
		{Name: "origin", Value: "https://evil.test"},
		{Name: "access-control-request-method", Value: "POST"},
		{Name: "access-control-request-headers", Value: "authorization"},
	}
	without := [5]string{"405", "405", "405", "401", "405"} // by the columns in the table of paths
	for _, road := range roads() {
		t.Run(road.name, func(t *testing.T) {
			server := road.launch(t, auth)
			for _, procedure := range road.procedures() {
				for _, method := range []string{http.MethodOptions, http.MethodHead, http.MethodPut, "post", "PROPFIND"} {
					fields := using(method, road.format.fields(procedure, preflight...))
					reply := server.exchange(t, fields, nil)
					if got, want := reply.field(":status"), without[road.column]; got != want {
						t.Errorf("%s %s: status %s, want %s", method, procedure, got, want)
					}
					if got := reply.field("access-control-allow-origin"); got != "" {
						t.Errorf("%s %s: allows the origin %s", method, procedure, got)
					}
					reply = server.exchange(t, append(fields, good), nil)
					if got := reply.field(":status"); got == "200" {
						t.Errorf("%s %s with a token: status %s", method, procedure, got)
					}
				}
			}
			if ran := server.service.ran.Load(); ran != 0 {
				t.Errorf("%d handlers ran", ran)
			}
			server.checkQuiet(t)
		})
	}
}
