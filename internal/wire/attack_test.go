package wire_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// A road is a way for raw requests to reach a server.
type road struct {
	name   string
	launch launcher
	format format
	column int // of the table of paths
}

// roads returns one for every kind of server and every protocol it speaks.
func roads() []road {
	return []road{
		{"grpc-go Serve", serveGRPC, formatGRPC, 0},
		{"grpc-go ServeHTTP", serveGRPCOverHTTP, formatGRPC, 1},
		{"Connect", serveConnect, formatConnect, 2},
		{"Connect stream", serveConnect, formatStream, 2},
		{"gRPC-Web", serveConnect, formatGRPCWeb, 2},
		{"gRPC", serveConnect, formatGRPC, 2},
		{"Connect, behind middleware", serveConnectBehindMiddleware, formatConnect, 3},
		{"Connect stream, behind middleware", serveConnectBehindMiddleware, formatStream, 3},
		{"gRPC-Web, behind middleware", serveConnectBehindMiddleware, formatGRPCWeb, 3},
		{"gRPC, behind middleware", serveConnectBehindMiddleware, formatGRPC, 3},
		{"Connect, to v2", serveConnectV2, formatConnect, 4},
		{"Connect stream, to v2", serveConnectV2, formatStream, 4},
		{"gRPC-Web, to v2", serveConnectV2, formatGRPCWeb, 4},
		{"gRPC, to v2", serveConnectV2, formatGRPC, 4},
		{"Connect, to v2 behind middleware", serveConnectV2BehindMiddleware, formatConnect, 3},
		{"Connect stream, to v2 behind middleware", serveConnectV2BehindMiddleware, formatStream, 3},
		{"gRPC-Web, to v2 behind middleware", serveConnectV2BehindMiddleware, formatGRPCWeb, 3},
		{"gRPC, to v2 behind middleware", serveConnectV2BehindMiddleware, formatGRPC, 3},
	}
}

// procedures returns the ones that the road's format can ask for: a unary one, and one
// that streams in both directions.
func (r road) procedures() []string {
	switch r.format {
	case formatConnect:
		return []string{greetv1connect.GreetServiceGreetProcedure}
	case formatStream:
		return []string{greetv1connect.GreetServiceConverseProcedure}
	default:
		return []string{greetv1connect.GreetServiceGreetProcedure, greetv1connect.GreetServiceConverseProcedure}
	}
}

// send makes a call, alone on its connection.
func (r road) send(t *testing.T, s *server, fields []field, body []byte) verdict {
	t.Helper()
	return r.format.verdict(s.exchange(t, fields, body))
}

