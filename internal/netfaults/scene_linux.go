package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
	"golang.org/x/sys/unix"
)

// A scene is a verifier's network with an issuer at its other end. The verifier's end is
// this process, in its namespace.
type scene struct {
	cable     *cable
	names     *nameServer
	authority *authority
	issuer    *issuer
}

// newScene also changes this process: its default transport resolves names by the scene's
// server, and trusts the scene's authority.
func newScene(http1 bool) (*scene, error) {
	if err := errors.Join(setUp("lo"), os.Setenv("SSL_CERT_DIR", "")); err != nil {
		return nil, err
	}
	var s scene
	var err error
	if s.names, err = startNameServer(); err != nil {
		return nil, err
	}
	net.DefaultResolver = s.names.resolver()
	if s.authority, err = newAuthority(); err != nil {
		return nil, err
	}
	if err = trust(s.authority.pem()); err != nil {
		return nil, err
	}
	good, err := s.authority.issue(time.Now().Add(time.Hour))
	if err != nil {
		return nil, err
	}
	here, err := openTUN(verifierAddress)
	if err != nil {
		return nil, err
	}
	place, err := newNamespace()
	if err != nil {
		return nil, err
	}
	var there *os.File
	err = place.do(func() (err error) {
		there, err = openTUN(issuerAddress, movedAddress)
		return errors.Join(err, setUp("lo"))
	})
	if err != nil {
		return nil, err
	}
	s.cable = newCable(here, there)
	go s.cable.run()
	s.issuer = &issuer{place: place, state: State{HTTP1: http1, Pair: good}}
	s.issuer.rotate()
	return &s, s.issuer.start()
}

// trust makes this process trust an authority, from a file in memory.
func trust(pem []byte) error {
	fd, err := unix.MemfdCreate("authority", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, pem); err != nil {
		return err
	}
	return os.Setenv("SSL_CERT_FILE", fmt.Sprintf("/proc/self/fd/%d", fd))
}

// An issuer is the process at the other end, with its keys.
type issuer struct {
	place   namespace
	process *exec.Cmd
	orders  *rpc.Client
	state   State
	keys    []*verifiertest.Issuer // one for each key that was ever made
	oldest  int                    // of the keys that are published
}

func (i *issuer) start() error {
	cmd := exec.Command(os.Args[0], "-issuer")
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, i.place.do(cmd.Start)); err != nil {
		return fmt.Errorf("start the issuer: %w", err)
	}
	i.process = cmd
	i.orders = rpc.NewClient(struct {
		io.Reader
		io.WriteCloser
	}{out, in})
	return i.set(func(*State) {})
}

func (i *issuer) kill() {
	_ = i.process.Process.Kill()
	_ = i.process.Wait()
	_ = i.orders.Close()
}

func (i *issuer) pause() error { return i.process.Process.Signal(unix.SIGSTOP) }

func (i *issuer) resume() error { return i.process.Process.Signal(unix.SIGCONT) }

func (i *issuer) set(change func(*State)) error {
	change(&i.state)
	return i.orders.Call("Server.Set", i.state, nil)
}

// rotate makes a key, which signs from now on. The others stay.
func (i *issuer) rotate() {
	key := verifiertest.NewIssuer(verifiertest.WithURL(issuerURL))
	for range i.keys {
		key.Rotate() // its kid has the number of its rotation
	}
	i.keys = append(i.keys, key)
	i.state.JWKS = i.jwks()
}

// withdraw leaves only the newest key.
func (i *issuer) withdraw() {
	i.oldest = len(i.keys) - 1
	i.state.JWKS = i.jwks()
}

func (i *issuer) jwks() []byte {
	type set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	var all set
	for _, key := range i.keys[i.oldest:] {
		var one set
		_ = json.Unmarshal(key.JWKS(), &one)
		all.Keys = append(all.Keys, one.Keys...)
	}
	raw, _ := json.Marshal(all)
	return raw
}

// newest returns the signing key.
func (i *issuer) newest() *verifiertest.Issuer { return i.keys[len(i.keys)-1] }
