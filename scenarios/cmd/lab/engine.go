package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"eventflow/scenarios/stack/native"
)

// What docker-compose.yml needs. The same numbers stand in stack/choose.sh, by which
// make chooses.
const (
	engineNeeded  = 25 // the first that knows start_interval of a health check
	composeNeeded = 2  // the first that knows conditions and profiles together
)

// engineDeadline bounds one question to the docker command, which waits for minutes
// for an engine that hangs.
const engineDeadline = 5 * time.Second

// containers is what the docker command says of this machine's containers.
type containers struct {
	engine, compose string // versions; empty: it does not answer
	why             error  // they cannot be used; nil: they can
	fix             string // for who wants them all the same
}

// askContainers asks by the command and no library: the doctor is there for
// machines on which something is missing.
func askContainers(ctx context.Context) (c containers) {
	if _, err := exec.LookPath("docker"); err != nil {
		return containers{why: errors.New("there is no docker command"), fix: "install Docker: https://docs.docker.com/engine/install"}
	}
	var err error
	if c.engine, err = askDocker(ctx, "version", "--format", "{{.Server.Version}}"); err != nil || c.engine == "" {
		c.engine, c.why, c.fix = "", fmt.Errorf("no container engine answers: %w", err), "start it (`systemctl start docker`, or Docker Desktop), and see `docker version`"
		return c
	}
	if major(c.engine) < engineNeeded {
		c.why, c.fix = fmt.Errorf("container engine %s is older than %d", c.engine, engineNeeded), "a newer engine: docker-compose.yml asks for health checks by start_interval"
		return c
	}
	if c.compose, err = askDocker(ctx, "compose", "version", "--short"); major(c.compose) < composeNeeded {
		c.why, c.fix = fmt.Errorf("docker compose %s is missing or older than %d: %w", c.compose, composeNeeded, err), "install the plugin: https://docs.docker.com/compose/install/linux"
	}
	return c
}

// askDocker runs the docker command and answers what it prints.
func askDocker(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, engineDeadline)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", args...).Output()
	var failed *exec.ExitError
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("no answer within %s", engineDeadline)
	case errors.As(err, &failed):
		err = errors.New(lastLine(string(failed.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// major is the version's first number; 0: there is none.
func major(version string) int {
	first, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return n
}

// ways are what this machine has to run EventFlow on. One of the two is enough; what
// the other lacks is told, and no fault.
func ways(ctx context.Context) []finding {
	servers := finding{what: "servers for --stack native are installed", err: native.Installed(), fix: "one of the commands above"}
	c := askContainers(ctx)
	docker := finding{what: "containers for --stack docker", err: c.why, fix: c.fix}
	if c.why == nil {
		docker.what = fmt.Sprintf("containers for --stack docker: engine %s, compose %s", c.engine, c.compose)
	}
	servers.spare, docker.spare = c.why == nil, servers.err == nil
	choice := finding{what: "`make chaos` takes native: " + fmt.Sprint(c.why)}
	if c.why == nil {
		choice.what = "`make chaos` takes docker, since it answers; STACK=native takes this machine's own servers"
	}
	findings := []finding{servers, docker, choice}
	if c.why == nil {
		findings = append(findings, images(ctx))
	}
	return findings
}

// images looks which of docker-compose.yml's images are not here yet: those of
// others are pulled, our own built, and both take their time before the first drill.
func images(ctx context.Context) finding {
	f := finding{what: "images of " + composeFile + " are here", spare: true, fix: "`make images` builds ours and pulls the others; so does the first drill"}
	dir, err := sourceTree()
	if err != nil {
		f.err = err
		return f
	}
	listed, err := askDocker(ctx, "compose", "--project-directory", dir, "config", "--images")
	if err != nil {
		f.err = err
		return f
	}
	var missing []string
	all := strings.Fields(listed)
	for _, image := range all {
		if _, err := askDocker(ctx, "image", "inspect", "--format", "{{.Id}}", image); err != nil {
			missing = append(missing, image)
		}
	}
	if len(missing) > 0 {
		f.err = fmt.Errorf("%d of %d are not: %s", len(missing), len(all), strings.Join(missing, ", "))
	}
	return f
}
