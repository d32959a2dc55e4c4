package wire_test

import (
	"net/http"
	"testing"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// A disguise is a path that might reach a secured procedure under another one's rule.
// Here every other procedure is open.
type disguise struct {
	path string
	want columns
}

// columns are the verdicts of grpc-go Serve, grpc-go ServeHTTP, connect-go in an
// http.ServeMux, either major version of connect-go behind middleware, and connect-go v2.
type columns [5]verdict

func disguises() []disguise {
	const service, greet = "/" + greetv1connect.GreetServiceName, greetv1connect.GreetServiceGreetProcedure
	const secured, redirected verdict = missingToken, "HTTP 307" // to the clean path
	none := columns{unimplemented, unimplemented, notFound, notFound, notFound}
	// Connect v2 serves all paths of a service, and finds no procedure there.
	noProcedure := columns{unimplemented, unimplemented, notFound, notFound, unimplemented}
	noPath := columns{unimplemented, reset, reset, reset, reset}
	// net/http decodes this to the real procedure, for grpc-go and connect-go alike, and
	// its rule applies.
	decoded := columns{unimplemented, secured, secured, secured, secured}
	unclean := columns{unimplemented, unimplemented, redirected, notFound, redirected}
	// The middleware asks for a token before a caller learns what exists.
	unknown := columns{unimplemented, unimplemented, notFound, secured, unimplemented}
	return []disguise{
		{greet, columns{secured, secured, secured, secured, secured}},

		{greet[1:], noPath},
		{"", noPath},
		{"%2f" + greet[1:], noPath},
		{"*", columns{unimplemented, unimplemented, "HTTP 400", notFound, "HTTP 400"}},
		{"/", none},
		{service, unclean},

		{"/" + greet, unclean},
		{service + "//Greet", unclean},
		{"/./" + greet[1:], unclean},
		{service + "/./Greet", unclean},
		{"/other.v1.Service/.." + greet, unclean},
		{service + "/Other/../Greet", unclean},
		{greet + "/", noProcedure},
		{"/api" + greet, none},
		{"/*" + greet, none},

		{"/greet.v1.greetservice/Greet", none},
		{service + "/greet", unknown},
		{service + "/Other", unknown},
		{"/other.v1.Service/Greet", none},
		{service + "/*", noProcedure},
		{"/*", none},

		{service + "/%47reet", decoded},
		{"/%67" + greet[2:], decoded},
		{service + "%2fGreet", columns{unimplemented, secured, notFound, secured, notFound}},
		{service + "/%2547reet", noProcedure},
		{greet + "?a=b", decoded},
		{greet + "?", decoded},
		{"http://greet.test" + greet, decoded},
		{greet + "%00", noProcedure},
		{greet + "%2f", noProcedure},
		{greet + "%3f", noProcedure},
		{greet + "%20", noProcedure},
		{greet + "#a", noProcedure},
		{greet + ";a", noProcedure},
		{greet + " ", noProcedure},
		{service + "/Gr\u00e9et", noProcedure},
		{service + "/\uff27reet", noProcedure},
		{greet + "\x00", columns{reset, reset, reset, reset, reset}},
	}
}

func TestNoPathAvoidsAProceduresRule(t *testing.T) {
	auth, _ := newLaxAuth(t)
	for _, road := range roads() {
		if road.format == formatStream {
			continue // it has no unary procedures
		}
		t.Run(road.name, func(t *testing.T) {
			server := road.launch(t, auth)
			for _, d := range disguises() {
				want := d.want[road.column]
				body := road.format.message(0, nil)
				if want == reset {
					body = nil // it would find its stream closed
				}
				if got := road.send(t, server, road.format.fields(d.path), body); got != want {
					t.Errorf("%q: %s, want %s", d.path, got, want)
				}
			}
			if ran := server.service.ran.Load(); ran != 0 {
				t.Errorf("%d handlers ran", ran)
			}
			server.checkQuiet(t)
		})
	}
}

// A server may put its services under a prefix. The procedure follows it, and the
// middleware belongs behind it.
func TestPrefixBeforeTheProcedureChangesNoRule(t *testing.T) {
	const prefix, greet = "/api", greetv1connect.GreetServiceGreetProcedure
	auth, tokens := newLaxAuth(t)
	good := field{Name: "authorization", Value: "Bearer " + tokens.issuer.Token(rights(nil))}
	behindV2 := func(wrap func(http.Handler) http.Handler) launcher {
		return func(t *testing.T, auth *interceptor.Authenticator) *server {
			t.Helper()
			s := newConnectV2(auth)
			s.serveHTTP(t, wrap(s.mountV2()))
			return s
		}
	}
	behind := func(wrap func(http.Handler) http.Handler) launcher {
		return func(t *testing.T, auth *interceptor.Authenticator) *server {
			t.Helper()
			s := &server{service: &service{}}
			s.serveHTTP(t, wrap(newConnectHandler(auth, s.service)))
			return s
		}
	}
	strip := func(next http.Handler) http.Handler { return http.StripPrefix(prefix, next) }
	middleware, middlewareV2 := connectauth.NewMiddleware(auth), connectauthv2.NewMiddleware(auth)
	for _, tt := range []struct {
		name          string
		launch        launcher
		without, with verdict // a token
	}{
		{"the interceptor", behind(strip), missingToken, served},
		{"the middleware behind the prefix", behind(func(next http.Handler) http.Handler {
			return strip(middleware.Wrap(next))
		}), missingToken, served},
		{"the middleware before the prefix", behind(func(next http.Handler) http.Handler {
			return middleware.Wrap(strip(next))
		}), notFound, notFound},
		{"v2's interceptor", behindV2(strip), missingToken, served},
		{"v2's middleware behind the prefix", behindV2(func(next http.Handler) http.Handler {
			return strip(middlewareV2.Wrap(next))
		}), missingToken, served},
		{"v2's middleware before the prefix", behindV2(func(next http.Handler) http.Handler {
			return middlewareV2.Wrap(strip(next))
		}), notFound, notFound},
		{"grpc-go", func(t *testing.T, auth *interceptor.Authenticator) *server {
			t.Helper()
			s := &server{service: &service{}, grpcGo: true}
			srv := newGRPCServer(auth, s.service)
			s.serveHTTP(t, strip(srv))
			t.Cleanup(srv.Stop)
			return s
		}, missingToken, served},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := tt.launch(t, auth)
			r := road{format: formatGRPC}
			if got := r.send(t, server, r.format.fields(prefix+greet), r.format.message(0, nil)); got != tt.without {
				t.Errorf("without a token: %s, want %s", got, tt.without)
			}
			if ran := server.service.ran.Load(); ran != 0 {
				t.Errorf("%d handlers ran", ran)
			}
			if got := r.send(t, server, r.format.fields(prefix+greet, good), r.format.message(0, nil)); got != tt.with {
				t.Errorf("with a token: %s, want %s", got, tt.with)
			}
			server.checkQuiet(t)
		})
	}
}
