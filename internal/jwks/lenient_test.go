package jwks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
)

// Issuers write all kinds of documents around their keys.
func TestTheLastListOfKeysInADocumentCounts(t *testing.T) {
	// The key is the one in RFC 7517, appendix A.1.
	key := func(kid string) string {
		return fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":%q,"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",`+
			`"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}`, kid)
	}
	good := "[" + key("a") + "]"
	for _, test := range []struct {
		name, document string
		want           string // the kid of the only key; "" for an error
	}{
		{"one list", `{"keys":` + good + `}`, "a"},
		{"among others", ` {"x":[{}],"keys":` + good + `,"y":null} `, "a"},
		{"an escaped name", `{"\u006beys":` + good + `}`, "a"},
		{"another list first", `{"keys":[` + key("b") + `],"keys":` + good + `}`, "a"},
		{"null first", `{"keys":null,"keys":` + good + `}`, "a"},
		{"null last", `{"keys":` + good + `,"keys":null}`, ""},
		{"another type first", `{"keys":{},"keys":` + good + `}`, ""},
		{"duplicates and bad UTF-8 elsewhere", `{"x":1,"x":"` + "\xff" + `","keys":[null,1,"",[],` + key("a") + `]}`, "a"},
		{"a name in another case", `{"Keys":` + good + `}`, ""},
		{"an object", `{"keys":{"a":` + key("a") + `}}`, ""},
		{"text", `{"keys":"` + "a" + `"}`, ""},
		{"a list alone", good, ""},
		{"null alone", `null`, ""},
		{"nothing", ``, ""},
		{"no end", `{"keys":` + good, ""},
		{"a list without end", `{"keys":[` + key("a") + `,`, ""},
		{"something after it", `{"keys":` + good + `}{}`, ""},
		{"a comma too many", `{"keys":[` + key("a") + `,]}`, ""},
		{"far too deep", `{"keys":` + strings.Repeat("[", 1<<16), ""},
	} {
		set, err := jwks.ParseSet([]byte(test.document), "https://issuer.test")
		switch {
		case test.want == "" && err == nil:
			t.Errorf("%s: no error", test.name)
		case test.want != "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (!set.Has(jwks.ByKid(test.want)) || set.Has(jwks.ByKid("b"))):
			t.Errorf("%s: the key is not %s alone", test.name, test.want)
		}
	}
}
