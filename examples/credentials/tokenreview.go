package credentials

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// TokenReview has a Kubernetes cluster judge its service accounts' tokens, so a token ends with
// its account or pod. Each call costs a request. The service's own account needs the role
// system:auth-delegator.
type TokenReview struct {
	Server   string        // the API server's URL
	Audience string        // this service's name in tokens
	Client   *http.Client  // see package verifier/kubernetes
	Recheck  time.Duration // how often a stream costs a request; by default a minute
}

// Verify returns the user that the cluster names, with its groups as permissions.
func (r TokenReview) Verify(ctx context.Context, token string) (*verifier.Claims, error) {
	status, err := r.review(ctx, token)
	if err != nil {
		return nil, &verifier.KeysError{Code: verifier.CodeIntrospectionFailed, RetryAfter: time.Second, Err: err}
	}
	// An API server that ignores audiences returns none.
	if !status.Authenticated || !slices.Contains(status.Audiences, r.Audience) {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken,
			Message: "the cluster refuses the token", Err: fmt.Errorf("%q, for %q", status.Error, status.Audiences)}
	}
	user, err := json.Marshal(map[string]any{"sub": status.User.Username, "groups": status.User.Groups})
	if err != nil {
		return nil, err
	}
	return verifier.NewClaims(user, verifier.ClaimsConfig{
		Issuer: r.Server, PermissionsClaim: "groups", Recheck: r.Recheck, AllowNoExpiry: true,
	})
}

// reviewStatus is what authentication.k8s.io/v1 says about a token.
type reviewStatus struct {
	Authenticated bool     `json:"authenticated"`
	Audiences     []string `json:"audiences"`
	Error         string   `json:"error"`
	User          struct {
		Username string   `json:"username"`
		Groups   []string `json:"groups"`
	} `json:"user"`
}

func (r TokenReview) review(ctx context.Context, token string) (reviewStatus, error) {
	var review struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Spec       struct {
			Token     string   `json:"token"`
			Audiences []string `json:"audiences"`
		} `json:"spec"`
		Status reviewStatus `json:"status"`
	}
	review.APIVersion, review.Kind = "authentication.k8s.io/v1", "TokenReview"
	review.Spec.Token, review.Spec.Audiences = token, []string{r.Audience}
	body, err := json.Marshal(review)
	if err != nil {
		return reviewStatus{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		r.Server+"/apis/authentication.k8s.io/v1/tokenreviews", bytes.NewReader(body))
	if err != nil {
		return reviewStatus{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := r.Client.Do(req)
	if err != nil {
		return reviewStatus{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		return reviewStatus{}, fmt.Errorf("the API server answered %s", res.Status)
	}
	err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&review)
	return review.Status, err
}