func (s *server) exchange(t *testing.T, fields []field, body []byte) reply {
	t.Helper()
	conn, err := dialRaw(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.request(fields, body)
	reply, err := conn.reply()
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// newLaxAuth secures the service and nothing else: an attack succeeds if only it falls
// under another procedure's rule.
func newLaxAuth(t *testing.T) (*interceptor.Authenticator, *judge) {
	t.Helper()
	tokens := newJudge(t)
	auth, err := interceptor.New(tokens, interceptor.WithRealm(realm), interceptor.WithPolicy(interceptor.Policy{
		"/greet.v1.GreetService/*": {},
		"/*":                       {Access: interceptor.AccessPublic},
	}))
	if err != nil {
		t.Fatal(err)
	}
	return auth, tokens
}

// A wouldBeToken is a header that tries to pass for a good token.
type wouldBeToken struct {
	name   string
	fields []field
	want   verdict
}

func wouldBeTokens(token string) []wouldBeToken {
	value := func(v string) field { return field{Name: "authorization", Value: v} }
	one := func(v string) []field { return []field{value(v)} }
	named := func(name string) []field { return []field{{Name: name, Value: "Bearer " + token}} }
	good, basic := value("Bearer "+token), value("Basic YWRhOmxvdmVsYWNl")
	return []wouldBeToken{
		{"a good token", []field{good}, served},
		{"a scheme in lower case", one("bearer " + token), served},
		{"a scheme in upper case", one("BEARER " + token), served},
		{"several spaces", one("Bearer   " + token), served},

		{"nothing", nil, missingToken},
		{"an empty value", one(""), missingToken},
		{"another scheme", []field{basic}, missingToken},
		{"a scheme that is not checked", one("DPoP " + token), missingToken},
		{"a scheme that begins like ours", one("BearerX " + token), missingToken},

		{"a good token twice", []field{good, good}, badRequest},
		{"a good token before a bad one", []field{good, value("Bearer bad")}, badRequest},
		{"a bad token before a good one", []field{value("Bearer bad"), good}, badRequest},
		{"an empty value before a good token", []field{value(""), good}, badRequest},
		{"another scheme before a good token", []field{basic, good}, badRequest},
		{"a good token before another scheme", []field{good, basic}, badRequest},
		{"two good tokens in one value", one("Bearer " + token + ", Bearer " + token), badRequest},
		{"two good tokens in one value, without a space", one("Bearer " + token + ",Bearer " + token), badRequest},
		{"another scheme in the same value", one("Basic eA==, Bearer " + token), badRequest},
		{"a comma at the end", one("Bearer " + token + ","), badRequest},
		{"the scheme alone", one("Bearer"), badRequest},
		{"a colon after the scheme", one("Bearer: " + token), badRequest},
		{"an equals sign after the scheme", one("Bearer=" + token), badRequest},
		{"a tab after the scheme", one("Bearer\t" + token), badRequest},
		{"a space before the scheme", one(" Bearer " + token), badRequest},
		{"a space at the end", one("Bearer " + token + " "), badRequest},
		{"a tab at the end", one("Bearer " + token + "\t"), badRequest},
		{"a parameter after the token", one("Bearer " + token + " x=y"), badRequest},
		{"quotes around the token", one(`Bearer "` + token + `"`), badRequest},
		{"the scheme twice", one("Bearer Bearer " + token), badRequest},
		{"a non-ASCII byte", one("Bearer " + token + "\xff"), badRequest},
		{"a no-break space", one("Bearer\u00a0" + token), badRequest},
		{"full-width letters", one("Ｂearer " + token), badRequest},
		{"a value of 64 KiB", one("Bearer " + strings.Repeat("a", 64<<10)), badRequest},
		{"64 KiB of dots", one("Bearer " + strings.Repeat(".", 64<<10)), badRequest},
		{"64 KiB of another scheme", one("Basic " + strings.Repeat("a", 64<<10)), badRequest},
		{"64 KiB of commas", one(strings.Repeat(",", 64<<10)), badRequest},

		{"a binary header", []field{{Name: "authorization-bin", Value: base64.StdEncoding.EncodeToString([]byte(good.Value))}}, missingToken},
		{"the header of a proxy", named("proxy-authorization"), missingToken},
		{"the header of a forwarder", named("x-forwarded-authorization"), missingToken},
		{"the header of a gateway", named("grpcgateway-authorization"), missingToken},
		{"an underscore for a letter", named("authorization_"), missingToken},
		{"a cookie", []field{{Name: "cookie", Value: "authorization=Bearer " + token}}, missingToken},

		// HTTP allows none of these, and the servers refuse them without our help.
		{"a name in upper case", named("Authorization"), reset},
		{"a name with a space", named("authorization "), reset},
		{"a NUL", one("Bearer " + token + "\x00"), reset},
		{"a line feed", one("Bearer " + token + "\nx: y"), reset},
		{"a carriage return", one("Bearer " + token + "\r\nx: y"), reset},
		{"a DEL", one("Bearer " + token + "\x7f"), reset},
	}
}

func TestOnlyOneGoodTokenIsAccepted(t *testing.T) {
	auth, tokens := newLaxAuth(t)
	attempts := wouldBeTokens(tokens.issuer.Token(rights(nil)))
	for _, road := range roads() {
		t.Run(road.name, func(t *testing.T) {
			server := road.launch(t, auth)
			for _, procedure := range road.procedures() {
				for _, c := range attempts {
					before := server.service.ran.Load()
					body := road.format.message(0, nil)
					if c.want == reset {
						body = nil // it would find its stream closed
					}
					got := road.send(t, server, road.format.fields(procedure, c.fields...), body)
					if got != c.want {
						t.Errorf("%s, %s: %s, want %s", procedure, c.name, got, c.want)
					}
					if ran := server.service.ran.Load() - before; ran != int64(count(c.want == served)) {
						t.Errorf("%s, %s: %d handlers ran", procedure, c.name, ran)
					}
				}
			}
			server.checkQuiet(t)
		})
	}
}
