package connectconformance

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"buf.build/go/protoyaml"
	"connectrpc.com/conformance/internal"
	"connectrpc.com/conformance/internal/app/connectconformance"
	"connectrpc.com/conformance/internal/app/connectconformance/testsuites"
	conformancev1 "connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const realm = "conformance"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "serve" {
		fmt.Fprintln(os.Stderr, serve(os.Args[2], os.Args[3]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestAdmittedCallsConform(t *testing.T) {
	for stack := range handlers {
		t.Run(stack, func(t *testing.T) {
			issuer := startIssuer(t)
			token := &conformancev1.Header{
				Name:  "authorization",
				Value: []string{"Bearer " + issuer.Token(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})},
			}
			run(t, stack, issuer, func(_ string, testCase *conformancev1.TestCase) {
				testCase.Request.RequestHeaders = append(testCase.GetRequest().GetRequestHeaders(), token)
				if raw := testCase.GetRequest().GetRawRequest(); raw != nil {
					raw.Headers = append(raw.GetHeaders(), token)
				}
			})
		})
	}
}

// answeredEarlier are the cases that get the same answer with and without a token, since
// it's given before an interceptor is asked.
var answeredEarlier = []struct {
	cases, reason string
	onlyV1        bool
}{
	{"*Unexpected Requests/unexpected-verb", "connect takes POST and GET alone", false},
	{"*Unexpected Requests/unexpected-uri", "nothing is mounted there", false},
	{"Unexpected Requests/unexpected-content-type", "no protocol has it", false},
	{"*Unexpected Requests/unexpected-codec", "no codec has the name", false},
	{"*Unexpected Requests/unexpected-compression", "no compression has the name", false},
	{"gRPC*/unexpected-compressed-message", "connect v1 reads a unary message first", true},
	{"gRPC*/unary/no-request", "connect v1 reads a unary message first", true},
	{"gRPC*/unary/multiple-requests", "connect v1 reads a unary message first", true},
	{"Server Message Size/unary/request-exceeds-server-limit", "connect v1 reads a unary message first", true},
}

func TestCallsWithoutATokenAreRefused(t *testing.T) {
	refusal := refusal(t)
	for _, stack := range []string{"connect v1", "connect v2"} {
		t.Run(stack, func(t *testing.T) {
			seen := make(map[string]bool)
			run(t, stack, startIssuer(t), func(suite string, testCase *conformancev1.TestCase) {
				name := suite + "/" + testCase.GetRequest().GetTestName()
				for _, early := range answeredEarlier {
					matches, _ := path.Match(early.cases, name)
					if matches && (!early.onlyV1 || stack == "connect v1") {
						seen[early.cases] = true
						return
					}
				}
				testCase.ExpectedResponse, testCase.OtherAllowedErrorCodes = refusal, nil
				if testCase.GetRequest().TimeoutMs != nil {
					testCase.Request.TimeoutMs = proto.Uint32(60_000) // a refusal comes first, on a busy machine too
				}
			})
			for _, early := range answeredEarlier {
				if !seen[early.cases] && (!early.onlyV1 || stack == "connect v1") {
					t.Errorf("the suite has no case like %q", early.cases)
				}
			}
		})
	}
}

// refusal is what a call without a token gets.
func refusal(t *testing.T) *conformancev1.ClientResponseResult {
	t.Helper()
	const challenge = `Bearer realm="` + realm + `"`
	detail, err := anypb.New(&errdetails.ErrorInfo{
		Reason:   "MISSING_TOKEN",
		Domain:   "github.com/oidcrpc/oidcrpc",
		Metadata: map[string]string{"challenge": challenge},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &conformancev1.ClientResponseResult{
		ResponseHeaders: []*conformancev1.Header{{Name: "www-authenticate", Value: []string{challenge}}},
		Error: &conformancev1.Error{
			Code:    conformancev1.Code_CODE_UNAUTHENTICATED,
			Message: proto.String("the call carries no access token"),
			Details: []*anypb.Any{detail},
		},
	}
}

func startIssuer(t *testing.T) *verifiertest.Issuer {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := verifiertest.NewIssuer(
		verifiertest.WithURL("http://"+server.Listener.Addr().String()),
		verifiertest.WithAlgorithms("RS256"),
	)
	server.Config.Handler = issuer
	server.Start()
	t.Cleanup(server.Close)
	return issuer
}

// A change is made to each case before it runs.
type change func(suite string, testCase *conformancev1.TestCase)

// run runs the suite, with its cases changed.
func run(t *testing.T, stack string, issuer *verifiertest.Issuer, change change) {
	t.Helper()
	server, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	selected := selected()
	var output bytes.Buffer
	printer := internal.NewPrinter(&output)
	passed, err := connectconformance.Run(&connectconformance.Flags{
		ConfigFile:    write(t, "config", &conformancev1.Config{Features: selected.features}),
		TestFiles:     suites(t, change),
		SkipPatterns:  selected.skip,
		ServerCommand: []string{server, "serve", stack, issuer.URL()},
		MaxServers:    2,
		Parallelism:   8,
	}, printer, printer)
	all := fmt.Sprintf("\n%d passed, 0 failed\n", selected.cases)
	if err != nil || !passed || !strings.HasSuffix(output.String(), all) {
		t.Errorf("error %v, want %q:\n%s", err, all, &output)
	}
}

func suites(t *testing.T, change change) (files []string) {
	t.Helper()
	embedded, err := testsuites.LoadTestSuites()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range embedded {
		suite := &conformancev1.TestSuite{}
		if err := (protoyaml.UnmarshalOptions{Path: name}).Unmarshal(data, suite); err != nil {
			t.Fatal(err)
		}
		for _, testCase := range suite.GetTestCases() {
			change(suite.GetName(), testCase)
		}
		files = append(files, write(t, strings.TrimSuffix(filepath.Base(name), ".yaml"), suite))
	}
	return files
}

// write writes a message to a file as JSON, which is YAML, too.
func write(t *testing.T, name string, message proto.Message) string {
	t.Helper()
	raw, err := protojson.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name+".yaml")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A selection says what the server can do, which cases to leave out all the same, and how
// many remain.
type selection struct {
	features *conformancev1.Features
	skip     []string
	cases    int
}

func selected() selection {
	if os.Getenv("OIDCRPC_CONFORMANCE") == "1" {
		return whole
	}
	return ordinary
}

var ordinary = selection{
	features: &conformancev1.Features{
		Codecs:       []conformancev1.Codec{conformancev1.Codec_CODEC_PROTO},
		Compressions: []conformancev1.Compression{conformancev1.Compression_COMPRESSION_IDENTITY},
		SupportsTls:  proto.Bool(false),
	},
	skip:  []string{"Timeouts/**", "Deadline Propagation/**"}, // a busy machine fails them
	cases: 560,
}

var whole = selection{
	features: &conformancev1.Features{
		Versions: []conformancev1.HTTPVersion{
			conformancev1.HTTPVersion_HTTP_VERSION_1,
			conformancev1.HTTPVersion_HTTP_VERSION_2,
			conformancev1.HTTPVersion_HTTP_VERSION_3,
		},
		Compressions: []conformancev1.Compression{
			conformancev1.Compression_COMPRESSION_IDENTITY,
			conformancev1.Compression_COMPRESSION_GZIP,
			conformancev1.Compression_COMPRESSION_BR,
			conformancev1.Compression_COMPRESSION_ZSTD,
			conformancev1.Compression_COMPRESSION_DEFLATE,
			conformancev1.Compression_COMPRESSION_SNAPPY,
		},
		SupportsTlsClientCerts:          proto.Bool(true),
		SupportsHalfDuplexBidiOverHttp1: proto.Bool(true),
	},
	cases: 13022,
}
