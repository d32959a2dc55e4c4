package policyfile

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// interval is how soon a change counts.
const interval = 10 * time.Second

// Watch reads a policy file every 10 seconds, until ctx ends. It gives the policy to apply at
// once, and again after each change. [interceptor.Authenticator.SetPolicy] is such a function.
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

	content []byte // as last read
	problem string // why the file can't be read, as last logged
}

func (w *watcher) look(ctx context.Context) {
	content, err := readFile(w.path)
	if err != nil {
		if err.Error() != w.problem {
			w.problem = err.Error()
			w.complain(ctx, err)
		}
		return
	}
	w.problem = ""
	if w.content != nil && bytes.Equal(content, w.content) {
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

func (w *watcher) complain(ctx context.Context, err error) {
	w.logger.ErrorContext(ctx, "policyfile: the policy is unusable, and the last good one stays",
		slog.String("path", w.path), slog.String("err", err.Error()))
}
