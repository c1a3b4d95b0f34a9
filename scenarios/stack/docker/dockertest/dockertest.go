// Package dockertest says whether tests that need containers can run here. It must
// not know what they start.
package dockertest

import (
	"os"
	"testing"

	"eventflow/scenarios/stack/docker"
)

// Required is the environment variable that turns "skipped" into "failed": with
// the value "required", for machines that are there to run these tests.
const Required = "EVENTFLOW_DOCKER"

// Require skips the test, and says why, where no container engine answers; and with
// -short, since a stack of containers leaves other packages' tests no processor.
func Require(t testing.TB) {
	t.Helper()
	if testing.Short() && os.Getenv(Required) != "required" {
		t.Skip("SKIPPED with -short: it starts containers, and `make containers` plays it")
	}
	_, err := docker.Answers(t.Context())
	switch {
	case err == nil:
	case os.Getenv(Required) == "required":
		t.Fatalf("%s=required: %v", Required, err)
	default:
		t.Skipf("SKIPPED, not proven here: %v; %s=required makes this a failure", err, Required)
	}
}
