//go:build !docker

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A lab that was built without what starts containers says how to get one that can.
func TestLabWithoutDockerSaysSo(t *testing.T) {
	alone(t)
	for _, args := range [][]string{{"run", "calm", "--stack", "docker"}, {"mutants", "no-confirms", "--stack", "docker"}, {"selftest", "faults", "--stack", "docker"}} {
		code, out, errOut := call(t, args...)
		assert.Equal(t, exitUsage, code, "%s%s", out, errOut)
		assert.Contains(t, errOut, "make build STACK=docker")
	}
}
