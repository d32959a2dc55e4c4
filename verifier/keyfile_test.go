package verifier_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A keyFile holds an issuer's keys. Its files have the bubble's time for their own.
type keyFile struct {
	*verifiertest.Issuer

	path string

	mu     sync.Mutex
	events []verifier.FetchEvent
}

// heard returns what OnFetch heard so far.
func (f *keyFile) heard() []verifier.FetchEvent {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.events)
}

func newKeyFile(t testing.TB) *keyFile {
	t.Helper()
	f := &keyFile{Issuer: verifiertest.NewIssuer(), path: filepath.Join(t.TempDir(), "jwks.json")}
	f.replace(t, f.JWKS())
	return f
}

func (f *keyFile) last() verifier.FetchEvent { return f.heard()[len(f.events)-1] }

// config fails the test if the issuer is contacted.
func (f *keyFile) config(t testing.TB) verifier.Config {
	t.Helper()
	config := f.Config()
	config.JWKSFile = f.path
	config.HTTPClient = (&remote{respond: func(req *http.Request) (*http.Response, error) {
		t.Errorf("GET %s: want no request", req.URL)
		return nil, errReset
	}}).client()
	config.OnFetch = func(e verifier.FetchEvent) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.events = append(f.events, e)
	}
	return config
}

// writeKeys writes a file in place.
func writeKeys(t testing.TB, path string, keys []byte, modified time.Time) {
	t.Helper()
	if err := os.WriteFile(path, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, modified, modified); err != nil {
		t.Fatal(err)
	}
}

// replace puts another file at the path.
func (f *keyFile) replace(t testing.TB, keys []byte) {
	t.Helper()
	writeKeys(t, f.path+".new", keys, time.Now())
	rename(t, f.path+".new", f.path)
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// look lets a second pass and has the file looked at.
func look(t testing.TB, v *verifier.Verifier, token string) {
	t.Helper()
	time.Sleep(time.Second)
	_ = verdict(t, v, token)
	synctest.Wait()
}

// Each way leaves two of the file, its time and its size as they were.
func TestAChangedFileIsReadAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		write func(t testing.TB, path string, keys []byte, old time.Time)
	}{
		{"a rename", func(t testing.TB, path string, keys []byte, old time.Time) {
			writeKeys(t, path+".new", keys, old)
			rename(t, path+".new", path)
		}},
		{"in place, at another time", func(t testing.TB, path string, keys []byte, old time.Time) {
			writeKeys(t, path, keys, old.Add(time.Millisecond))
		}},
		{"in place, to another size", func(t testing.TB, path string, keys []byte, old time.Time) {
			writeKeys(t, path, append(keys, '\n'), old)
		}},
		{"a volume's links flip, as in Kubernetes", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newKeyFile(t)
				old := time.Now()
				time.Sleep(time.Hour)
				if test.write == nil {
					test.write = mountVolume(t, f, old)
				}
				v := newVerifier(t, f.config(t))
				token := lasting(f.Issuer)
				accept(t, v, token)
				f.Rotate()
				test.write(t, f.path, f.JWKS(), old)
				look(t, v, token)
				refuse(t, v, token, verifier.CodeKeyNotFound)
				accept(t, v, lasting(f.Issuer))
			})
		})
	}
}

// mountVolume lays a file out as kubelet does: jwks.json -> ..data/jwks.json, and ..data ->
// ..1/. The result flips ..data.
func mountVolume(t testing.TB, f *keyFile, old time.Time) func(testing.TB, string, []byte, time.Time) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege")
	}
	volume := t.TempDir()
	f.path = filepath.Join(volume, "jwks.json")
	flip := func(t testing.TB, to string, keys []byte) {
		t.Helper()
		err := errors.Join(os.Mkdir(filepath.Join(volume, to), 0o700),
			os.Symlink(to, filepath.Join(volume, "..data_tmp")))
		if err != nil {
			t.Fatal(err)
		}
		writeKeys(t, filepath.Join(volume, to, "jwks.json"), keys, old)
		rename(t, filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data"))
	}
	flip(t, "..1", f.JWKS())
	if err := os.Symlink("..data/jwks.json", f.path); err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB, _ string, keys []byte, _ time.Time) {
		t.Helper()
		flip(t, "..2", keys)
		if err := os.RemoveAll(filepath.Join(volume, "..1")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFileIsLookedAtOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFile(t)
		v := newVerifier(t, f.config(t))
		token := lasting(f.Issuer)
		accept(t, v, token)
		f.Rotate()
		f.replace(t, f.JWKS())
		for range 999 {
			time.Sleep(time.Millisecond)
			takesNoTime(t, func() { accept(t, v, token) })
			synctest.Wait()
		}
		time.Sleep(time.Millisecond)
		takesNoTime(t, func() { accept(t, v, token) })
		synctest.Wait()
		refuse(t, v, token, verifier.CodeKeyNotFound)
		if n := len(f.heard()); n != 2 {
			t.Errorf("OnFetch heard of %d fetches, want 2", n)
		}
	})
}

