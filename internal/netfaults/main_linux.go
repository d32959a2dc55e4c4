// Command netfaults shows how calls fare when the network between a verifier and its
// issuer misbehaves.
//
//	go -C internal/netfaults run .            # a table of faults, in 5 minutes
//	go -C internal/netfaults run . -soak 15m  # faults, rotations and bad tokens at random
//
// Each row is played by two processes, a verifier and an issuer, in two new network
// namespaces. The issuer speaks HTTP/2 or HTTP/1.1 over TLS, and the verifier uses
// [http.DefaultTransport]. A cable joins the two: it reads packets from one TUN device and
// writes them to another, unless it loses, delays or refuses them. The kernel does the
// rest.
//
// It needs Linux, root and /dev/net/tun, and nothing else: no ip, no nft, no netem. It
// leaves nothing behind, since the namespaces have no names.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	soak := flag.Duration("soak", 0, "soak for `so long` instead of showing the table")
	only := flag.String("only", "", "show only rows whose names hold this `text`")
	parallel := flag.Int("parallel", 8, "play so `many` rows at once")
	verbose := flag.Bool("v", false, "show each fetch")
	playRow := flag.Int("row", -1, "for netfaults itself: play the row of this `number`")
	soakAlone := flag.Duration("soak-here", 0, "for netfaults itself: soak for `so long`")
	isIssuer := flag.Bool("issuer", false, "for netfaults itself: be the issuer")
	flag.Parse()
	var err error
	switch {
	case *isIssuer:
		err = serveIssuer()
	case *playRow >= 0:
		err = playHere(*playRow, *verbose)
	case *soakAlone > 0:
		err = untilInputEnds(func(ctx context.Context) error { return soakHere(ctx, *soakAlone) })
	case *soak > 0:
		ctx, stop := interruptible()
		defer stop()
		err = inNewNamespace(ctx, os.Stdout, "-soak-here", soak.String())
	default:
		err = showTable(*only, *parallel, *verbose)
	}
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "netfaults:", err)
		}
		os.Exit(1)
	}
}

func showTable(only string, parallel int, verbose bool) error {
	ctx, stop := interruptible()
	defer stop()
	results := make([]result, len(rows))
	errs := make([]error, len(rows))
	slots := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for n, row := range rows {
		if !strings.Contains(row.name+" "+row.protocol(), only) {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			results[n], errs[n] = playElsewhere(ctx, n, verbose)
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var shown []result
	for n, result := range results {
		if errs[n] != nil {
			return fmt.Errorf("%s, %s: %w", rows[n].name, rows[n].protocol(), errs[n])
		}
		if result.Name != "" {
			shown = append(shown, result)
		}
	}
	fmt.Printf("%s, %s\n\n%s", time.Now().Format("2006-01-02"), machine(), table(shown))
	missed := 0
	for _, result := range shown {
		for _, goal := range result.missed() {
			missed++
			fmt.Printf("\nmissed: %s, %s: %s", result.Name, result.Protocol, goal)
		}
	}
	fmt.Println()
	if missed > 0 {
		return fmt.Errorf("%d goals missed", missed)
	}
	return nil
}

// playElsewhere plays a row in a new process, in a new network namespace.
func playElsewhere(ctx context.Context, n int, verbose bool) (result, error) {
	arguments := []string{"-row", fmt.Sprint(n)}
	if verbose {
		arguments = append(arguments, "-v")
	}
	var r result
	var out bytes.Buffer
	if err := inNewNamespace(ctx, &out, arguments...); err != nil {
		return r, err
	}
	return r, json.Unmarshal(out.Bytes(), &r)
}

func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// inNewNamespace runs this program in a new network namespace. The program ends by itself
// when its standard input does.
func inNewNamespace(ctx context.Context, out io.Writer, arguments ...string) error {
	cmd := exec.Command(os.Args[0], arguments...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a process in a new network namespace, which needs root: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = in.Close() })
	defer stop()
	return cmd.Wait()
}

// playHere plays a row and prints its result as JSON.
func playHere(n int, verbose bool) error {
	return untilInputEnds(func(ctx context.Context) error {
		result, err := rows[n].run(ctx, verbose)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(result)
	})
}

// untilInputEnds ends f's context when the parent process is gone, or wants it to stop.
// An interrupt reaches parent and child alike: the parent handles it.
func untilInputEnds(f func(context.Context) error) error {
	signal.Ignore(os.Interrupt)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return f(ctx)
}

func machine() string {
	var name unix.Utsname
	_ = unix.Uname(&name)
	return fmt.Sprintf("Linux %s, %d cores, %s",
		unix.ByteSliceToString(name.Release[:]), runtime.NumCPU(), runtime.Version())
}
