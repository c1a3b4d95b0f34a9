package docker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/change"
	"eventflow/scenarios/stack/compose"
	"eventflow/toxiproxy/topology"
)

// inside is the block of ports that docker-compose.yml publishes, and on which the
// links listen inside the proxy's container.
var inside = topology.Block{Base: topology.DemoBase, Public: true}

// plan is docker-compose.yml, changed as this stack is to be changed, with this
// stack's secrets.
type plan struct {
	*types.Project
	built map[string]string // image -> a service that has it built
}

// read reads the file and changes what is to be changed.
func (s *Stack) read(ctx context.Context, source string) error {
	project, err := compose.Load(ctx, source, s.secrets.Compose())
	if err != nil {
		return err
	}
	s.plan = plan{Project: project, built: map[string]string{}}
	if err := s.plan.choose(s.topo); err != nil {
		return fmt.Errorf("%s: %w", compose.File, err)
	}
	if err := s.change(source); err != nil {
		return fmt.Errorf("change the plan: %w", err)
	}
	return nil
}

// choose keeps the services of the map. The others are for people: each has a
// profile, or it would be missing here and nobody would know why.
func (p *plan) choose(m topology.Map) error {
	var errs []error
	chosen := types.Services{}
	for _, svc := range m.Services {
		config, ok := p.Services[string(svc.Name)]
		if !ok {
			errs = append(errs, fmt.Errorf("service %s is missing", svc.Name))
			continue
		}
		chosen[string(svc.Name)] = config
		if config.Build != nil {
			p.built[config.Image] = config.Name
		}
	}
	for name, config := range p.Services {
		if _, ok := chosen[name]; !ok && len(config.Profiles) == 0 {
			errs = append(errs, fmt.Errorf("service %s is on no map and has no profile", name))
		}
	}
	for name, config := range chosen {
		for dependency := range config.DependsOn {
			if _, ok := chosen[dependency]; !ok {
				errs = append(errs, fmt.Errorf("service %s depends on %s, which is on no map", name, dependency))
			}
		}
	}
	p.Services = chosen
	return errors.Join(errs...)
}

// change makes the plan other than the file says, in what this stack was asked to
// be other. Nothing may be asked for in vain.
func (s *Stack) change(source string) error {
	changes := s.cfg.changes()
	for _, p := range stack.Programs() {
		err := s.plan.edit(p.Service, func(c *types.ServiceConfig) error {
			tell(c, p.Service, changes)
			return s.replaceProgram(c, p)
		})
		if err != nil {
			return err
		}
	}
	for server := range changes.Settings {
		if err := s.plan.edit(server, func(c *types.ServiceConfig) error { return set(c, server, changes) }); err != nil {
			return err
		}
	}
	return s.replaceFiles(source)
}

// edit changes one service of the plan.
func (p *plan) edit(n topology.Name, how func(*types.ServiceConfig) error) error {
	config := p.Services[string(n)]
	if err := how(&config); err != nil {
		return fmt.Errorf("%s: %w", n, err)
	}
	p.Services[string(n)] = config
	return nil
}

func tell(c *types.ServiceConfig, program topology.Name, changes change.Changes) {
	more := map[string]string{}
	changes.Tell(program, more)
	for name, value := range more {
		c.Environment[name] = &value
	}
}

// replaceProgram puts a program that was built from edited source in the place of
// the image's.
func (s *Stack) replaceProgram(c *types.ServiceConfig, p stack.Program) error {
	if s.tree.Overlay() == "" {
		return nil
	}
	where := "/" + p.Binary
	if len(c.Command) == 0 || c.Command[0] != where {
		return fmt.Errorf("its command is %v, not %s: an edited program would not be run", c.Command, where)
	}
	c.Volumes = append(c.Volumes, types.ServiceVolumeConfig{
		Type: types.VolumeTypeBind, Source: s.path("bin", p.Binary), Target: where, ReadOnly: true,
	})
	return nil
}

// replaceFiles mounts an edited file wherever the file itself is mounted.
func (s *Stack) replaceFiles(source string) error {
	for _, file := range s.tree.Files() {
		if filepath.Ext(file) == ".go" {
			continue
		}
		mounted := false
		for _, config := range s.plan.Services {
			for i, v := range config.Volumes {
				if v.Source == filepath.Join(source, filepath.FromSlash(file)) {
					config.Volumes[i].Source, mounted = s.tree.Path(file), true
				}
			}
		}
		if !mounted {
			return fmt.Errorf("no container is given %s: editing it would change nothing", file)
		}
	}
	return nil
}

// set changes a server's configuration by its command line, where the last word
// counts.
func set(c *types.ServiceConfig, server topology.Name, changes change.Changes) error {
	for name, value := range changes.Set(server) {
		switch server {
		case topology.PostgresDB:
			c.Command = append(c.Command, "-c", name+"="+value)
		case topology.RedisDB:
			words, err := redisWords(value)
			if err != nil {
				return fmt.Errorf("setting %s: %w", name, err)
			}
			c.Command = append(append(c.Command, "--"+name), words...)
		case topology.RabbitMQ:
			if err := setRabbit(c, name, value); err != nil {
				return fmt.Errorf("setting %s: %w", name, err)
			}
		}
	}
	return nil
}

// redisWords splits what stands behind a name in redis.conf. Redis takes each
// argument of its command line for one word.
func redisWords(value string) ([]string, error) {
	var words []string
	for rest := strings.TrimSpace(value); rest != ""; {
		if rest[0] != '"' {
			word, after, _ := strings.Cut(rest, " ")
			words, rest = append(words, word), strings.TrimSpace(after)
			continue
		}
		end := strings.Index(rest[1:], `"`)
		if end < 0 {
			return nil, fmt.Errorf("%s ends within quotes", value)
		}
		words, rest = append(words, rest[1:1+end]), strings.TrimSpace(rest[2+end:])
	}
	return words, nil
}

// erlangArguments is the variable whose words the broker's start script hands to
// Erlang.
const erlangArguments = "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"

// setRabbit sets one term. Erlang does not say which of two values of one name it
// takes, so the file's own goes.
func setRabbit(c *types.ServiceConfig, name, term string) error {
	term = strings.ReplaceAll(term, " ", "")
	if strings.ContainsAny(term, "\t\n\"'") {
		return fmt.Errorf("%q cannot be told on a command line", term)
	}
	var words []string
	if now := c.Environment[erlangArguments]; now != nil {
		words = strings.Fields(*now)
	}
	for i := 0; i+2 < len(words); i++ {
		if words[i] == "-rabbit" && words[i+1] == name {
			words = slices.Delete(words, i, i+3)
		}
	}
	all := strings.Join(append(words, "-rabbit", name, term), " ")
	c.Environment[erlangArguments] = &all
	return nil
}
