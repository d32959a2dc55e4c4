package main

import "encoding/binary"

// A packet is an IPv4 packet as it travels.
type packet []byte

const (
	protocolTCP = 6

	flagFIN, flagSYN, flagRST, flagACK = 1, 2, 4, 16
)

// A flow names a TCP connection, in either direction.
type flow struct {
	issuer       [4]byte
	verifierPort uint16
}

func (p packet) isIPv4() bool { return len(p) >= 20 && p[0]>>4 == 4 }

func (p packet) source() [4]byte { return [4]byte(p[12:16]) }

func (p packet) destination() [4]byte { return [4]byte(p[16:20]) }

// tcp returns the TCP segment in p, or nil.
func (p packet) tcp() []byte {
	if !p.isIPv4() || p[9] != protocolTCP {
		return nil
	}
	header := int(p[0]&15) * 4
	if len(p) < header+20 {
		return nil
	}
	return p[header:]
}

func (p packet) flow() (f flow, ok bool) {
	segment := p.tcp()
	if segment == nil {
		return f, false
	}
	if p.source() == verifierAddress {
		return flow{p.destination(), binary.BigEndian.Uint16(segment)}, true
	}
	return flow{p.source(), binary.BigEndian.Uint16(segment[2:])}, true
}

// reset returns a firewall's answer to a TCP segment, if it refuses it (RFC 9293, section
// 3.5.2), or nil.
func (p packet) reset() packet {
	segment := p.tcp()
	if segment == nil || segment[13]&flagRST != 0 {
		return nil
	}
	answer := make(packet, 40)
	answer[0], answer[3], answer[8], answer[9] = 4<<4|5, 40, 64, protocolTCP
	copy(answer[12:16], p[16:20])
	copy(answer[16:20], p[12:16])
	binary.BigEndian.PutUint16(answer[10:], checksum(0, answer[:20]))

	reset := answer[20:]
	copy(reset[0:2], segment[2:4])
	copy(reset[2:4], segment[0:2])
	reset[12] = 5 << 4
	if segment[13]&flagACK != 0 {
		copy(reset[4:8], segment[8:12])
		reset[13] = flagRST
	} else {
		length := len(segment) - int(segment[12]>>4)*4
		if segment[13]&(flagSYN|flagFIN) != 0 {
			length++
		}
		sequence := binary.BigEndian.Uint32(segment[4:])
		binary.BigEndian.PutUint32(reset[8:], sequence+uint32(length))
		reset[13] = flagRST | flagACK
	}
	pseudoHeader := checksumOf(answer[12:20]) + protocolTCP + uint32(len(reset))
	binary.BigEndian.PutUint16(reset[16:], checksum(pseudoHeader, reset))
	return answer
}

// checksum is the Internet checksum (RFC 1071). The length of data is even.
func checksum(sum uint32, data []byte) uint16 {
	sum += checksumOf(data)
	for sum > 0xFFFF {
		sum = sum>>16 + sum&0xFFFF
	}
	return ^uint16(sum)
}

func checksumOf(data []byte) (sum uint32) {
	for i := 0; i < len(data); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	return sum
}
