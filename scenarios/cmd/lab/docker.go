//go:build docker

package main

import (
	"context"
	"errors"
)

// startsContainers says that this lab was built to.
func startsContainers() error { return nil }

func raiseDocker(context.Context, plan, *printer) (*bench, error) {
	return nil, environment(errors.New("this lab does not start containers yet; --stack native or running"))
}
