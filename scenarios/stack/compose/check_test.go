package compose_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// change is one edit of docker-compose.yml that a rule has to refuse.
type change func(*types.Project)

// rules are what docker-compose.yml has to keep, each with edits that show that the
// rule has teeth.
var rules = []struct {
	name    string
	holds   func(subject) error
	refuses map[string]change
}{
	{"the services are the map's", services, map[string]change{
		"one is missing":          func(p *types.Project) { delete(p.Services, "app-2") },
		"one too many":            func(p *types.Project) { p.Services["app-4"] = p.Services["app-3"] },
		"only some people start":  edit("redis", func(s *types.ServiceConfig) { s.Profiles = []string{"extra"} }),
		"everybody has exporters": edit("redis-exporter", func(s *types.ServiceConfig) { s.Profiles = nil }),
	}},
	{"images are pinned", images, map[string]change{
		"latest":              edit("postgres", func(s *types.ServiceConfig) { s.Image = "postgres:latest" }),
		"no tag":              edit("postgres", func(s *types.ServiceConfig) { s.Image = "postgres" }),
		"ours from elsewhere": edit("app-1", func(s *types.ServiceConfig) { s.Build = nil }),
		"the wrong version":   edit("app-1", func(s *types.ServiceConfig) { s.Image = "eventflow/system:other" }),
	}},
	{"programs are told what the plan says", environment, map[string]change{
		"another's link":        setenv("app-1", "POSTGRES_ADDR", "toxiproxy:21049"),
		"round the proxy":       setenv("app-1", "REDIS_ADDR", "redis:6379"),
		"another's role":        setenv("consumer", "POSTGRES_USER", "postgres"),
		"a deadline of its own": setenv("app-3", "HANDLER_TIMEOUT", "9s"),
		"the private key":       setenv("app-1", "AUTH_PRIVATE_KEY", "x"),
		"one is forgotten":      edit("auth", func(s *types.ServiceConfig) { delete(s.Environment, "POSTGRES_DB") }),
		"another's name":        setenv("app-2", "NODE", "app-1"),
		"another program":       edit("auth", func(s *types.ServiceConfig) { s.Command = []string{"/app"} }),
		"an empty past":         setenv("consumer", "NEW_SYSTEM", "true"),
	}},
	{"servers are told what the plan says", servers, map[string]change{
		"a node round its proxy": setenv("nginx", "APP_1_ADDR", "app-1:8080"),
		"two nodes are one":      setenv("nginx", "APP_2_ADDR", "toxiproxy:21040"),
		"another port":           setenv("nginx", "NGINX_LISTEN", "0.0.0.0:80"),
		"another password":       setenv("postgres", "EVENTFLOW_AUTH_PASSWORD", "x"),
		"another database":       setenv("postgres", "POSTGRES_DB", "postgres"),
		"another user":           setenv("rabbitmq", "RABBITMQ_DEFAULT_USER", "guest"),
	}},
	{"what drills depend on is as in every stack", behaviour, map[string]change{
		"queues tell seldom":         replaceEnv("rabbitmq", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "interval 250 ", "interval 5000 "),
		"a relative watermark":       replaceEnv("rabbitmq", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "{absolute,1073741824}", "0.4"),
		"killed before it is full":   edit("rabbitmq", func(s *types.ServiceConfig) { s.MemLimit = 1 << 30 }),
		"data of a nameless host":    edit("rabbitmq", func(s *types.ServiceConfig) { s.Hostname = "" }),
		"locks forgotten":            edit("redis", func(s *types.ServiceConfig) { s.Command = slices.DeleteFunc(s.Command, is("--appendonly")) }),
		"open to everybody":          edit("redis", func(s *types.ServiceConfig) { s.Command = []string{"redis-server", "--appendonly", "yes"} }),
		"too few sessions for pools": edit("postgres", func(s *types.ServiceConfig) { s.Command = []string{"postgres"} }),
	}},
	{"ports are the map's, on loopback", ports, map[string]change{
		"the whole network":       edit("postgres", func(s *types.ServiceConfig) { s.Ports[0].HostIP = "0.0.0.0" }),
		"no address":              edit("redis", func(s *types.ServiceConfig) { s.Ports[0].HostIP = "" }),
		"moved":                   edit("app-1", func(s *types.ServiceConfig) { s.Ports[0].Published = "21029" }),
		"another listener":        edit("rabbitmq", func(s *types.ServiceConfig) { s.Ports[0].Target = 5672 }),
		"one that nobody needs":   edit("rabbitmq", func(s *types.ServiceConfig) { s.Ports = append(s.Ports, tcp("21012", 5672)) }),
		"a link is out of reach":  edit("toxiproxy", func(s *types.ServiceConfig) { s.Ports = s.Ports[1:] }),
		"an exporter for anybody": edit("redis-exporter", func(s *types.ServiceConfig) { s.Ports = append(s.Ports, tcp("9121", 9121)) }),
	}},
	{"no way leads round a proxy", networks, map[string]change{
		"a node among the stores":         join("app-1", "stores"),
		"nginx among the nodes":           join("nginx", "shop"),
		"auth at the edge":                join("auth", "edge"),
		"a network for all":               func(p *types.Project) { join("postgres", "default")(p); join("app-1", "default")(p) },
		"the host's network":              edit("app-1", func(s *types.ServiceConfig) { s.NetworkMode = "host" }),
		"no way to the proxies":           edit("app-1", func(s *types.ServiceConfig) { s.Networks = nil }),
		"Prometheus is blind":             edit("prometheus", func(s *types.ServiceConfig) { delete(s.Networks, "shop") }),
		"Grafana sees the ledger":         join("grafana", "stores"),
		"an exporter is elsewhere":        edit("nginx-exporter", func(s *types.ServiceConfig) { s.Networks = map[string]*types.ServiceNetworkConfig{"shop": nil} }),
		"another address for the proxies": edit("nginx", func(s *types.ServiceConfig) { s.ExtraHosts["toxiproxy"] = []string{"10.0.0.1"} }),
		"a name of its own":               edit("app-1", func(s *types.ServiceConfig) { s.ExtraHosts = types.HostsList{"postgres": {"10.0.0.1"}} }),
	}},
	{"files of the source tree are where they are read", mounts, map[string]change{
		"no schema":        edit("postgres", func(s *types.ServiceConfig) { s.Volumes = s.Volumes[:1] }),
		"no shop":          setenv("nginx", "WEB_ROOT", "/usr/share/nginx/html"),
		"another template": edit("nginx", func(s *types.ServiceConfig) { s.Volumes[1].Target = "/etc/nginx/conf.d/x" }),
	}},
	{"the proxy server's links are the map's", proxies, map[string]change{
		"another list":  edit("toxiproxy", func(s *types.ServiceConfig) { s.Volumes[0].Source = filepath.Join(tree(), "go.mod") }),
		"not mounted":   edit("toxiproxy", func(s *types.ServiceConfig) { s.Volumes[0].Target = "/elsewhere" }),
		"no list":       edit("toxiproxy", func(s *types.ServiceConfig) { s.Command = []string{"-host", "0.0.0.0"} }),
		"another place": edit("toxiproxy", func(s *types.ServiceConfig) { s.Command = []string{"-config", "/tmp/x"} }),
	}},
	{"health is asked for in the service's own protocol", health, map[string]change{
		"nobody asks":          edit("redis", func(s *types.ServiceConfig) { s.HealthCheck = nil }),
		"switched off":         edit("redis", func(s *types.ServiceConfig) { s.HealthCheck.Disable = true }),
		"as costly as a drill": edit("redis", func(s *types.ServiceConfig) { s.HealthCheck.Interval = seconds(1) }),
		"people wait":          edit("redis", func(s *types.ServiceConfig) { s.HealthCheck.StartInterval = seconds(5) }),
		"a shell that is not there": edit("app-1", func(s *types.ServiceConfig) {
			s.HealthCheck.Test = types.HealthCheckTest{"CMD-SHELL", "wget localhost"}
		}),
	}},
	{"a client starts after what it needs", order, map[string]change{
		"does not wait": edit("app-1", func(s *types.ServiceConfig) { delete(s.DependsOn, "redis") }),
		"waits for a start": edit("auth", func(s *types.ServiceConfig) {
			s.DependsOn["postgres"] = types.ServiceDependency{Condition: types.ServiceConditionStarted, Required: true}
		}),
		"dies with it": edit("nginx", func(s *types.ServiceConfig) {
			s.DependsOn["toxiproxy"] = types.ServiceDependency{Condition: types.ServiceConditionHealthy, Restart: true, Required: true}
		}),
	}},
	{"nobody brings back what a drill has killed", restarts, map[string]change{
		"always":         edit("postgres", func(s *types.ServiceConfig) { s.Restart = "always" }),
		"unless stopped": edit("postgres", func(s *types.ServiceConfig) { s.Restart = "unless-stopped" }),
		"never":          edit("postgres", func(s *types.ServiceConfig) { s.Restart = "" }),
	}},
	{"everybody has limits", limits, map[string]change{
		"memory":                        edit("redis", func(s *types.ServiceConfig) { s.MemLimit = 0 }),
		"processors":                    edit("redis", func(s *types.ServiceConfig) { s.CPUS = 0 }),
		"more than a small machine has": edit("redis", func(s *types.ServiceConfig) { s.CPUS = 4 }),
		"processes":                     edit("redis", func(s *types.ServiceConfig) { s.PidsLimit = 0 }),
		"log":                           edit("redis", func(s *types.ServiceConfig) { s.Logging = nil }),
		"files":                         edit("redis", func(s *types.ServiceConfig) { s.Ulimits = nil }),
		"a log of one file without end": edit("redis", func(s *types.ServiceConfig) { s.Logging = &types.LoggingConfig{Driver: "json-file"} }),
	}},
	{"a program may finish what it has in hand", graces, map[string]change{
		"killed at once": edit("app-1", func(s *types.ServiceConfig) { s.StopGracePeriod = seconds(1) }),
		"the default":    edit("consumer", func(s *types.ServiceConfig) { s.StopGracePeriod = nil }),
	}},
	{"a service has no rights that it does not need", confinement, map[string]change{
		"writes anywhere":      edit("nginx", func(s *types.ServiceConfig) { s.ReadOnly = false }),
		"root":                 edit("nginx", func(s *types.ServiceConfig) { s.User = "" }),
		"root by number":       edit("app-1", func(s *types.ServiceConfig) { s.User = "0:0" }),
		"keeps rights":         edit("redis", func(s *types.ServiceConfig) { s.CapDrop = nil }),
		"gets rights":          edit("redis", func(s *types.ServiceConfig) { s.CapAdd = []string{"NET_ADMIN"} }),
		"may become root":      edit("redis", func(s *types.ServiceConfig) { s.SecurityOpt = nil }),
		"no filter of calls":   edit("redis", func(s *types.ServiceConfig) { s.SecurityOpt = append(s.SecurityOpt, "seccomp=unconfined") }),
		"privileged":           edit("lab", func(s *types.ServiceConfig) { s.Privileged = true }),
		"sees the host":        edit("lab", func(s *types.ServiceConfig) { s.Pid = "host" }),
		"has the engine":       mount("lab", "/var/run/docker.sock", true),
		"writes into the tree": mount("nginx", filepath.Join(abs(tree()), "web"), false),
		"sees secrets":         mount("nginx", abs(tree()), true),
		"nameless data":        edit("redis", func(s *types.ServiceConfig) { s.Volumes[0].Source = "" }),
	}},
	{"what has to outlive down is in a volume", data, map[string]change{
		"the ledger":       edit("postgres", func(s *types.ServiceConfig) { s.Volumes = s.Volumes[1:] }),
		"another place":    edit("redis", func(s *types.ServiceConfig) { s.Volumes[0].Target = "/var/lib/redis" }),
		"another's volume": edit("rabbitmq", func(s *types.ServiceConfig) { s.Volumes[0].Source = "redis" }),
	}},
	{"no secret is written down", hidden, map[string]change{
		"a password":        setenv("grafana", "GF_SECURITY_ADMIN_PASSWORD", "admin"),
		"within an address": replaceEnv("lab", "LAB_OBSERVER", "postgres:", "postgres:local-lab-only"),
		"in a command": func(p *types.Project) {
			edit("redis", func(s *types.ServiceConfig) { s.Command = append(s.Command, *s.Environment["REDISCLI_AUTH"]) })(p)
		},
	}},
	{"observers know where to look", observers, map[string]change{
		"the lab through a proxy":  setenv("lab", "LAB_REDIS", "redis://:x@toxiproxy:21044"),
		"a program is not watched": replaceEnv("lab", "LAB_HEALTH", ",consumer=http://consumer:8080", ""),
		"an exporter goes unnamed": replaceEnv("postgres-exporter", "DATA_SOURCE_URI", "&application_name=eventflow-observer-exporter", ""),
		"Prometheus is a stranger": edit("toxiproxy", func(s *types.ServiceConfig) { s.Command = slices.DeleteFunc(s.Command, is("toxiproxy")) }),
		"the shop's port is asked": edit("nginx-exporter", func(s *types.ServiceConfig) { s.Command = []string{"--nginx.scrape-uri=http://nginx:8888/stub_status"} }),
	}},
}

