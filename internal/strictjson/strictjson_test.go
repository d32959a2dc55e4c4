package strictjson_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

const depth = 4

func isObject(text string) bool { return strictjson.Members(text, depth, func(_, _ string) {}) }

// Each text differs from an accepted one in what its name says.
func TestMembersRefusesWhatParsersReadDifferently(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                  "",
		"white space":              " ",
		"a byte order mark":        "\ufeff{}",
		"an array":                 `[]`,
		"a string":                 `"a"`,
		"two objects":              `{}{}`,
		"a comma at the end":       `{},`,
		"a NUL at the end":         "{}\x00",
		"an open object":           `{`,
		"an open member":           `{"a":1`,
		"a name alone":             `{"a"}`,
		"a name without value":     `{"a":}`,
		"a name without quotes":    `{a:1}`,
		"a number as a name":       `{1:1}`,
		"single quotes":            `{'a':1}`,
		"a comma too many":         `{"a":1,}`,
		"a comma first":            `{,"a":1}`,
		"two commas":               `{"a":1,,"b":1}`,
		"no comma":                 `{"a":1 "b":1}`,
		"no colon":                 `{"a" 1}`,
		"two colons":               `{"a"::1}`,
		"a comment":                `{"a":1/**/}`,
		"another space":            "{\"a\":\f1}",
		"a no-break space":         "{\"a\":\u00a01}",
		"a bracket too many":       `{"a":[1]]}`,
		"a brace for a bracket":    `{"a":[1}}`,
		"a bracket for a brace":    `{"a":{"b":1]}`,
		"a comma in an array":      `{"a":[1,]}`,
		"a comma first, in one":    `{"a":[,1]}`,
		"no comma in an array":     `{"a":[1 2]}`,
		"a colon in an array":      `{"a":["b":1]}`,
		"True":                     `{"a":True}`,
		"half a word":              `{"a":tru}`,
		"a longer word":            `{"a":nulls}`,
		"NaN":                      `{"a":NaN}`,
		"Infinity":                 `{"a":-Infinity}`,
		"a sign alone":             `{"a":-}`,
		"a plus sign":              `{"a":+1}`,
		"a leading zero":           `{"a":01}`,
		"a negative leading zero":  `{"a":-01}`,
		"a leading point":          `{"a":.5}`,
		"a trailing point":         `{"a":5.}`,
		"a point before e":         `{"a":5.e1}`,
		"no exponent":              `{"a":1e}`,
		"an exponent's sign alone": `{"a":1e+}`,
		"two signs":                `{"a":1e+-1}`,
		"a fraction as exponent":   `{"a":1e1.5}`,
		"hexadecimal":              `{"a":0x1}`,
		"an underscore":            `{"a":1_0}`,
		"an open string":           `{"a":"b`,
		"an open escape":           `{"a":"\`,
		"an escaped last quote":    `{"a":"\"}`,
		"an unknown escape":        `{"a":"\x41"}`,
		"an escaped capital":       `{"a":"\N"}`,
		"a short escape":           `{"a":"\u041"}`,
		"no hexadecimal escape":    `{"a":"\u004g"}`,
		"a high surrogate alone":   `{"a":"\ud83d"}`,
		"a low surrogate alone":    `{"a":"\ude00"}`,
		"surrogates swapped":       `{"a":"\ude00\ud83d"}`,
		"a surrogate and a letter": `{"a":"\ud83d\u0041"}`,
		"a surrogate as a name":    `{"\ud83d":1}`,
		"a line break in a string": "{\"a\":\"\n\"}",
		"a tab in a name":          "{\"\t\":1}",
		"a NUL in a string":        "{\"a\":\"\x00\"}",
		"invalid UTF-8":            "{\"a\":\"\xff\"}",
		"invalid UTF-8 in a name":  "{\"\xff\":1}",
		"invalid UTF-8 deep down":  "{\"a\":[{\"b\":\"\xc3\"}]}",
		"overlong UTF-8":           "{\"a\":\"\xc0\xaf\"}",
		"a surrogate in UTF-8":     "{\"a\":\"\xed\xa0\x80\"}",
		"a name twice":             `{"a":1,"a":1}`,
		"a name twice, apart":      `{"a":1,"b":1,"a":1}`,
		"a name twice, escaped":    `{"a":1,"\u0061":1}`,
		"an empty name twice":      `{"":1,"":1}`,
		"a name twice, deep down":  `{"b":[{"c":{"a":1,"a":1}}]}`,
		"arrays too deep":          `{"a":[[[[]]]]}`,
		"objects too deep":         `{"a":{"b":{"c":{"d":{}}}}}`,
		"the last one too deep":    `{"a":[[[]]],"b":[[[[1]]]]}`,
	} {
		if isObject(text) {
			t.Errorf("%s: %q is accepted", name, text)
		}
	}
}

