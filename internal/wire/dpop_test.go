package wire_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// externalOrigin is where clients find all servers here, wherever they listen.
const externalOrigin = "https://greet.example.com"

var procedures = map[kind]string{
	unary:        greetv1connect.GreetServiceGreetProcedure,
	serverStream: greetv1connect.GreetServiceWatchProcedure,
	clientStream: greetv1connect.GreetServiceCollectProcedure,
	bidiStream:   greetv1connect.GreetServiceConverseProcedure,
}

// A prover is a client's key.
type prover struct{ signer *jws.Signer }

func newProver(t *testing.T) prover {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jws.NewSigner(key, "ES256", "dpop+jwt")
	if err != nil {
		t.Fatal(err)
	}
	return prover{signer}
}

func (p prover) cnf() map[string]any {
	return map[string]any{"cnf": map[string]any{"jkt": p.signer.Thumbprint(), "unknown": true}}
}

// proof returns a new one for a call, with changes.
func (p prover) proof(t *testing.T, token string, kind kind, changes map[string]any) string {
	t.Helper()
	sum := sha256.Sum256([]byte(token))
	claims := map[string]any{
		"jti": rand.Text(), "htm": http.MethodPost, "htu": externalOrigin + procedures[kind],
		"iat": time.Now().Unix(), "ath": base64.RawURLEncoding.EncodeToString(sum[:]),
	}
	maps.Copy(claims, changes)
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := p.signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// sharedReplays lets a new process take proofs without a nonce.
type sharedReplays struct{ ids sync.Map }

func (s *sharedReplays) Add(_ context.Context, id string, _ time.Time) (bool, error) {
	_, loaded := s.ids.LoadOrStore(id, true)
	return !loaded, nil
}

// A proving world is an authenticator, a bound token, and its holder's and a thief's key.
type proving struct {
	auth          *interceptor.Authenticator
	issuer        *verifiertest.Issuer
	owner, thief  prover
	token, bearer string
}

func newProving(t *testing.T, config dpop.Config, options ...interceptor.Option) proving {
	t.Helper()
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	config.Origins, config.Replays = []string{externalOrigin}, &sharedReplays{}
	auth, err := interceptor.New(v, append(options, interceptor.WithDPoP(config))...)
	if err != nil {
		t.Fatal(err)
	}
	owner := newProver(t)
	return proving{auth, issuer, owner, newProver(t), issuer.Token(owner.cnf()), issuer.Token(nil)}
}

const (
	plainBearer = `Bearer realm="api"`
	dpopAlgs    = `algs="ES256 EdDSA Ed25519 PS256"`
	plainDPoP   = `DPoP realm="api", ` + dpopAlgs
)

func errorOf(scheme, code, description string) string {
	return scheme + ` realm="api", error="` + code + `", error_description="` + description + `"`
}

// What a thief can do with a token, and with a proof that was used.
func TestEveryPathAsksForTheProofOfABoundToken(t *testing.T) {
	const (
		unproven = "the call does not prove what the token is bound to"
		another  = "the DPoP proof is for another call"
	)
	asBearer := errorOf("Bearer", "invalid_token", unproven) + ", " + plainDPoP
	asDPoP := func(code, description string) string {
		return errorOf("DPoP", code, description) + ", " + dpopAlgs + ", " + plainBearer
	}
	w := newProving(t, dpop.Config{})
	for _, path := range paths() {
		t.Run(path.name, func(t *testing.T) {
			if path.middleware && !path.http1 {
				t.Parallel() // it waits for clients that hold their stream open
			}
			server := path.launch(t, w.auth)
			client := path.dial(t, server)
			for _, kind := range path.kinds {
				proof := func(token string, changes map[string]any) []string {
					return []string{w.owner.proof(t, token, kind, changes)}
				}
				used := proof(w.token, nil)
				for _, row := range []struct {
					name          string
					authorization []string
					proofs        []string
					challenge     string // "" for an admitted call
				}{
					{"its proof", []string{"DPoP " + w.token}, used, ""},
					{"the scheme in another case", []string{"dpop  " + w.token}, proof(w.token, nil), ""},
					{"the same proof again", []string{"DPoP " + w.token}, used, asDPoP("invalid_dpop_proof", "the DPoP proof was used before")},
					{"no proof", []string{"DPoP " + w.token}, nil, asDPoP("invalid_dpop_proof", "the call carries no DPoP proof")},
					{"two proofs", []string{"DPoP " + w.token}, slices.Concat(proof(w.token, nil), proof(w.token, nil)),
						asDPoP("invalid_dpop_proof", "the call carries several DPoP proofs")},
					{"a thief's key", []string{"DPoP " + w.token}, []string{w.thief.proof(t, w.token, kind, nil)},
						asDPoP("invalid_token", "the token is not bound to the DPoP proof's key")},
					{"as a bearer token", []string{"Bearer " + w.token}, nil, asBearer},
					{"as a bearer token, with its proof", []string{"Bearer " + w.token}, proof(w.token, nil), asBearer},
					{"for another procedure", []string{"DPoP " + w.token}, proof(w.token, map[string]any{"htu": externalOrigin + "/greet.v1.GreetService/Other"}),
						asDPoP("invalid_dpop_proof", another)},
					{"for another host", []string{"DPoP " + w.token}, proof(w.token, map[string]any{"htu": "http://" + server.addr + procedures[kind]}),
						asDPoP("invalid_dpop_proof", another)},
					{"for a GET", []string{"DPoP " + w.token}, proof(w.token, map[string]any{"htm": "GET"}), asDPoP("invalid_dpop_proof", another)},
					{"for another token", []string{"DPoP " + w.token}, proof(w.bearer, nil), asDPoP("invalid_dpop_proof", another)},
					{"a token that isn't bound", []string{"DPoP " + w.bearer}, proof(w.bearer, nil), asDPoP("invalid_token", "the token is not bound to a key")},
					{"a bearer token", []string{"Bearer " + w.bearer}, nil, ""},
					{"a bearer token with a proof", []string{"Bearer " + w.bearer}, proof(w.bearer, nil), ""},
					{"both schemes", []string{"DPoP " + w.token, "Bearer " + w.token}, proof(w.token, nil),
						`Bearer realm="api", error="invalid_request", ` + plainDPoP},
					{"nothing", nil, nil, plainBearer + ", " + plainDPoP},
				} {
					a := perform(t, client, call{
						kind: kind, authorization: row.authorization, proofs: row.proofs, script: answers,
						hold: row.challenge != "" && !path.waitsForRequest(),
					})
					want := codes.OK
					if row.challenge != "" {
						want = codes.Unauthenticated
					}
					if a.code != want {
						t.Errorf("%s, %s: %v %q, want %v", kind, row.name, a.code, a.message, want)
					}
					if where := path.place(atStart); row.challenge != "" && where != nowhere && (len(a.inAll) == 0 || a.inAll[0] != row.challenge) {
						t.Errorf("%s, %s: the challenge is %q, want %q", kind, row.name, a.inAll, row.challenge)
					}
					if len(a.nonceInAll) > 0 {
						t.Errorf("%s, %s: an unasked nonce", kind, row.name)
					}
				}
			}
			server.checkQuiet(t)
		})
	}
}

// A nonce travels beside the challenge, and in the header of a response.
func TestEveryPathDeliversNonces(t *testing.T) {
	key := make([]byte, 32)
	w := newProving(t, dpop.Config{RequireNonce: true, NonceKeys: [][]byte{key}})
	want := errorOf("DPoP", "use_dpop_nonce", "the DPoP proof needs the nonce in DPoP-Nonce") + ", " + dpopAlgs + ", " + plainBearer
	for _, path := range paths() {
		t.Run(path.name, func(t *testing.T) {
			if path.middleware && !path.http1 {
				t.Parallel() // it waits for clients that hold their stream open
			}
			server := path.launch(t, w.auth)
			client := path.dial(t, server)
			for _, kind := range path.kinds {
				do := func(changes map[string]any, hold bool) answer {
					return perform(t, client, call{
						kind: kind, authorization: []string{"DPoP " + w.token},
						proofs: []string{w.owner.proof(t, w.token, kind, changes)}, script: answers, hold: hold,
					})
				}
				refused := do(nil, !path.waitsForRequest())
				if refused.code != codes.Unauthenticated || len(refused.inAll) == 0 || refused.inAll[0] != want {
					t.Errorf("%s: %v, %q", kind, refused.code, refused.inAll)
				}
				checkNonces(t, kind, refused, path.place(atStart))
				if len(refused.nonceInAll) == 0 {
					continue
				}
				admitted := do(map[string]any{"nonce": refused.nonceInAll[0]}, false)
				if admitted.code != codes.OK {
					t.Errorf("%s: %v %q", kind, admitted.code, admitted.message)
				}
				checkNonces(t, kind, admitted, nowhere)
				aging := do(map[string]any{"nonce": nonceOf(key, 200*time.Second)}, false)
				if aging.code != codes.OK {
					t.Errorf("%s: %v %q", kind, aging.code, aging.message)
				}
				checkNonces(t, kind, aging, header)
				if after := do(map[string]any{"nonce": aging.nonceInHeader[0]}, false); after.code != codes.OK {
					t.Errorf("%s: %v %q", kind, after.code, after.message)
				}
			}
			server.checkQuiet(t)
		})
	}
}

func checkNonces(t *testing.T, kind kind, a answer, where place) {
	t.Helper()
	inHeader, inAll := 0, 1
	switch where {
	case header:
		inHeader = 1
	case both:
		inHeader, inAll = 1, 2
	case nowhere:
		inAll = 0
	case trailer:
	}
	if len(a.nonceInHeader) != inHeader || len(a.nonceInAll) != inAll {
		t.Errorf("%s: nonces %q in the header and %q in all, want %s", kind, a.nonceInHeader, a.nonceInAll, where)
	}
}

// nonceOf returns a nonce that a replica with the same key has made a while ago.
func nonceOf(key []byte, age time.Duration) string {
	content := binary.BigEndian.AppendUint64(nil, uint64(time.Now().Add(-age).Unix()))
	content = append(content, "another."...)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("oidcrpc DPoP-Nonce\x00"))
	mac.Write(content)
	return base64.RawURLEncoding.EncodeToString(append(content, mac.Sum(nil)[:16]...))
}

