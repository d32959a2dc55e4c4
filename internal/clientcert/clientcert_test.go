package clientcert_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/internal/clientcert"
)

var (
	der   = bytes.Repeat([]byte("certificate"), 100)
	hash  = sha256.Sum256(der)
	other = sha256.Sum256([]byte("other"))

	clientCert = ":" + base64.StdEncoding.EncodeToString(der) + ":"
	mine       = "Hash=" + hex.EncodeToString(hash[:])
	others     = "Hash=" + hex.EncodeToString(other[:])
)

func TestReadTakesOneByteSequence(t *testing.T) {
	for _, field := range []string{clientCert, " " + clientCert + "  "} {
		if got, err := clientcert.Read(field); err != nil || got != hash {
			t.Errorf("Read(%.20q): %x, %v", field, got, err)
		}
	}
	for name, field := range map[string]string{
		"nothing":             "",
		"one colon":           ":",
		"no bytes":            "::",
		"no colons":           strings.Trim(clientCert, ":"),
		"no colon in front":   clientCert[1:],
		"no colon at the end": clientCert[:len(clientCert)-1],
		"two certificates":    clientCert + "," + clientCert,
		"two, with a space":   clientCert + ", " + clientCert,
		"a parameter":         clientCert + ";a=1",
		"a string":            `"` + clientCert + `"`,
		"a tab":               "\t" + clientCert,
		"a line break":        clientCert[:9] + "\n" + clientCert[9:],
		"a space inside":      clientCert[:9] + " " + clientCert[9:],
		"no padding":          ":" + strings.TrimRight(strings.Trim(clientCert, ":"), "=") + ":",
		"loose bits":          ":" + base64.StdEncoding.EncodeToString(der)[:len(clientCert)-4] + "9=" + ":",
		"the other alphabet":  ":" + "-_-_" + ":",
		"PEM, escaped":        "-----BEGIN%20CERTIFICATE-----",
		"too long":            ":" + strings.Repeat("AAAA", clientcert.MaxBytes/4) + ":",
	} {
		if _, err := clientcert.Read(field); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestReadEnvoyTakesTheOutermostProxysElement(t *testing.T) {
	for _, test := range []struct {
		name, field string
		proxies     int
	}{
		{"the hash alone", mine, 1},
		{"the hash in upper case", "hASH=" + strings.ToUpper(mine[5:]), 1},
		{"the hash in quotes", `Hash="` + mine[5:] + `"`, 1},
		{"as Envoy writes it", `By=spiffe://a/b;` + mine + `;Cert="-----BEGIN%20CERTIFICATE-----%0AMII%3D%0A";` +
			`Subject="/C=US/ST=CA/L=San Francisco/OU=Lyft/CN=Test Client";URI=spiffe://c/d;DNS=a.test;DNS=b.test`, 1},
		{"an empty subject", mine + `;Subject=""`, 1},
		{"separators between quotes", mine + `;Subject="CN=a;Hash=x,Hash=y"`, 1},
		{"a quote in quotes", mine + `;Subject="CN=\";` + others + `"`, 1},
		{"a backslash in quotes", mine + `;Subject="CN=a\\b\,c"`, 1},
		{"an equals sign in a value", mine + ";URI=https://a/?b=c", 1},
		{"two proxies", mine + "," + others, 2},
		{"two proxies, with more", mine + `;Subject="a,b"` + ",By=x;" + others, 2},
	} {
		if got, err := clientcert.ReadEnvoy(test.field, test.proxies); err != nil || got != hash {
			t.Errorf("%s: %x, %v", test.name, got, err)
		}
	}
	for _, test := range []struct {
		name, field string
		proxies     int
	}{
		{"nothing", "", 1},
		{"no pair", mine[5:], 1},
		{"no hash", `By=x;Subject=""`, 1},
		{"no key", "=" + mine[5:], 1},
		{"a space in a key", mine + "; URI=x", 1},
		{"a quote in a key", mine + `;"URI"=x`, 1},
		{"a comma before a key", mine + ";,URI=x", 1},
		{"an empty pair", mine + ";", 1},
		{"an empty element", mine + ",", 2},
		{"an empty element in front", "," + mine, 2},
		{"one element too many", mine + "," + mine, 1},
		{"one element too few", mine, 2},
		{"a second element without a hash", mine + ",By=x", 2},
		{"two hashes", mine + ";" + mine, 1},
		{"two hashes in other letters", mine + ";hash=" + others[5:], 1},
		{"a client's element behind a URI", mine + ";URI=x," + others, 1},
		{"a client's hash behind a URI", mine + ";URI=x;" + others, 1},
		{"a client's element in front, as if of two proxies", others + "," + mine + "," + others, 2},
		{"a short hash", mine[:len(mine)-1], 1},
		{"a long hash", mine + "0", 1},
		{"a longer hash", mine + mine[5:], 1},
		{"an empty hash", "Hash=", 1},
		{"no hex", "Hash=" + strings.Repeat("g", 64), 1},
		{"a hash in base64", "Hash=" + base64.RawURLEncoding.EncodeToString(hash[:]), 1},
		{"a space in front", " " + mine, 1},
		{"a space after the comma", mine + ", " + others, 2},
		{"an open quote", mine + `;Subject="a`, 1},
		{"an escaped end", mine + `;Subject="a\"`, 1},
		{"a quote in the middle", mine + `;URI=a"b"`, 1},
		{"a backslash outside quotes", mine + `;URI=a\`, 1},
		{"text after a quote", mine + `;Subject="a"b`, 1},
		{"two backslashes before a quote", mine + `;Subject="CN=a\\"`, 1},
		{"three backslashes before a quote", mine + `;Subject="CN=a\\\"";URI=b`, 1},
		{"a hidden separator", mine + `;Subject="CN=a\\";` + others + `;URI="`, 1},
		{"too long", mine + ";URI=" + strings.Repeat("a", clientcert.MaxBytes), 1},
	} {
		if got, err := clientcert.ReadEnvoy(test.field, test.proxies); err == nil {
			t.Errorf("%s: %x", test.name, got)
		}
	}
}

// Whatever is accepted is the hash of a certificate, and says so in one way only.
func FuzzRead(f *testing.F) {
	f.Add(clientCert)
	f.Add(":" + "AA==" + ":")
	f.Add("::")
	f.Fuzz(func(t *testing.T, field string) {
		got, err := clientcert.Read(field)
		if err != nil {
			return
		}
		der, err := base64.StdEncoding.DecodeString(strings.Trim(field, " :"))
		if err != nil || sha256.Sum256(der) != got {
			t.Errorf("Read(%q) = %x", field, got)
		}
		if strings.Trim(field, " ") != ":"+base64.StdEncoding.EncodeToString(der)+":" {
			t.Errorf("Read(%q) takes another form", field)
		}
	})
}

// Whatever a client puts into its certificate, no other hash than the proxy's is found: Envoy writes
// URIs and DNS names as they are, and a subject as an X.500 name between quotes.
func FuzzReadEnvoyWithAClientsNames(f *testing.F) {
	f.Add("CN=a", "spiffe://a", "a.test")
	f.Add(`CN=a\`, "x;"+others, "x,"+others)
	f.Add(`CN="`, `",`+others+`;URI="`, others)
	f.Fuzz(func(t *testing.T, subject, uri, dns string) {
		escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `,`, `\,`, `;`, `\;`, `+`, `\+`).Replace(subject)
		field := fmt.Sprintf(`By=spiffe://proxy;%s;Subject="%s";URI=%s;DNS=%s`, mine, escaped, uri, dns)
		if got, err := clientcert.ReadEnvoy(field, 1); err == nil && got != hash {
			t.Errorf("ReadEnvoy(%q) = %x, want the proxy's hash or an error", field, got)
		}
		for proxies := 2; proxies < 4; proxies++ { // a proxy more appends its own client
			got, err := clientcert.ReadEnvoy(field+","+others, proxies)
			if err == nil && got != hash {
				t.Errorf("ReadEnvoy of %d proxies: %x", proxies, got)
			}
		}
	})
}

// Any field at all: no panic, and no hash that doesn't stand in it.
func FuzzReadEnvoy(f *testing.F) {
	f.Add(mine+","+others, 2)
	f.Add(mine+`;Subject="a\"b"`, 1)
	f.Add("Hash=", 1)
	f.Fuzz(func(t *testing.T, field string, proxies int) {
		got, err := clientcert.ReadEnvoy(field, proxies)
		if err == nil && !strings.Contains(strings.ToLower(field), hex.EncodeToString(got[:])) {
			t.Errorf("ReadEnvoy(%q) = %x", field, got)
		}
	})
}