// Within KeysTTL the look is in the background, so a file system that hangs slows no call.
func TestAfterAQuietTimeTheFirstTokenMeetsKeysOfOneTTLAtMost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		quiet time.Duration
		want  verifier.Code
	}{
		{5*time.Minute - time.Second, ""},
		{5 * time.Minute, verifier.CodeKeyNotFound},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newKeyFile(t)
			v := newVerifier(t, f.config(t))
			token := lasting(f.Issuer)
			accept(t, v, token)
			f.Rotate()
			f.replace(t, f.JWKS())
			time.Sleep(test.quiet)
			if got := verdict(t, v, token); got != test.want {
				t.Errorf("after %v: code = %q, want %q", test.quiet, got, test.want)
			}
			synctest.Wait()
			refuse(t, v, token, verifier.CodeKeyNotFound)
		})
	}
}

func TestAMissingFileIsLookedForOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFile(t)
		rename(t, f.path, f.path+".old")
		v := newVerifier(t, f.config(t))
		token := lasting(f.Issuer)
		for outage := range 20 {
			failure := unavailable(t, v, token, verifier.CodeJWKSFetchFailed)
			if failure.RetryAfter != time.Second {
				t.Errorf("RetryAfter = %v, want 1s", failure.RetryAfter)
			}
			time.Sleep(time.Second - time.Millisecond)
			unavailable(t, v, token, verifier.CodeJWKSFetchFailed)
			time.Sleep(time.Millisecond)
			if n := len(f.heard()); n != outage+1 {
				t.Fatalf("OnFetch heard of %d fetches within %ds, want one a second", n, outage+1)
			}
		}
		rename(t, f.path+".old", f.path)
		accept(t, v, token)
	})
}

func TestAFileMayBeMissingAtFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFile(t)
		rename(t, f.path, f.path+".old")
		v := newVerifier(t, f.config(t))
		err := v.Ready(t.Context())
		failure, ok := errors.AsType[*verifier.KeysError](err)
		if !ok || failure.Code != verifier.CodeJWKSFetchFailed || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Ready: %v, want a KeysError that wraps fs.ErrNotExist", err)
		}
		if strings.Count(failure.Err.Error(), f.path) != 1 {
			t.Errorf("Ready: %v, want the file's name once", failure.Err)
		}
		rename(t, f.path+".old", f.path)
		time.Sleep(time.Second)
		if err := v.Ready(t.Context()); err != nil {
			t.Errorf("Ready: %v", err)
		}
	})
}

func TestAHalfWrittenFileReplacesNoKeysAndIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFile(t)
		var lines bytes.Buffer
		config := f.config(t)
		config.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		v := newVerifier(t, config)
		token := lasting(f.Issuer)
		accept(t, v, token)
		f.Rotate()
		writeKeys(t, f.path, f.JWKS()[:100], time.Now())
		for range 60 {
			look(t, v, token)
			accept(t, v, token)
		}
		status := v.Status()[0]
		want := "jwks_error: " + f.path + ": not a JWK Set document"
		if !status.Usable || status.LastError != want || status.Failures != 60 {
			t.Errorf("Status: %+v, want it usable, with 60 failures: %q", status, want)
		}
		if last := f.last(); last.Outcome != verifier.FetchFailed || last.Err == nil || last.Err.Error() != want {
			t.Errorf("OnFetch: %+v, want a failure: %q", last, want)
		}
		if strings.Count(lines.String(), "issuer lost") != 1 {
			t.Errorf("log:\n%s\nwant one line for the loss", lines.String())
		}
		writeKeys(t, f.path, f.JWKS(), time.Now())
		look(t, v, token)
		refuse(t, v, token, verifier.CodeKeyNotFound)
		accept(t, v, lasting(f.Issuer))
		if strings.Count(lines.String(), "issuer back") != 1 {
			t.Errorf("log:\n%s\nwant one line for the return", lines.String())
		}
	})
}

func TestAFileThatIsGoneIsAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFile(t)
		v := newVerifier(t, f.config(t))
		token := lasting(f.Issuer)
		accept(t, v, token)
		rename(t, f.path, f.path+".old")
		start := time.Now()
		for verdict(t, v, token) == "" && time.Since(start) < 3*time.Hour {
			time.Sleep(time.Second)
		}
		if lived, want := time.Since(start), 5*time.Minute+time.Hour; lived != want {
			t.Errorf("keys were used for %v without their file, want KeysTTL and KeysMaxStale, %v", lived, want)
		}
		unavailable(t, v, token, verifier.CodeJWKSFetchFailed)
		rename(t, f.path+".old", f.path)
		time.Sleep(time.Second)
		accept(t, v, token)
		if last := f.last(); last.Outcome != verifier.FetchUnchanged || last.Failures == 0 {
			t.Errorf("OnFetch: %+v, want it to hear that the same keys are back", last)
		}
	})
}

