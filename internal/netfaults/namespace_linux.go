package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// A namespace is a separate network. It has no name, so it ends with its last process and
// leaves nothing to clean up.
type namespace struct{ fd int }

func newNamespace() (namespace, error) {
	n := namespace{fd: -1}
	err := onOwnThread(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		n.fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("new network namespace: %w", err)
	}
	return n, nil
}

// do runs f inside. Processes started by f stay there.
func (n namespace) do(f func() error) error {
	return onOwnThread(func() error {
		if err := unix.Setns(n.fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return f()
	})
}

// onOwnThread runs f on a new thread, which ends with f: it may be in another namespace by
// then.
func onOwnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// openTUN makes a device with these addresses in the calling thread's namespace. What the kernel sends to the network is read from the file, and what's written to the
// file arrives from the network.
func openTUN(addresses ...[4]byte) (*os.File, error) {
	const name = "wire"
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return nil, fmt.Errorf("make a TUN device: %w", err)
	}
	for i, address := range addresses {
		alias := name
		if i > 0 {
			alias = fmt.Sprintf("%s:%d", name, i)
		}
		if err := setAddress(alias, address); err != nil {
			return nil, err
		}
	}
	return os.NewFile(uintptr(fd), name), setUp(name)
}

func setAddress(device string, address [4]byte) error {
	return configure(device, func(socket int, request *unix.Ifreq) error {
		mask := [4]byte{255, 255, 255, 0}
		return errors.Join(
			request.SetInet4Addr(address[:]), unix.IoctlIfreq(socket, unix.SIOCSIFADDR, request),
			request.SetInet4Addr(mask[:]), unix.IoctlIfreq(socket, unix.SIOCSIFNETMASK, request))
	})
}

func setUp(device string) error {
	return configure(device, func(socket int, request *unix.Ifreq) error {
		if err := unix.IoctlIfreq(socket, unix.SIOCGIFFLAGS, request); err != nil {
			return err
		}
		request.SetUint16(request.Uint16() | unix.IFF_UP)
		return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
	})
}

func configure(device string, f func(socket int, request *unix.Ifreq) error) error {
	request, err := unix.NewIfreq(device)
	if err != nil {
		return err
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	if err := f(socket, request); err != nil {
		return fmt.Errorf("configure device %s: %w", device, err)
	}
	return nil
}
