//go:build !linux

package machine

func read() (reading, error) { return reading{}, ErrUnsupported }
