package interceptor_test

import (
	"slices"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

func TestAllowedHeadersAreThePlacesOfCredentials(t *testing.T) {
	auth := mustNew(t, acceptAll{},
		interceptor.WithCredential(interceptor.Metadata("x-api-key"), acceptAll{}),
		interceptor.WithCredential(interceptor.Scheme("Basic"), acceptAll{}),
		interceptor.WithCredential(interceptor.Cookie("session"), acceptAll{}))
	want := []string{"Authorization", "X-Api-Key"}
	if got := auth.AllowedHeaders(); !slices.Equal(got, want) {
		t.Errorf("headers = %q, want %q", got, want)
	}
	auth.AllowedHeaders()[0] = "changed"
	if got := auth.AllowedHeaders(); !slices.Equal(got, want) {
		t.Errorf("a caller has changed them to %q", got)
	}
	moved := mustNew(t, acceptAll{}, interceptor.WithPlace(interceptor.Metadata("x-token")))
	if got := moved.AllowedHeaders(); !slices.Equal(got, []string{"X-Token"}) {
		t.Errorf("headers = %q, want X-Token", got)
	}
}

func TestExposedHeadersHoldTheChallenge(t *testing.T) {
	want := []string{"Www-Authenticate", "Retry-After"}
	if got := mustNew(t, acceptAll{}).ExposedHeaders(); !slices.Equal(got, want) {
		t.Errorf("headers = %q, want %q", got, want)
	}
}
