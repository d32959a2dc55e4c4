package httpauth

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/earlyhttp"
)

// write answers with a refusal.
func write(w http.ResponseWriter, r *http.Request, refusal *interceptor.Refusal) {
	header := w.Header()
	for _, key := range []string{
		"Content-Length", "Content-Encoding", "Content-Range", "Content-Type", "Etag", "Last-Modified",
	} {
		header.Del(key) // they were meant for another body
	}
	if refusal.Challenge != "" {
		header.Set("WWW-Authenticate", refusal.Challenge)
	}
	if after := refusal.RetryAfter; after > 0 {
		header.Set("Retry-After", strconv.FormatInt(int64((after+time.Second-1)/time.Second), 10))
	}
	if refusal.Nonce != "" {
		header.Set("DPoP-Nonce", refusal.Nonce)
		header.Set("Cache-Control", "no-store") // RFC 9449, section 8.2
	}
	if isCacheable(r) {
		setPrivate(header)
	}
	var body []byte
	if acceptsJSON(r) {
		body = problem(refusal)
		header.Set("Content-Type", "application/problem+json")
	}
	earlyhttp.Refuse(w, r, func() {
		w.WriteHeader(statusOf(refusal.Code))
		_, _ = w.Write(body)
	})
}

func isCacheable(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

func setPrivate(header http.Header) {
	if header["Cache-Control"] == nil {
		header.Set("Cache-Control", "private")
	}
}

// statusOf returns the status that Connect has for a code, too.
func statusOf(code interceptor.Code) int {
	switch code {
	case interceptor.CodeUnauthenticated:
		return http.StatusUnauthorized
	case interceptor.CodePermissionDenied:
		return http.StatusForbidden
	case interceptor.CodeUnavailable:
		return http.StatusServiceUnavailable
	case interceptor.CodeDeadlineExceeded:
		return http.StatusGatewayTimeout
	case interceptor.CodeCanceled:
		return statusClientClosedRequest
	default:
		return http.StatusInternalServerError
	}
}

const statusClientClosedRequest = 499

// problem returns a refusal as a problem of the type about:blank (RFC 9457, section 4.2.1).
func problem(refusal *interceptor.Refusal) []byte {
	status := statusOf(refusal.Code)
	body := struct {
		Title       string   `json:"title,omitempty"`
		Status      int      `json:"status"`
		Detail      string   `json:"detail"`
		Reason      string   `json:"reason,omitempty"`
		Permissions []string `json:"permissions,omitempty"`
	}{Title: http.StatusText(status), Status: status, Detail: refusal.Message}
	for _, detail := range refusal.Details {
		info := new(errdetails.ErrorInfo)
		if detail.UnmarshalTo(info) == nil {
			body.Reason = info.GetReason()
			body.Permissions = strings.Fields(info.GetMetadata()["permissions"])
		}
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil // there is no such value in it
	}
	return encoded
}

// acceptsJSON reports whether the client takes a body in JSON (RFC 9110, section 12.5.1). A
// client that doesn't say so takes any. Anyone can send a megabyte of media types, so a list that
// no client needs isn't read.
func acceptsJSON(r *http.Request) bool {
	accept, left := r.Header.Values("Accept"), maxAcceptBytes
	for _, value := range accept {
		if left -= len(value) + len(","); left < 0 {
			return false
		}
		for part := range strings.SplitSeq(value, ",") {
			media, params, err := mime.ParseMediaType(part)
			if weight, isNumber := strconv.ParseFloat(params["q"], 64); err != nil || isNumber == nil && weight == 0 {
				continue
			}
			switch media {
			case "application/problem+json", "application/json", "application/*", "*/*":
				return true
			}
		}
	}
	return len(accept) == 0
}

const maxAcceptBytes = 1 << 10 // browsers send less than 200