// A Connect GET has no body, and its proof names it.
func TestProofOfAGetNamesItsMethod(t *testing.T) {
	key := make([]byte, 32)
	w := newProving(t, dpop.Config{RequireNonce: true, NonceKeys: [][]byte{key}})
	for name, launch := range map[string]launcher{
		"v1": serveConnect, "v1, behind middleware": serveConnectBehindMiddleware,
		"v2": serveConnectV2, "v2, behind middleware": serveConnectV2BehindMiddleware,
	} {
		t.Run(name, func(t *testing.T) {
			server := launch(t, w.auth)
			get := func(changes map[string]any) *http.Response {
				url := "http://" + server.addr + procedures[unary] + "?connect=v1&encoding=json&message=%7B%7D"
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "DPoP "+w.token)
				req.Header.Set("DPoP", w.owner.proof(t, w.token, unary, changes))
				req.Header.Set(scriptHeader, answers)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				return res
			}
			refused := get(map[string]any{"htm": "GET"})
			nonce := refused.Header.Get("DPoP-Nonce")
			if refused.StatusCode != http.StatusUnauthorized || nonce == "" || refused.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("without a nonce: %s, %v", refused.Status, refused.Header)
			}
			if res := get(map[string]any{"htm": "POST", "nonce": nonce}); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("with a POST's proof: %s", res.Status)
			}
			res := get(map[string]any{"htm": "GET", "nonce": nonceOf(key, 200*time.Second)})
			if res.StatusCode != http.StatusOK || res.Header.Get("DPoP-Nonce") != "" || res.Header.Get("Cache-Control") != "private" {
				t.Errorf("with its proof: %s, %v", res.Status, res.Header)
			}
			if vary := strings.Join(res.Header.Values("Vary"), ","); !strings.Contains(vary, "Dpop") || !strings.Contains(vary, "Authorization") {
				t.Errorf("Vary is %q", vary)
			}
		})
	}
}
