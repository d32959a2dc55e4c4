package jwks

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// LookEvery is the least time between two looks at a file, unless a token asks for one.
const LookEvery = time.Second

// A file holds an issuer's keys. It's read again only after it has changed.
type file struct {
	config Config
	isBusy atomic.Bool // a look is under way; it owns the fields below

	seen     fs.FileInfo // the file that was last read, with all links followed
	began    time.Time   // when that was
	sum      [sha256.Size]byte
	document *Document // what it held,
	problem  *Failure  // or why it was unusable
}

func (f *file) String() string { return field.Printable(f.config.JWKSFile) }

// Read looks at the file. The file system may hang for longer than the context lasts, and a
// thread with it, so there is never a second look beside another.
func (f *file) Read(_ context.Context, previous *Document, _ bool) (*Document, refresh.Life, error) {
	if !f.isBusy.CompareAndSwap(false, true) {
		return nil, refresh.Life{}, f.failure(false, errors.New("the file system still hangs"))
	}
	defer f.isBusy.Store(false)
	document, failure := f.look(previous)
	if failure != nil {
		return nil, refresh.Life{}, failure
	}
	return document, refresh.Life{FreshFor: LookEvery, TTL: f.config.TTL, MaxStale: f.config.MaxStale}, nil
}

func (f *file) look(previous *Document) (*Document, *Failure) {
	began := time.Now()
	info, err := os.Stat(f.config.JWKSFile)
	if err != nil {
		return nil, f.failure(false, err)
	}
	if f.isSeen(info) {
		return f.document, f.problem
	}
	info, body, failure := f.read(info)
	if failure != nil {
		return nil, failure
	}
	sum := sha256.Sum256(body)
	isSame := f.seen != nil && sum == f.sum
	f.seen, f.began, f.sum = info, began, sum
	if !isSame {
		f.document, f.problem = f.parse(previous, body)
	}
	return f.document, f.problem
}

// coarsest is how far apart two changes can be and still have the same time, on FAT. Elsewhere
// it's milliseconds.
const coarsest = 2 * time.Second

// isSeen reports whether this is the file that was last read, unchanged since. A file that had
// just changed then may have changed once more, without another time to show for it.
func (f *file) isSeen(info fs.FileInfo) bool {
	return f.seen != nil && os.SameFile(info, f.seen) &&
		info.Size() == f.seen.Size() && info.ModTime().Equal(f.seen.ModTime()) &&
		f.began.Sub(info.ModTime()) > coarsest
}

// read reads a regular file. To open anything else could block, or do more than read.
func (f *file) read(info fs.FileInfo) (fs.FileInfo, []byte, *Failure) {
	if !info.Mode().IsRegular() {
		return nil, nil, f.failure(false, errors.New("it's not a regular file"))
	}
	opened, err := os.Open(f.config.JWKSFile)
	if err != nil {
		return nil, nil, f.failure(false, err)
	}
	defer opened.Close()
	if info, err = opened.Stat(); err != nil { // it may be another by now
		return nil, nil, f.failure(false, err)
	}
	body, err := io.ReadAll(io.LimitReader(opened, maxDocumentBytes+1))
	if err != nil {
		return nil, nil, f.failure(false, err)
	}
	return info, body, nil
}

func (f *file) parse(previous *Document, body []byte) (*Document, *Failure) {
	set, err := parseAfter(previous, body, f.config.Issuer)
	if err != nil {
		return nil, f.failure(true, err)
	}
	return &Document{Set: set}, nil
}

func (f *file) failure(answered bool, err error) *Failure {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err // f names the file
	}
	return &Failure{Answered: answered, Err: fmt.Errorf("%v: %w", f, err), retryAfter: LookEvery}
}
