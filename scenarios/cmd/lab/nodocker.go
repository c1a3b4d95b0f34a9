//go:build !docker

package main

import "context"

// startsContainers says how to get a lab that does: what it takes is a tree of
// packages of the size of all the rest, so it is left out unless it is asked for.
func startsContainers() error {
	return usage("this lab was built without what starts containers; `make build STACK=docker` builds one with it (go build -tags docker -o bin/ ./scenarios/cmd/lab)")
}

func raiseDocker(context.Context, plan, *printer) (*bench, error) { return nil, startsContainers() }