func TestTheFileKeepsTheRules(t *testing.T) {
	for name, secrets := range map[string]stack.Secrets{"with the file's own secrets": stack.LocalSecrets(), "with generated secrets": stack.NewSecrets()} {
		s := subject{load(t, secrets.Compose()), secrets, topology.EventFlow()}
		for _, r := range rules {
			if r.name == "no secret is written down" && secrets.Redis == stack.LocalSecrets().Redis {
				continue // the file's own are
			}
			t.Run(r.name+" "+name, func(t *testing.T) { assert.NoError(t, r.holds(s)) })
		}
	}
}

func TestTheRulesHaveTeeth(t *testing.T) {
	secrets := stack.NewSecrets()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			require.NotEmpty(t, r.refuses)
			for _, name := range slices.Sorted(maps.Keys(r.refuses)) {
				p := load(t, secrets.Compose()) // read anew: what the library calls a copy shares parts
				r.refuses[name](p)
				assert.Error(t, r.holds(subject{p, secrets, topology.EventFlow()}), name)
			}
		})
	}
}

// The file's own values are for a machine that nobody else reaches, and say so.
func TestLiteralSecretsSayThatTheyAreNone(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(tree(), "docker-compose.yml"))
	require.NoError(t, err)
	local := stack.LocalSecrets().Compose()
	found := regexp.MustCompile(`\$\{(EVENTFLOW_[A-Z_]+_(?:PASSWORD|KEY)):-([^}]*)\}`).FindAllStringSubmatch(string(text), -1)
	seen := map[string]bool{}
	for _, f := range found {
		assert.Equal(t, local[f[1]], f[2], f[1])
		seen[f[1]] = true
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(local)), slices.Collect(maps.Keys(seen)))
	for _, value := range local {
		assert.Equal(t, strings.Count(string(text), value), strings.Count(string(text), ":-"+value+"}"), "%s stands somewhere else, too", value)
	}
}