// Its content changes, but not the file, its time or its size: a second read would find out.
func TestAnUnchangedFileIsNotReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFile(t)
		written := time.Now()
		time.Sleep(3 * time.Second)
		v := newVerifier(t, f.config(t))
		token := lasting(f.Issuer)
		accept(t, v, token)
		f.Rotate()
		writeKeys(t, f.path, f.JWKS(), written)
		for range 1000 {
			look(t, v, token)
			accept(t, v, token)
		}
		if n := len(f.heard()); n != 1 {
			t.Errorf("OnFetch heard of %d fetches, want one", n)
		}
		if status := v.Status()[0]; time.Since(status.LastSuccess) > time.Second {
			t.Errorf("LastSuccess is %v ago, want the last look", time.Since(status.LastSuccess))
		}
	})
}

// A file system's clock is coarse: a second change can have the time of the first.
func TestAFileThatHadJustChangedIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFile(t)
		written := time.Now()
		time.Sleep(2 * time.Second)
		v := newVerifier(t, f.config(t))
		token := lasting(f.Issuer)
		accept(t, v, token)
		f.Rotate()
		writeKeys(t, f.path, f.JWKS(), written)
		look(t, v, token)
		refuse(t, v, token, verifier.CodeKeyNotFound)
	})
}

// Its time is never past, as with a server whose clock is ahead.
func TestAFileThatIsReadAgainButSaysTheSameIsNotReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFile(t)
		writeKeys(t, f.path, f.JWKS(), time.Now().Add(time.Hour))
		v := newVerifier(t, f.config(t))
		token := lasting(f.Issuer)
		for range 100 {
			look(t, v, token)
		}
		if n := len(f.heard()); n != 1 {
			t.Errorf("OnFetch heard of %d fetches, want one", n)
		}
	})
}

func TestAnUnknownKidHasTheFileLookedAtAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFile(t)
		v := newVerifier(t, f.config(t))
		token := lasting(f.Issuer)
		accept(t, v, token)
		f.Rotate()
		f.replace(t, f.JWKS())
		takesNoTime(t, func() { accept(t, v, lasting(f.Issuer)) })
		refuse(t, v, token, verifier.CodeKeyNotFound)
		if last := f.last(); last.Reason != verifier.FetchUnknownKid || last.Outcome != verifier.FetchChanged {
			t.Errorf("OnFetch: %+v, want a change for an unknown kid", last)
		}
	})
}

func TestUnknownKidsHaveTheFileLookedAtNoMoreThanTheBucketAllows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFile(t)
		v := newVerifier(t, f.config(t))
		token := lasting(f.Issuer)
		accept(t, v, token)
		for _, kid := range []string{"a", "b", "c", "d"} {
			refuse(t, v, withKid(token, kid), verifier.CodeKeyNotFound)
		}
		unavailable(t, v, withKid(token, "e"), verifier.CodeJWKSFetchFailed)
		accept(t, v, token)
	})
}

func TestAFileOfKeysHasOneMebibyteAtMost(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]verifier.Code{1 << 20: "", 1<<20 + 1: verifier.CodeJWKSError} {
		synctest.Test(t, func(t *testing.T) {
			f := newKeyFile(t)
			keys := f.JWKS()
			f.replace(t, append(keys, bytes.Repeat([]byte(" "), size-len(keys))...))
			if got := verdict(t, newVerifier(t, f.config(t)), lasting(f.Issuer)); got != want {
				t.Errorf("%d bytes: code = %q, want %q", size, got, want)
			}
		})
	}
}

func TestOnlyARegularFileIsRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newKeyFile(t)
		config := f.config(t)
		for _, path := range append([]string{t.TempDir()}, irregular(t)...) {
			config.JWKSFile = path
			failure := unavailable(t, newVerifier(t, config), f.Token(nil), verifier.CodeJWKSFetchFailed)
			if want := path + ": it's not a regular file"; failure.Err.Error() != want {
				t.Fatalf("error = %q, want %q", failure.Err, want)
			}
		}
	})
}

// Memory is all that a remembered token asks about its key's file, but for one look a second.
func TestARememberedTokenOfAFilesKeyAllocatesNothing(t *testing.T) {
	f := newKeyFile(t)
	v := newVerifier(t, f.config(t))
	token := lasting(f.Issuer)
	accept(t, v, token)
	if allocs := testing.AllocsPerRun(1000, func() { _, _ = v.Verify(context.Background(), token) }); allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}

// BenchmarkRememberedTokenByKeySource shows that it doesn't matter where the keys come from.
func BenchmarkRememberedTokenByKeySource(b *testing.B) {
	f := newKeyFile(b)
	function := f.Config()
	function.FetchJWKS = func(context.Context) ([]byte, error) { return f.JWKS(), nil }
	for _, source := range []struct {
		name   string
		config verifier.Config
	}{
		{"fixed", offline(f.Issuer)}, {"URL", direct(f.Issuer)}, {"file", f.config(b)}, {"function", function},
	} {
		b.Run(source.name, func(b *testing.B) {
			v := newVerifier(b, source.config)
			token := lasting(f.Issuer)
			b.ReportAllocs()
			accept(b, v, token)
			ctx := b.Context()
			for b.Loop() {
				if _, err := v.Verify(ctx, token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