func TestMembersReadsWhateverIsJSON(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an empty object":          `{}`,
		"white space":              " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n",
		"all words":                `{"a":[true,false,null]}`,
		"zeros":                    `{"a":[0,-0,0.0,0e0,-0.0E-0]}`,
		"numbers":                  `{"a":[10,-1.5,1e308,1E+1,1e-1,123456789012345678901234567890]}`,
		"all escapes":              `{"a":"\"\\\/\b\f\n\r\t\u0041\u00fF"}`,
		"a pair of surrogates":     `{"\ud83d\uDE00":"\ud83d\uDE00"}`,
		"a replacement character":  "{\"a\":\"\ufffd\\ufffd\"}",
		"DEL":                      "{\"a\":\"\x7f\"}",
		"an escaped NUL":           `{"\u0000":"\u0000"}`,
		"brackets in a string":     `{"a":"[[[[[[[[{{{{{{","[[[[[[":1}`,
		"a quote before brackets":  `{"a":"\"[[[[[[[[","b":1}`,
		"many brackets, not deep":  `{"a":[[],[],[],[],{},{},{},{}]}`,
		"as deep as it may be":     `{"a":[[[]]],"b":{"c":{"d":{}}}}`,
		"a name in another object": `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`,
		"names in other case":      `{"a":1,"A":1,"ſ":1,"s":1}`,
	} {
		if !isObject(text) {
			t.Errorf("%s: %q is refused", name, text)
		}
	}
}

func TestMembersVisitsEachMemberAsWritten(t *testing.T) {
	t.Parallel()
	var got []string
	ok := strictjson.Members(`{"a" : "x\u0041" , "\u0062\n":[ 1, {"c":2} ],"":-0.50 ,"d":{}}`, depth,
		func(name, value string) { got = append(got, name+"="+value) })
	want := []string{`a="x\u0041"`, "b\n=[ 1, {\"c\":2} ]", "=-0.50", "d={}"}
	if !ok || strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("visited %q (%v), want %q", got, ok, want)
	}
}

// Few names are searched in another way than many.
func TestNameIsFoundAgainAmongAnyNumber(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 80; n++ {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"name-%d":1`, i*i))
		}
		object := strings.Join(members, ",")
		if !isObject("{" + object + "}") {
			t.Errorf("%d different names are refused", n)
		}
		for i, member := range members {
			if isObject("{"+object+","+member+"}") || isObject(`{"a":[{`+member+","+object+"}]}") {
				t.Errorf("the name %d of %d may come again", i, n)
			}
		}
	}
}

func TestTextOrTextsReadsStringsAlone(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][]string{
		`"a"`:                  {"a"},
		`"\u0061, \""`:         {`a, "`},
		`[]`:                   {},
		`[ "a" , "b,c","" ]`:   {"a", "b,c", ""},
		`["\u0061","[","\\" ]`: {"a", "[", `\`},
		`["a",1]`:              nil,
		`[1,"a"]`:              nil,
		`[null]`:               nil,
		`["a",["b"]]`:          nil,
		`["a",{"b":"c"}]`:      nil,
		`{"a":"b"}`:            nil,
		`1`:                    nil,
		`null`:                 nil,
	} {
		got, ok := strictjson.TextOrTexts(value)
		if ok != (want != nil) || !ok && got != nil || ok && fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("TextOrTexts(%s) = %q, %v; want %q", value, got, ok, want)
		}
	}
}

func TestNumberIsExactOrRefused(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]float64{
		"0": 0, "-0": 0, "1": 1, "-17": -17, "1795954925": 1795954925, "1.5": 1.5, "-2.5e1": -25,
		"999999999999999": 999999999999999, "9007199254740991": 1<<53 - 1,
		"9007199254740992": 1 << 53, "-9007199254740992": -1 << 53, "1e3": 1000, "1e-400": 0,
	} {
		if got, ok := strictjson.Number(value); !ok || got != want {
			t.Errorf("Number(%s) = %v, %v; want %v", value, got, ok, want)
		}
	}
	for _, value := range []string{
		"9007199254740993", "-9007199254740993", "9007199254740992.1", "9007199254740992.0", "1e16", "1e400", "-1e400",
		strings.Repeat("9", 400), `"1"`, "null", "true", "[1]", "{}", "",
	} {
		if got, ok := strictjson.Number(value); ok {
			t.Errorf("Number(%s) = %v", value, got)
		}
	}
}