// Opening the shop opens nothing else.
func TestOnlyTheShopIsOpened(t *testing.T) {
	env := stack.NewSecrets().Compose()
	env["EVENTFLOW_BIND"] = "192.0.2.7"
	var open []string
	for name, svc := range load(t, env).Services {
		for _, p := range svc.Ports {
			if p.HostIP != "127.0.0.1" {
				open = append(open, name+" "+p.HostIP+":"+p.Published)
			}
		}
	}
	assert.Equal(t, []string{"nginx 192.0.2.7:8888"}, open)
}

// What stands outside the site is the same in both stacks where buyers notice it.
func TestTheEdgeTakesAsManyConnectionsInEveryStack(t *testing.T) {
	container := read(t, "system", "nginx", "nginx.conf")
	native := read(t, "scenarios", "stack", "native", "nginx.go")
	for _, setting := range []string{"worker_processes 2;", "worker_connections 4096;", "keepalive_requests 1000000;"} {
		assert.Contains(t, container, setting)
		assert.Contains(t, native, setting)
	}
}

// Our own programs stand in images without a shell or root, the shop's pages in a
// pinned nginx's; and no Dockerfile needs a registry's frontend.
func TestDockerfiles(t *testing.T) {
	const bare = "FROM gcr.io/distroless/static-debian12:nonroot"
	for dir, last := range map[string]string{"system": bare, "toxiproxy": bare, "scenarios": bare, "web": "FROM nginx:1.28-alpine"} {
		text := read(t, dir, "Dockerfile")
		stages := regexp.MustCompile(`(?m)^FROM .*$`).FindAllString(text, -1)
		require.NotEmpty(t, stages, dir)
		assert.Equal(t, last, stages[len(stages)-1], dir)
		assert.NotContains(t, text, "# syntax=", dir)
		assert.NotContains(t, text, "USER root", dir)
		assert.Contains(t, text, "--mount=type=cache", dir)
		assert.Contains(t, text, `org.opencontainers.image.version="$VERSION"`, dir)
	}
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{tree()}, elem...)...))
	require.NoError(t, err)
	return string(text)
}

