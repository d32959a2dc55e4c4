package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// newHandler serves the issuer, and the switches beside it.
func newHandler(issuer *verifiertest.Issuer, origins []string) http.Handler {
	base := strings.TrimSuffix(issuer.URL(), "/")
	path := ""
	if u, err := url.Parse(base); err == nil {
		path = u.Path
	}
	mux := http.NewServeMux()
	mux.Handle("/", issuer)
	mux.HandleFunc("GET "+path+"/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, usage(base)) //nolint:gosec // plain text, with a flag's value
	})
	mux.Handle(path+"/rotate", action("New tokens are signed with a new key, and the old one is gone.", issuer.Rotate))
	mux.Handle(path+"/fail", action("Every request to the issuer gets 503, until /heal.", func() {
		issuer.Fail(errors.New("it was told to"))
	}))
	mux.Handle(path+"/heal", action("The issuer answers again.", func() { issuer.Fail(nil) }))
	return guardOrigins(mux, origins)
}

func action(said string, act func()) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "Use POST.", http.StatusMethodNotAllowed)
			return
		}
		act()
		fmt.Fprintln(w, said)
	})
}

// guardOrigins answers preflights, and refuses pages that aren't allowed: they could get tokens
// for whatever trusts this issuer, which runs on their visitor's host.
func guardOrigins(next http.Handler, origins []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin == "" { // not a browser, or a page may not see the answer
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Vary", "Origin")
		if !isOnThisHost(origin) && !slices.Contains(origins, origin) && !slices.Contains(origins, "*") {
			http.Error(w, "Start devissuer with -origins to let this page in.", http.StatusForbidden)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
			w.Header().Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isOnThisHost reports whether a page comes from a developer's own server.
func isOnThisHost(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	host := u.Hostname()
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}
