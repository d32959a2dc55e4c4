package main

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"
	"time"
)

func segment(from, to [4]byte, fromPort, toPort uint16, flags byte, payload int) packet {
	p := make(packet, 40+payload)
	p[0], p[9] = 4<<4|5, protocolTCP
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	copy(p[12:], from[:])
	copy(p[16:], to[:])
	binary.BigEndian.PutUint16(p[20:], fromPort)
	binary.BigEndian.PutUint16(p[22:], toPort)
	binary.BigEndian.PutUint32(p[24:], 1000)
	binary.BigEndian.PutUint32(p[28:], 2000)
	p[32], p[33] = 5<<4, flags
	return p
}

func TestResetAnswersWhatItRefuses(t *testing.T) {
	syn := segment(verifierAddress, issuerAddress, 4000, 443, flagSYN, 0).reset()
	if got := binary.BigEndian.Uint32(syn.tcp()[8:]); got != 1001 || syn.tcp()[13] != flagRST|flagACK {
		t.Errorf("a SYN is answered with acknowledgment %d, flags %b", got, syn.tcp()[13])
	}
	data := segment(verifierAddress, issuerAddress, 4000, 443, flagACK, 7).reset()
	if got := binary.BigEndian.Uint32(data.tcp()[4:]); got != 2000 || data.tcp()[13] != flagRST {
		t.Errorf("data are answered with sequence number %d, flags %b", got, data.tcp()[13])
	}
	if data.source() != issuerAddress || binary.BigEndian.Uint16(data.tcp()[2:]) != 4000 {
		t.Error("the reset goes elsewhere")
	}
	pseudoHeader := checksumOf(data[12:20]) + protocolTCP + 20
	if checksum(0, data[:20]) != 0 || checksum(pseudoHeader, data[20:]) != 0 {
		t.Error("a checksum is wrong")
	}
	if data.reset() != nil {
		t.Error("a reset is answered with a reset")
	}
}

func TestForgottenFlowIsLostInBothDirectionsAndANewOneIsNot(t *testing.T) {
	c := newCable(nil, nil)
	there := segment(verifierAddress, issuerAddress, 4000, 443, flagACK, 1)
	back := segment(issuerAddress, verifierAddress, 443, 4000, flagACK, 1)
	next := segment(verifierAddress, issuerAddress, 4001, 443, flagSYN, 0)
	arrives := func(p packet) bool { ok, _, _ := c.judge(p); return ok }
	if !arrives(there) || !arrives(back) {
		t.Error("packets are lost in fair weather")
	}
	c.forget()
	if arrives(there) || arrives(back) {
		t.Error("packets of a forgotten flow arrive")
	}
	if !arrives(next) {
		t.Error("packets of a new flow are lost")
	}
}

func TestCableCarriesWhatTheWeatherPermits(t *testing.T) {
	verifier, verifierEnd := net.Pipe()
	issuer, issuerEnd := net.Pipe()
	c := newCable(verifierEnd, issuerEnd)
	go c.run()
	defer verifier.Close()
	defer issuer.Close()
	p := segment(verifierAddress, issuerAddress, 4000, 443, flagSYN, 0)
	read := func(conn net.Conn) packet {
		buffer := make([]byte, 100)
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return buffer[:n]
	}

	c.set(weather{delay: time.Millisecond})
	if _, err := verifier.Write(p); err != nil {
		t.Fatal(err)
	}
	if got := read(issuer); !bytes.Equal(got, p) {
		t.Error("another packet arrives")
	}
	c.set(weather{loses: func(packet) bool { return true }})
	if _, err := verifier.Write(p); err != nil {
		t.Fatal(err)
	}
	c.set(weather{refuses: true})
	if _, err := verifier.Write(p); err != nil {
		t.Fatal(err)
	}
	if got := read(verifier); !bytes.Equal(got, p.reset()) {
		t.Error("a refused packet is not answered with a reset")
	}
}
