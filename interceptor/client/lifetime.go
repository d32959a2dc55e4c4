package client

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

const (
	// A token isn't sent in its last tenth, up to 10 s, unless the endpoint is down. It might
	// expire on its way.
	maxMargin = 10 * time.Second

	// A token that expires sooner is sent for this long all the same, and the server judges it.
	// Otherwise a wrong clock would make each call ask for a token.
	minLife = time.Second

	// A token whose expiry is unknown is replaced this often, and sent for ever if no other is
	// to be had.
	unknownLife = time.Hour
	forever     = 100 * 365 * 24 * time.Hour
)

// lifeOf returns how long a token is sent, and how much longer in an outage.
func lifeOf(token *oauth2.Token, now time.Time, maxAge time.Duration) refresh.Life {
	life := refresh.Life{TTL: unknownLife, MaxStale: forever}
	if expiry, ok := expiryOf(token, now); ok {
		left := max(minLife, expiry.Sub(now))
		margin := min(left/10, maxMargin)
		life = refresh.Life{TTL: left - margin, MaxStale: margin}
	}
	if maxAge > 0 && maxAge < life.TTL {
		life.MaxStale += life.TTL - maxAge
		life.TTL = maxAge
	}
	return life
}

// expiryOf returns when a token expires. Where the endpoint doesn't say, a JWT does.
func expiryOf(token *oauth2.Token, now time.Time) (time.Time, bool) {
	if !token.Expiry.IsZero() {
		return token.Expiry, true
	}
	// Package oauth2 takes an expires_in of 0 for none.
	switch seconds := token.Extra("expires_in").(type) {
	case float64:
		return now.Add(time.Duration(min(seconds, math.MaxInt32)) * time.Second), true
	case int64:
		return now.Add(time.Duration(min(seconds, math.MaxInt32)) * time.Second), true
	}
	return expiryOfJWT(token.AccessToken)
}

// expiryOfJWT reads a token that was issued to us. We don't verify it, and the claim is no more
// than a hint about when to ask for the next one.
func expiryOfJWT(token string) (time.Time, bool) {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Expiry *float64 `json:"exp"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil || claims.Expiry == nil {
		return time.Time{}, false
	}
	const latest = 1 << 40 // seconds, beyond which nothing expires
	if seconds := *claims.Expiry; 0 < seconds && seconds < latest {
		return time.Unix(int64(seconds), 0), true
	}
	return time.Time{}, false
}
