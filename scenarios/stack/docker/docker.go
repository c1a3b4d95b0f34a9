// Package docker runs EventFlow as containers: what docker-compose.yml says, with
// networks, volumes, ports and secrets of this stack's own.
//
// The file that people start is the plan from which tests start: whatever of it
// this package does not understand is an error, never left out. It must not know
// what the stack is used for: it sells nothing and judges nothing.
package docker

import "time"

// patience is for what takes milliseconds: an answer on loopback, the death of a
// killed container.
const patience = 5 * time.Second
