package verifier_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

type (
	untagged struct{ Country string }
	tagged   struct {
		Country string `json:"country"`
	} //nolint:gofmt
	recursive struct {
		Next  *recursive `json:"next"`
		Email string
	}
	selfDecoded struct{ Text string }
)

func (s *selfDecoded) UnmarshalJSON(text []byte) error { s.Text = string(text); return nil }

func TestDecodeRefusesAFieldWithoutAName(t *testing.T) {
	t.Parallel()
	claims := verifiertest.Claims(map[string]any{"email": "a@example.com", "Email": "b@example.com"})
	for name, test := range map[string]struct {
		dst  any
		want string
	}{
		"no tag": {&struct{ Email string }{}, "Email"},
		"another tag": {&struct {
			Email string `yaml:"email"`
		}{}, "Email"}, //nolint:gofmt
		"no name": {&struct {
			Email string `json:",omitempty"`
		}{}, "Email"},
		"a struct inside": {&struct {
			A untagged `json:"a"`
		}{}, "Country"},
		"a pointer": {&struct {
			A *untagged `json:"a"`
		}{}, "Country"},
		"a list": {&struct {
			A []untagged `json:"a"`
		}{}, "Country"},
		"an array": {&struct {
			A [2]untagged `json:"a"`
		}{}, "Country"},
		"a map":    {&map[string]untagged{}, "Country"},
		"embedded": {&struct{ untagged }{}, "Country"},
		"no known option": {&struct {
			All map[string]any `json:",inline"`
		}{}, "All"}, //nolint:gofmt
		"the second one": {&struct {
			A string `json:"a"`
			B string
		}{}, "B"},
		"recursive":       {&recursive{}, "Email"},
		"a list embedded": {&struct{ Emails }{}, "Emails"},
	} {
		for range 2 { // the second answer is remembered
			err := claims.Decode(test.dst)
			if err == nil || !strings.Contains(err.Error(), "the field "+test.want+" of ") {
				t.Errorf("%s: Decode: %v, want an error about %s", name, err, test.want)
			}
		}
	}
}

type Emails []string

func TestDecodeAcceptsFieldsThatNeedNoName(t *testing.T) {
	t.Parallel()
	claims := verifiertest.Claims(map[string]any{
		"country": "CH", "Region": "ZH", "a": map[string]any{"x": 1}, "at": "2026-11-28T00:00:00Z", "from": "127.0.0.1",
	})
	var dst struct {
		tagged

		hidden  string
		Skipped string                     `json:"-"`
		REGION  string                     `json:",case:ignore"`
		A       selfDecoded                `json:"a"`
		At      time.Time                  `json:"at"`
		From    netip.Addr                 `json:"from"`
		Others  map[string]json.RawMessage `json:",embed"`
	}
	if err := claims.Decode(&dst); err != nil {
		t.Fatal(err)
	}
	if dst.Country != "CH" || dst.REGION != "ZH" || dst.hidden != "" || dst.Skipped != "" || dst.A.Text != `{"x":1}` || dst.At.IsZero() ||
		!dst.From.IsLoopback() || dst.Others["sub"] == nil {
		t.Errorf("Decode stored %+v", dst)
	}
}
