package policyfile

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// interval is half the time in which a change counts.
const interval = 5 * time.Second

// Watch reads a policy file every 5 seconds, until ctx ends. It gives the policy to apply at
// once, and again after each change. [interceptor.Authenticator.SetPolicy] is such a function.
//
// A change counts once Watch has read the same twice, so within 10 seconds. A file that is being
// written may lack rules, and they could be those that close something. To be sure, write
// another file and rename it.
//
// It writes one line for each new content to logger: that it applies, or why it doesn't. A file
// that is bad or gone changes nothing, so the last good policy stays. It works with a
// mounted ConfigMap, whose symlinks move.
func Watch(ctx context.Context, path string, apply func(interceptor.Policy) error, logger *slog.Logger) {
	w := watcher{path: path, apply: apply, logger: logger}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		w.look(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

type watcher struct {
	path   string
	apply  func(interceptor.Policy) error
	logger *slog.Logger

	content []byte // as last judged
	pending []byte // as last read, if it's another one
	problem string // why the file can't be read, as last logged
}

func (w *watcher) look(ctx context.Context) {
	content, err := readFile(w.path)
	if err != nil {
		w.pending = nil
		if err.Error() != w.problem {
			w.problem = err.Error()
			w.complain(ctx, err)
		}
		return
	}
	w.problem = ""
	if w.content != nil && !w.isNew(content) {
		return
	}
	w.content = content
	policy, err := parse(content)
	if err == nil {
		err = w.apply(policy)
	}
	if err != nil {
		w.complain(ctx, err)
		return
	}
	w.logger.InfoContext(ctx, "policyfile: the policy applies", slog.String("path", w.path))
}

// isNew reports whether the content has changed, and stayed so since the last look.
func (w *watcher) isNew(content []byte) bool {
	if bytes.Equal(content, w.content) {
		w.pending = nil
		return false
	}
	stays := w.pending != nil && bytes.Equal(content, w.pending)
	w.pending = content
	return stays
}

func (w *watcher) complain(ctx context.Context, err error) {
	w.logger.ErrorContext(ctx, "policyfile: the policy is unusable, and the last good one stays",
		slog.String("path", w.path), slog.String("err", err.Error()))
}
