package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"connectrpc.com/connect"
)

// An outcome is a code, or 0 for a call that is admitted, and a challenge or "".
type outcome struct {
	code      connect.Code
	challenge string
}

// An answer is what a client saw.
type answer struct {
	outcome

	onlyDetail bool // where the challenge arrived
}

// A table has a row for each call and a column for each client.
type table struct {
	clients []*client
	calls   []call
	answers [][]answer
	colour  bool
}

const (
	callWidth = 14
	sentWidth = 22
	cellWidth = 9
	maxWidth  = 100
)

// write returns how many answers aren't as promised.
func (t table) write(w io.Writer) (broken int) {
	fmt.Fprintln(w)
	t.writeHeader(w)
	var challenges, surprises []string
	anyDetail := false
	for n, call := range t.calls {
		var row strings.Builder
		fmt.Fprintf(&row, "%-*s%-*s", callWidth, call.procedure, sentWidth, call.sent)
		for i, answer := range t.answers[n] {
			row.WriteString(t.cell(answer, answer.outcome == call.promised))
			anyDetail = anyDetail || answer.onlyDetail
			if answer.outcome != call.promised {
				surprises = append(surprises, fmt.Sprintf("%s by %s, %s with %s: %s, and not %s",
					t.clients[i].server, t.clients[i].protocol, call.procedure, call.sent,
					answer.outcome, call.promised))
			}
		}
		if challenge := call.promised.challenge; challenge != "" {
			if !slices.Contains(challenges, challenge) {
				challenges = append(challenges, challenge)
			}
			fmt.Fprint(&row, slices.Index(challenges, challenge)+1)
		}
		fmt.Fprintln(w, strings.TrimRight(row.String(), " "))
	}
	fmt.Fprintln(w, "\nunauth is unauthenticated, and denied is permission_denied. Their challenges:")
	for n, challenge := range challenges {
		fmt.Fprintf(w, "%3d  %s\n", n+1, folded(challenge, "     "))
	}
	if anyDetail {
		fmt.Fprintln(w, "  *  It arrived in the ErrorInfo detail alone: net/http drops it from trailers.")
	}
	for _, surprise := range surprises {
		fmt.Fprintln(w, "  !  "+surprise)
	}
	return len(surprises)
}

// writeHeader names a server once, above all its protocols.
func (t table) writeHeader(w io.Writer) {
	var servers, protocols strings.Builder
	for i, client := range t.clients {
		server := client.server
		if i > 0 && server == t.clients[i-1].server {
			server = ""
		}
		fmt.Fprintf(&servers, "%-*s", cellWidth, server)
		fmt.Fprintf(&protocols, "%-*s", cellWidth, client.protocol)
	}
	fmt.Fprintf(w, "%*s%s\n", callWidth+sentWidth, "", strings.TrimRight(servers.String(), " "))
	fmt.Fprintf(w, "%-*s%-*s%s\n", callWidth, "call", sentWidth, "sent", strings.TrimRight(protocols.String(), " "))
}

func (t table) cell(a answer, asPromised bool) string {
	text := "ok"
	switch a.code {
	case 0:
	case connect.CodeUnauthenticated:
		text = "unauth"
	case connect.CodePermissionDenied:
		text = "denied"
	default:
		text = a.code.String()
	}
	text = text[:min(len(text), cellWidth-3)] // before two marks and a space
	if a.onlyDetail {
		text += "*"
	}
	colour := "\x1b[32m" // green
	switch {
	case !asPromised:
		text, colour = "!"+text, "\x1b[1;31m" // red
	case a.code != 0:
		colour = "\x1b[33m" // yellow
	}
	padded := fmt.Sprintf("%-*s", cellWidth, text)
	if !t.colour {
		return padded
	}
	return colour + padded + "\x1b[0m"
}

func (o outcome) String() string {
	if o.code == 0 {
		return "ok"
	}
	return o.code.String() + " " + o.challenge
}

// folded breaks a long line before a parameter.
func folded(challenge, indent string) string {
	var b strings.Builder
	width := len(indent)
	for n, part := range strings.SplitAfter(challenge, ", ") {
		if n > 0 && width+len(part) > maxWidth {
			b.WriteString("\n" + indent + "  ")
			width = len(indent) + 2
		}
		b.WriteString(part)
		width += len(part)
	}
	return strings.ReplaceAll(b.String(), ", \n", ",\n")
}

// isColourful reports whether a file is a terminal whose user likes colours (no-color.org).
func isColourful(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 &&
		os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
