package jws_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

func TestEveryByteAtEveryPlaceIsDecodedAsByTheStandardLibrary(t *testing.T) {
	t.Parallel()
	for size := range 36 {
		good := []byte(strings.Repeat("Q", size))
		checkDecoded(t, string(good))
		for place := range good {
			for c := range 256 {
				text := bytes.Clone(good)
				text[place] = byte(c)
				checkDecoded(t, string(text))
			}
		}
	}
}

func FuzzAppendDecode(f *testing.F) {
	for _, text := range []string{
		"", "QUJD", "QUJDREVGR0g", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo", "QUJDREVG\nR0hJSktM", "QUJDREVG=", "Q", "-_-_-_-_-_-_",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkDecoded(t, text) })
}

func checkDecoded(t *testing.T, text string) {
	t.Helper()
	want, wantErr := base64.RawURLEncoding.Strict().AppendDecode([]byte("before"), []byte(text))
	got, err := jws.AppendDecode([]byte("before"), text)
	if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
		t.Errorf("AppendDecode(%q) = %q, %v; want %q, %v", text, got, err, want, wantErr)
	}
}

func TestDecodingIntoALargeBufferAllocatesNothing(t *testing.T) {
	room := make([]byte, 0, 1024)
	text := strings.Repeat("QUJD", 200)
	if allocs := testing.AllocsPerRun(10, func() {
		if decoded, err := jws.AppendDecode(room, text); err != nil || len(decoded) != 600 {
			t.Errorf("%d bytes, error %v", len(decoded), err)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
