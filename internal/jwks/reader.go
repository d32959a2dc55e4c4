package jwks

import (
	"context"
	"errors"
	"net/http"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// A Reader reads documents whose URLs a stranger may have named. It is safe for concurrent use.
type Reader struct{ client *client }

// NewReader returns a Reader, for documents at public addresses only if publicOnly is set.
func NewReader(httpClient *http.Client, publicOnly bool) *Reader {
	return &Reader{client: newClient(httpClient, publicOnly)}
}

// Read returns the values that the JSON object at url has under these names.
func (r *Reader) Read(ctx context.Context, url string, names ...string) (map[string]string, error) {
	if err := CheckURL(url, false); err != nil {
		return nil, err
	}
	document, _, failure := r.client.get(ctx, request{url: url, accept: "application/json", isLast: true})
	if failure != nil {
		return nil, failure
	}
	return uniqueMembers(document, names)
}

// ReadMetadata returns the values an issuer's metadata have under these names, if they are its own
// (RFC 8414, section 3.3).
func (r *Reader) ReadMetadata(ctx context.Context, issuer string, names ...string) (map[string]string, error) {
	if err := CheckURL(issuer, false); err != nil {
		return nil, err
	}
	openID, oauth := metadataURLs(issuer)
	document, _, failure := r.client.getEither(ctx, oauth, openID, true)
	if failure != nil {
		return nil, failure
	}
	members, err := uniqueMembers(document, append([]string{"issuer"}, names...))
	if err != nil {
		return nil, err
	}
	if name, ok := strictjson.Text(members["issuer"]); !ok || name != issuer {
		return nil, errors.New("the metadata are another issuer's")
	}
	return members, nil
}

// uniqueMembers refuses an object that has a name twice: it has no one meaning.
func uniqueMembers(document []byte, names []string) (map[string]string, error) {
	found, err := readMembers(document, names...)
	if err != nil {
		return nil, err
	}
	members := make(map[string]string, len(found))
	for name, values := range found {
		if len(values) > 1 {
			return nil, errors.New("the document has " + name + " twice")
		}
		members[name] = values[0]
	}
	return members, nil
}
