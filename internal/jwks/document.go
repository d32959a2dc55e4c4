package jwks

import "fmt"

// A Document is an issuer's key set as one read found it.
type Document struct {
	*Set

	// Doubt says why the metadata could not be used in a successful read. The keys then come from
	// the URL the metadata last named. It is nil when all is well.
	Doubt *Failure

	url  string
	etag string
}

// parseAfter returns the set to use after the previous document, which may be nil.
func parseAfter(previous *Document, body []byte, issuer string) (*Set, error) {
	if len(body) > maxDocumentBytes {
		return nil, fmt.Errorf("more than %d bytes", maxDocumentBytes)
	}
	set, err := ParseSet(body, issuer)
	if err != nil || previous == nil {
		return set, err
	}
	return previous.merge(set), nil
}
