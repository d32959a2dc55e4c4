package dpop_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

func TestNewNamesTheFieldAtFault(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*dpop.Config)
		field  string
	}{
		"no origin":           {func(c *dpop.Config) { c.Origins = nil }, "Config.Origins"},
		"an empty origin":     {func(c *dpop.Config) { c.Origins = []string{""} }, "Config.Origins"},
		"an origin's host":    {func(c *dpop.Config) { c.Origins = []string{"api.example.com"} }, "Config.Origins"},
		"a query":             {func(c *dpop.Config) { c.Origins = []string{origin + "?a"} }, "Config.Origins"},
		"an empty fragment":   {func(c *dpop.Config) { c.Origins = []string{origin + "#"} }, "Config.Origins"},
		"a user":              {func(c *dpop.Config) { c.Origins = []string{"https://a@b.test"} }, "Config.Origins"},
		"no algorithm":        {func(c *dpop.Config) { c.Algorithms = []string{} }, "Config.Algorithms"},
		"HMAC":                {func(c *dpop.Config) { c.Algorithms = []string{"HS256"} }, "Config.Algorithms"},
		"none":                {func(c *dpop.Config) { c.Algorithms = []string{"none"} }, "Config.Algorithms"},
		"MaxAge 60":           {func(c *dpop.Config) { c.MaxAge = 60 }, "write 60*time.Second"},
		"a long MaxAge":       {func(c *dpop.Config) { c.MaxAge = time.Hour }, "Config.MaxAge"},
		"a short MaxAge":      {func(c *dpop.Config) { c.MaxAge = time.Millisecond }, "Config.MaxAge"},
		"a negative MaxAge":   {func(c *dpop.Config) { c.MaxAge = -1 }, "Config.MaxAge"},
		"a long Leeway":       {func(c *dpop.Config) { c.Leeway = time.Hour }, "Config.Leeway"},
		"Leeway 30":           {func(c *dpop.Config) { c.Leeway = 30 }, "write 30*time.Second"},
		"a long NonceMaxAge":  {func(c *dpop.Config) { c.NonceMaxAge = 2 * time.Hour }, "Config.NonceMaxAge"},
		"a short key":         {func(c *dpop.Config) { c.NonceKeys = [][]byte{make([]byte, 31)} }, "Config.NonceKeys"},
		"negative MaxProofs":  {func(c *dpop.Config) { c.MaxProofs = -1 }, "Config.MaxProofs"},
		"too large MaxProofs": {func(c *dpop.Config) { c.MaxProofs = 1e9 }, "Config.MaxProofs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := dpop.Config{Origins: []string{origin}}
			row.change(&config)
			if _, err := dpop.New(config); err == nil || !strings.Contains(err.Error(), row.field) {
				t.Errorf("got %v, want %q", err, row.field)
			}
		})
	}
}

func TestNewKeepsACopy(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		config := dpop.Config{
			Origins: []string{origin}, Algorithms: []string{"ES256"}, NonceKeys: [][]byte{make([]byte, 32)},
		}
		c, err := dpop.New(config)
		if err != nil {
			t.Fatal(err)
		}
		nonce := c.Nonce()
		config.Origins[0], config.Algorithms[0], config.NonceKeys[0][0] = "https://other.test", "PS256", 1
		c.Algorithms()[0] = "PS256"
		mustPass(t, check(t, c, request(key.proof(with(claims(), "nonce", nonce))), key.thumbprint))
	})
}

func TestAlgorithmsAreThoseOfFAPI2(t *testing.T) {
	t.Parallel()
	if got := newChecker(t).Algorithms(); !slices.Equal(got, []string{"ES256", "EdDSA", "Ed25519", "PS256"}) {
		t.Errorf("the algorithms are %v", got)
	}
}
