//go:build !linux

package machine

func read([]int) (reading, error) { return reading{}, ErrUnsupported }