// edit changes one service.
func edit(service string, how func(*types.ServiceConfig)) change {
	return func(p *types.Project) {
		s := p.Services[service]
		how(&s)
		p.Services[service] = s
	}
}

func setenv(service, name, value string) change {
	return edit(service, func(s *types.ServiceConfig) { s.Environment[name] = &value })
}

// replaceEnv edits a part of a variable's value.
func replaceEnv(service, name, old, with string) change {
	return edit(service, func(s *types.ServiceConfig) {
		value := strings.ReplaceAll(*s.Environment[name], old, with)
		s.Environment[name] = &value
	})
}

func join(service, network string) change {
	return edit(service, func(s *types.ServiceConfig) { s.Networks[network] = nil })
}

func mount(service, source string, readOnly bool) change {
	return edit(service, func(s *types.ServiceConfig) {
		s.Volumes = append(s.Volumes, types.ServiceVolumeConfig{Type: types.VolumeTypeBind, Source: source, Target: "/x", ReadOnly: readOnly})
	})
}

func tcp(published string, target uint32) types.ServicePortConfig {
	return types.ServicePortConfig{Mode: "ingress", HostIP: "127.0.0.1", Published: published, Target: target, Protocol: "tcp"}
}

func seconds(n int) *types.Duration {
	d := types.Duration(time.Duration(n) * time.Second)
	return &d
}

func is(word string) func(string) bool { return func(s string) bool { return s == word } }

func abs(path string) string {
	full, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return full
}
